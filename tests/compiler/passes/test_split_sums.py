"""Long sums in two stages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.compiler.executable import Executable
from lamina.compiler.llvm import machine
from lamina.compiler.passes.pipeline import optimise
from lamina.compiler.passes.split_sums import split_sums
from tests.compiler.interpreting import interpreted

SUMS: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "of a matrix": (lambda x: x.sum(), (170, 130)),
    "of few rows": (lambda x: x.sum(), (3, 9000)),
    "of a vector": (lambda x: x.sum(), (32_000,)),
    "of an odd vector": (lambda x: x.sum(), (9 * 3001,)),
    "of squares": (lambda x: (x * x).mean(), (128, 160)),
    "of squares in a vector": (lambda x: ((x - 1) ** 2).mean(), (64 * 1000,)),
    "kept axes": (lambda x: x.sum((0, 1, 2), keepdim=True), (20, 30, 40)),
    "along one axis to one row": (lambda x: x.sum(1), (1, 20_000)),
    "of whole numbers": (lambda x: x.to("int64").sum(), (200, 100)),
}


@pytest.mark.parametrize("name", SUMS)
def test_values(name: str) -> None:
    function, shape = SUMS[name]
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32) * 3
    program = lamina.trace(function, x)
    split = split_sums(program)
    assert len(split.nodes) == len(program.nodes) + 1
    (wanted,) = program.evaluate(x)
    exact = lamina.trace(function, x.astype(np.float64)).evaluate(x.astype(np.float64))[0]
    for got in (split.evaluate(x), Executable(program)(x)):
        assert got[0].dtype == wanted.dtype and got[0].shape == wanted.shape
        np.testing.assert_allclose(got[0], exact, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(
    "function, shape",
    [
        (lambda x: x.sum(), (100, 100)),  # short
        (lambda x: x.sum(0), (1000, 100)),  # many results
        (lambda x: x.sum(), (20_011,)),  # a prime number of terms
        (lambda x: (x @ x.T).sum(1), (200, 200)),
    ],
)
def test_what_stays_as_it_is(function: Callable[..., Any], shape: tuple[int, ...]) -> None:
    program = lamina.trace(function, np.zeros(shape, np.float32))
    assert split_sums(program) is program


def test_what_is_summed_is_not_stored() -> None:
    x = np.ones(64 * 1000, np.float32)
    made = Executable(lamina.trace(lambda x: ((x - 1) ** 2).mean(), x))
    assert made.arena_bytes < 4096
    first = made.plan.kernels[0]
    assert first.name.startswith("contract") and first.chunks > 1
    assert [b.shape for b in first.buffers][1:] == [(64_000,)]


def test_the_interpreter_agrees() -> None:
    x = np.random.default_rng(1).normal(size=64 * 300).astype(np.float32)
    program = lamina.trace(lambda x: (x * x).sum(), x)
    (slow,) = interpreted(program, [x], machine())
    np.testing.assert_allclose(slow, Executable(program)(x)[0], rtol=1e-6)


def test_a_second_time_changes_nothing() -> None:
    once = optimise(lamina.trace(lambda x: x.mean(), np.ones((500, 400), np.float32)))
    assert str(optimise(once)) == str(once)


def test_as_text() -> None:
    program = lamina.trace(lambda x: x.sum(), np.zeros((200, 100), np.float32), names=["x"])
    lines = [line.strip().split("  ")[0] for line in str(split_sums(program)).splitlines()[1:]]
    assert lines == ["v1[i0] = Σ_{i1} x[i0,i1]", "v2 = Σ_{i0} v1[i0]", "return v2"]
    program = lamina.trace(lambda x: x.sum(), np.zeros(64_000, np.float32), names=["x"])
    lines = [line.strip().split("  ")[0] for line in str(split_sums(program)).splitlines()[1:]]
    assert lines == ["v1[i0] = Σ_{i1} x[256i0+i1]", "v2 = Σ_{i0} v1[i0]", "return v2"]
