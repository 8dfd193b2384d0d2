"""The verifier catches each invariant broken on purpose."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina.core.errors import GraphError
from lamina.core.node import CONSTANT, VARIABLE, Node, apply, constant, placeholder
from lamina.core.program import Program
from lamina.core.types import Type
from lamina.core.verify import verify
from lamina.ops import scalars
from lamina.ops.pointwise import Pointwise

PAIR = Type((2,), np.dtype("float64"))
ADD = Pointwise(scalars.add)


def parts() -> tuple[Node, Node, Program]:
    x = placeholder(PAIR, "x")
    y = apply(ADD, x, constant(np.ones(2)))
    return x, y, Program((x,), (y,), "f")


def test_sound_programs_pass() -> None:
    verify(parts()[2])
    verify(lamina.trace(lamina.grad(lambda w: lamina.tanh(w @ w).sum()), lamina.ones(3, 3)))


def test_a_foreign_leaf() -> None:
    x, y, _ = parts()
    with pytest.raises(GraphError, match="neither an input nor a constant"):
        verify(Program((), (y,)))
    stray = Node(VARIABLE, (), PAIR, None)
    with pytest.raises(GraphError, match="neither an input nor a constant"):
        verify(Program((x,), (apply(ADD, x, stray),)))


def test_an_input_given_twice() -> None:
    x, y, _ = parts()
    with pytest.raises(GraphError, match="an input occurs twice"):
        verify(Program((x, x), (y,)))


def test_a_cycle() -> None:
    x, y, _ = parts()
    z = apply(ADD, y, x)
    y.operands = (z, x)
    with pytest.raises(GraphError, match="a cycle"):
        verify(Program((x,), (z,)))


def test_a_node_of_itself() -> None:
    x, y, _ = parts()
    y.operands = (y, x)
    with pytest.raises(GraphError, match="a cycle"):
        verify(Program((x,), (y,)))


@pytest.mark.parametrize(
    "wrong", [Type((3,), PAIR.dtype), Type((2, 1), PAIR.dtype), Type((2,), np.dtype("float32"))]
)
def test_a_type_that_is_not_inferred(wrong: Type) -> None:
    _, y, program = parts()
    y.type = wrong
    with pytest.raises(GraphError, match=r"infers float64\[2\]"):
        verify(program)


def test_operands_that_do_not_fit() -> None:
    x, y, _ = parts()
    y.operands = (x, constant(np.ones(3)))
    with pytest.raises(GraphError, match="operands do not fit.*add: expected 2 operands"):
        verify(Program((x,), (y,)))


@pytest.mark.parametrize("value", [np.ones(3), np.ones(2, "float32"), np.ones((2, 1))])
def test_a_value_of_another_type(value: np.ndarray) -> None:
    broken = Node(CONSTANT, (), PAIR, value)
    with pytest.raises(GraphError, match=r"value is .* not float64\[2\]"):
        verify(Program((), (broken,)))


def test_the_message_names_program_and_node() -> None:
    _, y, program = parts()
    y.type = Type((3,), PAIR.dtype)
    with pytest.raises(GraphError, match=f"program f, <add node {y.serial}"):
        verify(program)
