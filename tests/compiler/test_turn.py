"""Copies between memories that run along different axes go in squares of vectors."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina.compiler import llvm
from lamina.compiler.executable import Executable
from lamina.compiler.machines import Machine, named
from lamina.compiler.passes.pipeline import optimise
from lamina.core.program import Program
from lamina.core.types import Array, Shape
from tests.compiler.interpreting import interpreted
from tests.compiler.running import check_equal, check_program

SHAPES = [(16, 16), (17, 19), (32, 64), (3, 33, 50), (130, 784)]
MACHINES = [named("avx512"), named("avx2"), named("sse"), named("neon")]


def turned(shape: Shape, dtype: str) -> tuple[Program, Array]:
    """Return the program that turns round the last two axes, and an array of different numbers."""
    x = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    return lamina.trace(lambda x: x.transpose(-1, -2).reshape(-1), x), x


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_native_code_turns(shape: Shape, dtype: str) -> None:
    program, x = turned(shape, dtype)
    executable = check_program(program, (x,), check_equal)
    # Three are a batch where vectors are short.
    assert len(shape) > 2 or "turn out[" in executable.show("loops")


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
@pytest.mark.parametrize("shape", SHAPES[:4], ids=str)
def test_the_interpreter_turns(shape: Shape, machine: Machine) -> None:
    program, x = turned(shape, "float32")
    (got,) = interpreted(optimise(program), (x,), machine)
    check_equal(got, x.swapaxes(-1, -2).reshape(-1))


@pytest.mark.parametrize("shape", [(15, 40), (40, 15)], ids=str)
def test_what_is_narrower_than_a_square_is_copied_one_by_one(shape: Shape) -> None:
    program, x = turned(shape, "float32")
    assert "turn" not in check_program(program, (x,), check_equal).show("loops")


def test_not_a_number_keeps_its_bits() -> None:
    program, x = turned((16, 16), "float32")
    x.view(np.uint32)[3, 5] = 0x7FA12345  # signalling, with a payload
    (got,) = Executable(program)(x)
    assert got.view(np.uint32).reshape(16, 16)[5, 3] == 0x7FA12345


def test_the_listing_says_what_is_copied() -> None:
    x = lamina.ones(16, 32)
    text = lamina.compile(lambda x: x.T.reshape(-1)).show("loops", x)
    size = min(16, llvm.machine().lanes(4))
    copied = "out[i0 + turn1, i1 + turn0] = x0[i0 + turn1, i1 + turn0]"
    assert f"turn {copied} for turn0, turn1 in {size} × {size}\n" in text
