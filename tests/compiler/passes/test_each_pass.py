"""What each pass does, as it is printed before and after."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina.compiler.passes.compose_views import absorb_views, compose_reads
from lamina.compiler.passes.drop_unit_axes import drop_unit_axes
from lamina.compiler.passes.eliminate_common import eliminate_common
from lamina.compiler.passes.factor_sums import factor_sums
from lamina.compiler.passes.fold_constants import fold_constants
from lamina.compiler.passes.fuse_pointwise import LONGEST, MOST_OPERANDS, fuse_pointwise
from lamina.compiler.passes.numbers import as_const, compact
from lamina.compiler.passes.pipeline import PASSES, Pass
from lamina.compiler.passes.rewriting import count_operations
from lamina.compiler.passes.share_relu import DERIVATIVE, RELU, share_relu
from lamina.compiler.passes.simplify import remove_identities, sink_reshapes
from lamina.core.errors import ArgumentError
from lamina.core.node import Node, Operation, constant, placeholder
from lamina.core.program import Program
from lamina.core.types import Type, bool_, float64
from lamina.ops import scalars
from lamina.ops.gather import Gather
from lamina.ops.loops import Loop, contraction
from lamina.ops.pointwise import Pointwise
from lamina.ops.scalar import Arg, Const, Scalar

Function = Callable[..., Any]


def trace(function: Function, **shapes: tuple[int, ...]) -> Program:
    arguments = [np.zeros(shape, "float32") for shape in shapes.values()]
    return lamina.trace(function, *arguments, names=list(shapes))


def lines(program: Program) -> list[str]:
    """The listing's body without types."""
    return [line.strip().split("  ")[0] for line in str(program).splitlines()[1:]]


def body(text: str) -> list[str]:
    return dedent(text).strip().splitlines()


