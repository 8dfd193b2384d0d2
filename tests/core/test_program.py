"""Programs: evaluated, checked, freed."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

import lamina
from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.node import Example, Node, Operation, apply, constant, placeholder
from lamina.core.program import Program
from lamina.core.types import Array, Type
from lamina.core.verify import verify
from lamina.ops import scalars
from lamina.ops.pointwise import Pointwise

PAIR = Type((2,), np.dtype("float64"))
ADD, EXP, DIVIDE = (Pointwise(f) for f in (scalars.add, scalars.exp, scalars.divide))


def test_evaluates_for_new_inputs() -> None:
    x, y = placeholder(PAIR, "x"), placeholder(PAIR, "y")
    program = Program((x, y), (apply(ADD, x, y), apply(EXP, x)))
    for seed in range(3):
        a, b = np.random.default_rng(seed).normal(size=(2, 2))
        total, power = program.evaluate(a, b)
        np.testing.assert_array_equal(total, a + b)
        np.testing.assert_array_equal(power, np.exp(a))


def test_an_input_can_be_an_output_and_unused() -> None:
    x, y = placeholder(PAIR, "x"), placeholder(PAIR, "y")
    program = Program((x, y), (x, x))
    verify(program)
    a = np.ones(2)
    assert [out is a for out in program.evaluate(a, np.zeros(2))] == [True, True]


def test_constants_hide_what_is_behind_them() -> None:
    w = lamina.tensor([1.0, 2.0], dtype="float64", requires_grad=True)
    scaled = (w * 2).node
    assert scaled.operands
    x = placeholder(PAIR, "x")
    program = Program((x,), (apply(ADD, x, scaled),))
    assert len(program.nodes) == 3
    verify(program)
    np.testing.assert_array_equal(program.evaluate(np.ones(2))[0], [3.0, 5.0])


def test_a_program_without_inputs() -> None:
    node = constant(np.ones(2))
    assert Program((), (node,)).evaluate()[0] is node.value
    assert Program((), ()).evaluate() == []


def test_wrong_inputs_are_errors() -> None:
    x = placeholder(PAIR, "x")
    program = Program((x,), (apply(EXP, x),), "loss")
    with pytest.raises(ArgumentError, match="program loss takes 1 inputs, got 2"):
        program.evaluate(np.ones(2), np.ones(2))
    with pytest.raises(ArgumentError, match="got 0"):
        program.evaluate()
    with pytest.raises(ShapeError, match=r"input x: expected float64\[2\], got float64\[3\]"):
        program.evaluate(np.ones(3))
    with pytest.raises(ShapeError, match=r"expected float64\[2\], got float32\[2\]"):
        program.evaluate(np.ones(2, "float32"))


def test_warnings_of_numpy_stay_inside() -> None:
    x, y = placeholder(PAIR), placeholder(PAIR)
    program = Program((x, y), (apply(DIVIDE, x, y), apply(EXP, x)))
    quotient, power = program.evaluate(np.array([1.0, 0.0]) * 1e3, np.zeros(2))
    np.testing.assert_array_equal(quotient, [np.inf, np.nan])
    assert power[0] == np.inf


@dataclass(frozen=True)
class Probe(Operation):
    """Add one; record how many earlier results are still alive when a next one is computed."""

    results: list[weakref.ref[Array]] = field(default_factory=list, compare=False)
    alive: list[int] = field(default_factory=list, compare=False)

    def infer(self, *operands: Type) -> Type:
        return operands[0]

    def evaluate(self, *operands: Array) -> Array:
        self.alive.append(sum(ref() is not None for ref in self.results))
        out = operands[0] + 1
        self.results.append(weakref.ref(out))
        return out

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        yield Example(cls(), (np.ones(2),))


def test_values_are_freed_after_their_last_use() -> None:
    probe = Probe()
    node: Node = placeholder(PAIR)
    inputs = (node,)
    kept = []
    for number in range(6):
        node = apply(probe, node)
        kept += [node] if number == 1 else []
    (second, last) = Program(inputs, (*kept, node)).evaluate(np.zeros(2))
    assert probe.alive == [0, 1, 1, 2, 2, 2]
    assert (second[0], last[0]) == (2.0, 6.0)


def test_a_value_used_twice_lives_until_the_second_use() -> None:
    x = placeholder(PAIR)
    a = apply(EXP, x)
    b = apply(ADD, a, a)
    c = apply(ADD, apply(EXP, b), a)
    (value,) = Program((x,), (c,)).evaluate(np.zeros(2))
    np.testing.assert_allclose(value, np.exp(2.0) + 1)
