"""Every pass computes the same: random programs over all operations, before and after."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import event, given, settings

from lamina.compiler.passes.pipeline import PASSES, Pass, check, optimise
from lamina.compiler.passes.rewriting import count_operations
from lamina.core.node import Example, Node, placeholder
from lamina.core.program import Program
from lamina.core.types import Array, Type
from tests.compiler.passes.random_programs import EXAMPLES, programs


def assert_equal(found: list[Array], expected: list[Array], exact: bool = False) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        if exact or one.dtype.kind != "f":
            np.testing.assert_array_equal(one, other)
        else:
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("transform", PASSES, ids=lambda p: p.__name__)
@given(drawn=programs())
@settings(max_examples=120)
def test_a_pass_computes_the_same(transform: Pass, drawn: tuple[Program, list[Array]]) -> None:
    program, arguments = drawn
    result = transform(program)
    event("changed" if result is not program else "kept")
    check(transform.__name__, program, result)
    assert_equal(result.evaluate(*arguments), program.evaluate(*arguments))


@given(drawn=programs())
@settings(max_examples=250)
def test_all_passes_compute_the_same_and_come_to_an_end(
    drawn: tuple[Program, list[Array]],
) -> None:
    program, arguments = drawn
    result = optimise(program)
    assert_equal(result.evaluate(*arguments), program.evaluate(*arguments))
    assert count_operations(result) <= count_operations(program)
    assert optimise(result) is result


@pytest.mark.parametrize(
    "example", EXAMPLES, ids=lambda e: f"{e.operation.name}-{[list(a.shape) for a in e.operands]}"
)
def test_every_operation_alone(example: Example) -> None:
    """As inputs, and as constants, which are folded with the reference's own value."""
    inputs = tuple(placeholder(Type(a.shape, a.dtype)) for a in example.operands)
    type_ = example.operation.infer(*[node.type for node in inputs])
    program = Program(inputs, (Node(example.operation, inputs, type_, None),))
    expected = program.evaluate(*example.operands)
    assert_equal(optimise(program).evaluate(*example.operands), expected)

    known = tuple(
        Node(n.operation, (), n.type, a) for n, a in zip(inputs, example.operands, strict=True)
    )
    folded = optimise(Program((), (Node(example.operation, known, type_, None),)))
    assert count_operations(folded) == 0
    assert_equal(folded.evaluate(), expected, exact=True)