CASES: dict[str, tuple[Pass, Function, dict[str, tuple[int, ...]], str]] = {
    "constants": (
        fold_constants,
        lambda x: x + np.full(2, 5.0, "float32"),
        {"x": (2,)},
        """
        c1 = 5.0
        v1 = x + c1
        return v1
        """,
    ),
    "identities": (
        remove_identities,
        lambda x: ((x.detach() * 1 - 0).reshape(6).reshape(2, 3).permute(0, 1) / 1).float(),
        {"x": (2, 3)},
        "return x",
    ),
    "zeros are added still, for -0 becomes 0": (
        remove_identities,
        lambda x: (0 + (x + 0)) * 0,
        {"x": (2,)},
        """
        c1 = 0.0
        c2 = 0.0
        v1 = x + c2
        v2 = c1 + v1
        c3 = 0.0
        v3 = v2 · c3
        return v3
        """,
    ),
    "factors of one": (
        remove_identities,
        lambda x: lamina.einsum("ij,j->i", x, np.broadcast_to(np.float32(1), 3)),
        {"x": (2, 3)},
        """
        v1[i] = Σ_{j} x[i,j]
        return v1
        """,
    ),
    "relu": (
        share_relu,
        lambda x, v: (lambda y, back: (back(v)[0], y))(*lamina.vjp(F.relu, x)),
        {"x": (2,), "v": (2,)},
        """
        v2 = alias(x)
        v3 = relu(v2)
        v4 = where(v3 ≤ 0, 0, v)
        v5 = alias(v3)
        return v4, v5
        """,
    ),
    "unit axes": (
        drop_unit_axes,
        lambda x: x - x.mean(1, keepdim=True) / 2,
        {"x": (2, 3)},
        """
        v1[i] = Σ_{j} x[i,j]
        c1 = 3.0
        v2 = v1 / c1
        c2 = 2.0
        v3 = v2 / c2
        v4 = reshape(v3, shape=(2, 1))
        v5[i,j] = v4[i,0]
        v6 = x - v5
        return v6
        """,
    ),
    "reshapes": (
        sink_reshapes,
        lambda x, y: lamina.exp(x.reshape(6) * 2 + y.reshape(6)),
        {"x": (2, 3), "y": (2, 3)},
        """
        c1 = 2.0
        v1 = x · c1
        v2 = v1 + y
        v3 = exp(v2)
        v4 = reshape(v3, shape=(6,))
        return v4
        """,
    ),
    "reads": (
        compose_reads,
        lambda x, w: F.pad(x, (1, 1)).T[:, 1:] @ w.flip(0),
        {"x": (3, 4), "w": (2, 5)},
        """
        v1[i,j] = Σ_{k} x[k+1,i-1] · w[-k+1,j]
        return v1
        """,
    ),
    "views": (
        absorb_views,
        lambda x, w: (x @ w).T[1:],
        {"x": (3, 4), "w": (4, 5)},
        """
        v1[j,i] = Σ_{k} x[i,k] · w[k,j+1]
        return v1
        """,
    ),
    "common": (
        eliminate_common,
        lambda x, y: (lamina.exp(x + y) * 2, lamina.exp(y + x) * 2, y - x, x - y),
        {"x": (2,), "y": (2,)},
        """
        v1 = x + y
        v2 = exp(v1)
        c1 = 2.0
        v3 = v2 · c1
        v4 = y - x
        v5 = x - y
        return v3, v3, v4, v5
        """,
    ),
    "sums": (
        factor_sums,
        lambda x, c: ((x * c).sum(0), (x - c).sum(0), (-x).sum(0), (x / c).sum(0), (x * x).sum(0)),
        {"x": (4, 2), "c": (2,)},
        """
        v1[j] = Σ_{i} x[i,j]
        v2[i0] = c[i0]
        v3 = v1 · v2
        v4[j] = Σ_{i} x[i,j]
        v5[i0] = c[i0]
        v6 = v4 - (4 · v5)
        v7[j] = Σ_{i} x[i,j]
        v8 = v7 · (-1)
        v9[j] = Σ_{i} x[i,j]
        v10[i0] = c[i0]
        v11 = v9 · (1 / v10)
        v12 = x · x
        v13[j] = Σ_{i} v12[i,j]
        return v3, v6, v8, v11, v13
        """,
    ),
    "one consumer": (
        fuse_pointwise,
        lambda x, y: lamina.where(lamina.tanh(x * 2) > y, x, lamina.exp(-y)),
        {"x": (2,), "y": (2,)},
        """
        v1 = where(tanh(x · 2) > y, x, exp(-y))
        return v1
        """,
    ),
    "several consumers": (
        fuse_pointwise,
        lambda x: (lambda cheap, dear: (cheap * 3, cheap.abs(), dear * 3, dear.abs()))(
            x - 1, lamina.exp(x)
        ),
        {"x": (2,)},
        """
        v1 = (x - 1) · 3
        v2 = abs(x - 1)
        v3 = exp(x)
        v4 = v3 · 3
        v5 = abs(v3)
        return v1, v2, v4, v5
        """,
    ),
    "a result that is asked for": (
        fuse_pointwise,
        lambda x: (lambda y: (y, y * 2))(x + 1),
        {"x": (2,)},
        """
        v1 = x + 1
        v2 = v1 · 2
        return v1, v2
        """,
    ),
    "casts": (
        fuse_pointwise,
        lambda x: ((x + 1) > 2).float() * x.double().float(),
        {"x": (2,)},
        """
        v1 = (x + 1) > 2
        v2 = float32(v1)
        v3 = float64(x)
        v4 = float32(v3)
        v5 = v2 · v4
        return v5
        """,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    transform, function, shapes, expected = CASES[name]
    program = trace(function, **shapes)
    result = transform(program)
    assert lines(result) == body(expected)
    rng = np.random.default_rng(0)
    arguments = [rng.normal(size=shape).astype("float32") for shape in shapes.values()]
    for found, before in zip(
        result.evaluate(*arguments), program.evaluate(*arguments), strict=True
    ):
        np.testing.assert_allclose(found, before, rtol=1e-5)


def test_every_pass_has_a_golden_text() -> None:
    assert {transform for transform, *_ in CASES.values()} == set(PASSES)


@pytest.mark.parametrize("transform", PASSES, ids=lambda p: p.__name__)
def test_nothing_to_do_is_seen(transform: Pass) -> None:
    program = trace(lambda x, y: lamina.tanh(x @ y), x=(2, 3), y=(3, 2))
    assert transform(program) is program


def test_whole_numbers_have_one_zero() -> None:
    program = lamina.trace(lambda x: 0 + (x + 0), lamina.arange(3))
    assert remove_identities(program).outputs == program.inputs


def test_relus_of_replaced_nodes_are_made_once() -> None:
    x, v = (placeholder(Type((2,), float64), name) for name in "xv")
    first = pending(DERIVATIVE, x, v)
    second = pending(DERIVATIVE, first, v)
    program = Program((x, v), (second, pending(RELU, first), pending(RELU, x)))
    result = share_relu(program)
    assert count_operations(result) == 4
    arguments = [np.array([-1.0, 2.0]), np.array([3.0, -4.0])]
    np.testing.assert_array_equal(result.evaluate(*arguments), program.evaluate(*arguments))


def test_a_formula_about_bools_with_constants_stays_apart() -> None:
    """Its constants are bools; in a formula about floats they would be floats."""
    b = placeholder(Type((2,), bool_), "b")
    x, y = (placeholder(Type((2,), float64), name) for name in "xy")
    negation = Scalar("negation", "b", body=scalars.where(Arg(0), Const(0), Const(1)))
    chosen = pending(Pointwise(scalars.where), pending(Pointwise(negation), b), x, y)
    program = Program((b, x, y), (chosen,))
    assert fuse_pointwise(program) is program


# Limits ------------------------------------------------------------------------------------------


def test_long_formulas_are_cut() -> None:
    def chain(x: lamina.Tensor) -> lamina.Tensor:
        for _ in range(2 * LONGEST + 1):
            x = lamina.tanh(x)
        return x

    assert count_operations(fuse_pointwise(trace(chain, x=(2,)))) == 3


def test_a_formula_that_repeats_itself_does_not_grow_without_end() -> None:
    def squares(x: lamina.Tensor) -> lamina.Tensor:
        for _ in range(40):
            x = x * x
        return x

    fused = fuse_pointwise(trace(squares, x=(2,)))
    assert count_operations(fused) < 10
    assert all(len(line) < 1000 for line in str(fused).splitlines())


def test_a_formula_reads_few_arrays() -> None:
    names = {f"x{n}": (2,) for n in range(2 * MOST_OPERANDS)}
    fused = fuse_pointwise(trace(lambda *xs: sum(xs[1:], xs[0]), **names))
    assert max(len(node.operands) for node in fused.nodes) == MOST_OPERANDS


# Folding -----------------------------------------------------------------------------------------


def pending(operation: Operation, *operands: Node) -> Node:
    return Node(operation, operands, operation.infer(*[n.type for n in operands]), None)


def known(value: Any, dtype: str = "float64") -> Node:
    return constant(np.asarray(value, dtype))


def folded(node: Node) -> Node:
    return fold_constants(Program((), (node,))).outputs[0]


def test_large_results_are_not_stored() -> None:
    i, j = Loop("i", 1000), Loop("j", 1000)
    row = known(np.arange(1000.0))
    outer = contraction((i, j), ((1000,), (i,)), ((1000,), (j,)))
    assert folded(pending(outer, row, row)).value is None
    repeated = folded(pending(contraction((i, j), ((1000,), (j,))), row)).value
    assert repeated is not None
    assert repeated.strides == (0, 8)


def test_numbers_stay_numbers() -> None:
    half = constant(np.broadcast_to(0.5, (1000, 1000)))
    value = folded(pending(Pointwise(scalars.add), half, known(np.full((1000, 1000), 2.0)))).value
    assert value is not None
    assert value.strides == (0, 0)
    assert value[0, 0] == 2.5


def test_what_the_reference_refuses_fails_when_it_is_run() -> None:
    program = Program((), (pending(Gather(0), known([1.0, 2.0]), known([5], "int64")),))
    assert fold_constants(program) is program
    with pytest.raises(ArgumentError, match="index 5 is out of range"):
        program.evaluate()


@pytest.mark.parametrize("numbers", [(0.0, -0.0), (-0.0, 0.0), (np.nan, np.nan), (1.0, 2.0)])
def test_only_numbers_of_the_same_bits_are_one(numbers: tuple[float, float]) -> None:
    value = np.array(numbers)
    assert compact(value) is value


def test_negative_zero_is_one_number_but_no_constant_of_a_formula() -> None:
    value = compact(np.array([-0.0, -0.0]))
    assert value.strides == (0,)
    assert np.signbit(value).all()
    assert as_const(constant(value)) is None
    assert as_const(known(np.nan)) is None
    assert as_const(known([True, True], "bool")) is None
    assert as_const(known([2, 2], "int64")) is None
    assert as_const(constant(compact(np.array([2, 2])))) == Const(2)
