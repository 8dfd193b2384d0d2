"""Large weights whose outputs make no blocks of vectors get zeros; results stay the same."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina.compiler.executable import Executable
from lamina.compiler.padding import LARGE, pad_weights
from lamina.compiler.passes.pipeline import optimise
from lamina.core.program import Program
from lamina.core.types import Array, Shape
from tests.compiler.running import check_close

RNG = np.random.default_rng(13)
WEIGHTS = 1
"""The number of the programs' input that holds the weights."""


def arrays(outputs: int, given: int, before: Shape = (1,)) -> tuple[Array, Array, Array]:
    shapes = (*before, given), (outputs, given), (outputs,)
    x, w, b = (RNG.normal(size=shape).astype(np.float32) for shape in shapes)
    return x, w / np.float32(np.sqrt(given)), b


def dense(x: Array, w: Array, b: Array) -> Program:
    return optimise(lamina.trace(lambda x, w, b: F.relu(F.linear(x, w, b)), x, w, b))


def lengths(program: Program, lanes: int = 16) -> list[int]:
    """Return how many outputs the products of the padded program have."""
    padded = pad_weights(program, {WEIGHTS}, lanes)
    found = [n for n in padded.nodes if n.value is None and len(n.operands) == 2]
    return [n.type.size for n in found if len(getattr(n.operation, "reads", ())) == 2]


@pytest.mark.parametrize(
    ("outputs", "lanes", "length"),
    [(1000, 16, 1008), (1000, 8, 1008), (1001, 4, 1008), (1030, 16, 1056), (517, 16, 528)],
)
def test_outputs_are_a_multiple_of_two_or_three_vectors(
    outputs: int, lanes: int, length: int
) -> None:
    assert lengths(dense(*arrays(outputs, 1024)), lanes) == [length]


@pytest.mark.parametrize("before", [(), (1,), (1, 1)])
@pytest.mark.parametrize("outputs", [1000, 517])
def test_results_stay_the_same(outputs: int, before: Shape) -> None:
    given = arrays(outputs, 600, before)
    program = dense(*given)
    assert lengths(program) != [outputs]
    (want,), (got,) = program.evaluate(*given), Executable(program, static=[WEIGHTS])(*given)
    check_close(got, want)
    (padded,) = pad_weights(program, {WEIGHTS}, 16).evaluate(*given)
    check_close(padded, want)


def test_a_convolution_of_one_window() -> None:
    x = RNG.normal(size=(1, 64, 4, 4)).astype(np.float32)
    w = RNG.normal(size=(300, 64, 4, 4)).astype(np.float32) / np.float32(32)
    program = optimise(lamina.trace(F.conv2d, x, w))
    assert lengths(program) == [320]
    (want,), (got,) = program.evaluate(x, w), Executable(program, static=[WEIGHTS])(x, w)
    check_close(got, want)


@pytest.mark.parametrize(
    ("outputs", "given", "before"),
    [(1008, 1024, (1,)), (1024, 1024, (1,)), (100, LARGE // 400 - 1, (1,)), (1000, 1024, (2,))],
    ids=["three vectors", "two vectors", "small", "two samples"],
)
def test_others_stay_as_they_are(outputs: int, given: int, before: Shape) -> None:
    program = dense(*arrays(outputs, given, before))
    assert pad_weights(program, {WEIGHTS}, 16) is program


def test_weights_that_do_not_stay_are_not_copied() -> None:
    program = dense(*arrays(1000, 1024))
    assert pad_weights(program, (), 16) is program
