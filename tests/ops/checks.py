"""What must hold for every operation. Each check raises AssertionError if it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lamina.core.node import Example, Node, apply, constant, placeholder
from lamina.core.program import Program
from lamina.core.types import Array, Type
from lamina.core.verify import verify
from lamina.tensors import Tensor, jvp, tensor, vjp

STEP = 1e-6


def floats(example: Example) -> list[int]:
    """Return which operands are of floats."""
    return [i for i, a in enumerate(example.operands) if a.dtype.kind == "f"]


def types(example: Example) -> list[Type]:
    return [Type(a.shape, a.dtype) for a in example.operands]


def check_shape_rule(example: Example) -> None:
    """The inferred type is the value's."""
    inferred = example.operation.infer(*types(example))
    value = example.operation.evaluate(*example.operands)
    assert isinstance(value, np.ndarray)
    assert (value.shape, value.dtype) == (inferred.shape, inferred.dtype)


def check_engines(example: Example) -> None:
    """Eager, traced and reference evaluation agree exactly."""
    operation, operands = example
    reference = operation.evaluate(*operands)
    eager = apply(operation, *map(constant, operands))
    inputs = [placeholder(t) for t in types(example)]
    program = Program(tuple(inputs), (apply(operation, *inputs),))
    verify(program)
    (traced,) = program.evaluate(*operands)
    assert eager.value is not None
    np.testing.assert_array_equal(eager.value, reference)
    np.testing.assert_array_equal(traced, reference)
    assert operation.render([f"x{i}" for i in range(len(operands))], "y").startswith("y")


def as_function(example: Example) -> tuple[Callable[..., Tensor], list[Tensor]]:
    """Return the operation as a function of its float operands, and these."""
    operation, operands = example
    varied = floats(example)

    def function(*given: Tensor) -> Tensor:
        nodes: list[Node] = [constant(a) for a in operands]
        for i, value in zip(varied, given, strict=True):
            nodes[i] = value.node
        return Tensor(apply(operation, *nodes))

    return function, [tensor(operands[i]) for i in varied]


def differentiable(example: Example) -> bool:
    """Return whether there is a derivative that differences can check (that is, in float64)."""
    result = example.operation.infer(*types(example))
    return bool(floats(example)) and result.dtype == np.float64


def directions(like: Sequence[Tensor], rng: np.random.Generator) -> list[Tensor]:
    return [tensor(np.asarray(rng.normal(size=t.shape), t.dtype)) for t in like]


def numeric_jvp(
    function: Callable[..., Tensor], primals: Sequence[Tensor], tangents: Sequence[Tensor]
) -> Array:
    """Return the derivative along the tangents by a central difference."""

    def at(step: float) -> Array:
        moved = [
            tensor(np.asarray(p) + step * np.asarray(t))
            for p, t in zip(primals, tangents, strict=True)
        ]
        return np.asarray(function(*moved), np.float64)

    return (at(STEP) - at(-STEP)) / (2 * STEP)


def check_forward(example: Example, rng: np.random.Generator) -> None:
    """Forward mode is what central differences say."""
    function, primals = as_function(example)
    tangents = directions(primals, rng)
    _, found = jvp(function, primals, tangents)
    expected = numeric_jvp(function, primals, tangents)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-5, atol=1e-6)


def check_adjoint(example: Example, rng: np.random.Generator) -> None:
    """⟨v, J u⟩ = ⟨Jᵀ v, u⟩."""
    function, primals = as_function(example)
    tangents = directions(primals, rng)
    output, pushed = jvp(function, primals, tangents)
    (cotangent,) = directions([output], rng)
    _, pull = vjp(function, *primals)
    left = float(np.sum(np.asarray(cotangent) * np.asarray(pushed)))
    pulled = pull(cotangent)
    right = sum(
        float(np.sum(np.asarray(g) * np.asarray(u))) for g, u in zip(pulled, tangents, strict=True)
    )
    np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-9)


def check_second_order(example: Example, rng: np.random.Generator) -> None:
    """Reverse and forward mode can be differentiated again, and agree with differences."""
    function, primals = as_function(example)
    inner = directions(primals, rng)
    outer = directions(primals, rng)

    def forward(*p: Tensor) -> Tensor:
        found: Tensor = jvp(function, p, inner)[1]
        return found

    _, forward_twice = jvp(forward, primals, outer)
    expected = numeric_jvp(forward, primals, outer)
    np.testing.assert_allclose(np.asarray(forward_twice), expected, rtol=1e-5, atol=1e-5)
    (cotangent,) = directions([forward(*primals)], rng)

    def reverse(*p: Tensor) -> Tensor:
        pulled = vjp(function, *p)[1](cotangent)
        return sum(((g * u).sum() for g, u in zip(pulled, inner, strict=True)), start=tensor(0.0))

    _, mixed = jvp(reverse, primals, outer)
    against = np.sum(np.asarray(cotangent) * expected)
    np.testing.assert_allclose(np.asarray(mixed), against, rtol=1e-5, atol=1e-5)


def check_diamond(example: Example, rng: np.random.Generator) -> None:
    """Gradients add up where a value is used twice."""
    function, primals = as_function(example)

    def diamond(*p: Tensor) -> Tensor:
        y = function(*p)
        return y * y + y * 3.0

    tangents = directions(primals, rng)
    output, pushed = jvp(diamond, primals, tangents)
    (cotangent,) = directions([output], rng)
    pulled = vjp(diamond, *primals)[1](cotangent)
    right = sum(float((g * u).sum()) for g, u in zip(pulled, tangents, strict=True))
    np.testing.assert_allclose(float((cotangent * pushed).sum()), right, rtol=1e-9, atol=1e-9)
    expected = numeric_jvp(diamond, primals, tangents)
    np.testing.assert_allclose(np.asarray(pushed), expected, rtol=1e-4, atol=1e-5)


def check_derivatives(example: Example, rng: np.random.Generator) -> None:
    """All checks of derivatives."""
    check_forward(example, rng)
    check_adjoint(example, rng)
    check_second_order(example, rng)
    check_diamond(example, rng)


def misfits(example: Example) -> list[list[Type]]:
    """Return operand types of which an operation that restricts its operands refuses some."""
    plain = types(example)
    wider = [Type((*t.shape, 3), t.dtype) for t in plain[:1]] + plain[1:]
    bools = [Type(t.shape, np.dtype(bool)) for t in plain]
    scalars = [Type((), t.dtype) for t in plain]
    return [wider, bools, scalars]
