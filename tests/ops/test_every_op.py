"""Every registered operation over generated operands: to register one is to test it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from lamina.core.errors import LaminaError
from lamina.core.node import Example, Node, Operation, apply
from lamina.core.types import Type
from lamina.ops import REGISTRY, SCALARS
from lamina.ops.contraction import Contraction
from lamina.ops.gather import Gather, ScatterAdd
from lamina.ops.pointwise import Cast, Pointwise, example_operands
from lamina.ops.scalar import Scalar
from lamina.ops.structure import Alias, Detach
from lamina.ops.window import WindowMax, WindowSelect, WindowSpread
from tests.ops import checks


def _examples() -> list[Example]:
    rng = np.random.default_rng(1998)
    return [example for kind in REGISTRY for example in kind.examples(rng)]


EXAMPLES = _examples()
DIFFERENTIABLE = [
    e for e in EXAMPLES if checks.differentiable(e) and not isinstance(e.operation, Detach)
]


def _label(example: Example) -> str:
    shapes = "x".join(str(list(a.shape)) for a in example.operands)
    return f"{type(example.operation).__name__}-{example.operation.name}-{shapes}"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_every_kind_gives_examples() -> None:
    kinds = {type(example.operation) for example in EXAMPLES}
    assert kinds == set(REGISTRY)
    named = {e.operation.name for e in EXAMPLES if isinstance(e.operation, Pointwise)}
    assert named == set(SCALARS)


@pytest.mark.parametrize("example", EXAMPLES, ids=_label)
def test_value(example: Example) -> None:
    checks.check_shape_rule(example)
    checks.check_engines(example)


@pytest.mark.parametrize("example", DIFFERENTIABLE, ids=_label)
def test_derivatives(example: Example, rng: np.random.Generator) -> None:
    checks.check_derivatives(example, rng)


def test_detach_stops_derivatives() -> None:
    (example,) = Detach.examples(np.random.default_rng(0))
    function, primals = checks.as_function(example)
    _, tangent = checks.jvp(function, primals, primals)
    assert not np.asarray(tangent).any()


TAKE_ANYTHING = (Alias, Detach, Cast)


@pytest.mark.parametrize("kind", REGISTRY, ids=lambda kind: kind.__name__)
def test_misfits_are_errors_of_lamina(kind: type[Operation]) -> None:
    example = next(kind.examples(np.random.default_rng(0)))
    refused = 0
    for operands in checks.misfits(example):
        try:
            example.operation.infer(*operands)
        except LaminaError as error:
            assert example.operation.name in str(error)
            refused += 1
    assert bool(refused) != (kind in TAKE_ANYTHING)


@pytest.mark.parametrize("name", SCALARS)
def test_wrong_dtypes_are_errors(name: str) -> None:
    function = SCALARS[name]
    wrong = {"f": "int64", "n": "bool", "b": "float64"}
    for position, kind in enumerate(function.kinds):
        if kind == "a":
            continue
        good = ["bool" if k == "b" else "float64" for k in function.kinds]
        good[position] = wrong[kind]
        with pytest.raises(LaminaError, match=r"expected .* got"):
            Pointwise(function).infer(*[Type((2,), np.dtype(d)) for d in good])


# Planted faults: each check must catch a rule that is wrong ------------------------------------


def _with_partial(name: str, index: int, wrong: object) -> Scalar:
    """Return a copy of a function's record with one partial derivative replaced."""
    right = SCALARS[name]

    def derivatives(*arguments: object) -> tuple[object, ...]:
        assert right.derivatives is not None
        given = right.derivatives(*arguments)
        found = list(given) if isinstance(given, tuple) else [given]
        found[index] = wrong(*arguments) if callable(wrong) else wrong
        return tuple(found)

    return replace(right, name=f"wrong {name}", derivatives=derivatives)


PLANTED = [
    _with_partial("tanh", 0, lambda x, y: 1 - y),
    _with_partial("multiply", 1, lambda x, y, z: y),
    _with_partial("exp", 0, 1),
    _with_partial("divide", 1, lambda x, y, z: z / y),
    _with_partial("maximum", 0, lambda x, y, z: 1),
]


@pytest.mark.parametrize("function", PLANTED, ids=lambda f: f.name)
def test_a_wrong_partial_is_caught(function: Scalar, rng: np.random.Generator) -> None:
    example = Example(Pointwise(function), example_operands(function, (7,), rng))
    with pytest.raises(AssertionError):
        checks.check_forward(example, rng)


class WrongAdjoint(Contraction):
    """A contraction whose reverse rule forgets to flip: it doubles the cotangent."""

    def vjp(self, node: Node, index: int, cotangent: Node) -> Node:
        right = super().vjp(node, index, cotangent)
        return apply(Pointwise(SCALARS["add"]), right, right)


class WrongTangent(WindowMax):
    """A maximum whose forward rule takes the maximum of the tangents."""

    def jvp(self, node: Node, index: int, tangent: Node) -> Node:
        return apply(self, tangent)


@dataclass(frozen=True)
class WrongGather(Gather):
    """A gather whose reverse rule drops everything."""

    def vjp(self, node: Node, index: int, cotangent: Node) -> Node | None:
        return None


class WrongShape(Alias):
    """An operation that infers another shape than it gives."""

    def infer(self, *operands: Type) -> Type:
        return Type((*operands[0].shape, 1), operands[0].dtype)


def test_wrong_rules_are_caught(rng: np.random.Generator) -> None:
    right = next(Contraction.examples(rng))
    spec = right.operation
    assert isinstance(spec, Contraction)
    wrong = WrongAdjoint(spec.extents, spec.out_rank, spec.reads, spec.guards)
    with pytest.raises(AssertionError):
        checks.check_adjoint(Example(wrong, right.operands), rng)
    window = next(WindowMax.examples(rng))
    assert isinstance(window.operation, WindowMax)
    planted = Example(WrongTangent(window.operation.window), window.operands)
    with pytest.raises(AssertionError):
        checks.check_forward(planted, rng)
    gather = next(Gather.examples(rng))
    with pytest.raises(AssertionError):
        checks.check_adjoint(Example(WrongGather(0), gather.operands), rng)
    with pytest.raises(AssertionError):
        checks.check_shape_rule(Example(WrongShape(), (np.ones(3),)))


def test_adjoint_pairs_are_each_others(rng: np.random.Generator) -> None:
    """Gather and scatter-add, select and spread: ⟨g, A x⟩ = ⟨A* g, x⟩."""
    for x, indices in ((rng.normal(size=(4, 3)), rng.integers(0, 4, 6)),):
        g = rng.normal(size=(6, 3))
        gathered = Gather(0).evaluate(x, indices)
        scattered = ScatterAdd(0, x.shape).evaluate(g, indices)
        np.testing.assert_allclose(np.sum(g * gathered), np.sum(scattered * x))
    for example in WindowSelect.examples(rng):
        assert isinstance(example.operation, WindowSelect)
        x, place = example.operands
        g = rng.normal(size=example.operation.out_shape)
        spread = WindowSpread(example.operation.window).evaluate(g, place)
        selected = example.operation.evaluate(x, place)
        np.testing.assert_allclose(np.sum(g * selected), np.sum(spread * x), atol=1e-12)
