"""Where kernels hint at what they will read and write, and where processors know it sooner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import lamina
import lamina.functions as F
from lamina.compiler.executable import Executable
from lamina.compiler.listing import listing
from lamina.compiler.lowering.tile import STREAMED
from lamina.compiler.machines import named
from lamina.compiler.passes.pipeline import optimise
from lamina.compiler.planner import Planner
from lamina.core.types import Array, Shape
from tests.compiler.running import check_close

RNG = np.random.default_rng(14)
CACHE = 64 * 1024
MACHINE = replace(named("avx512"), cache=CACHE)
WEIGHTS = 1
"""The number of the programs' input that holds the weights."""


def numbers(*shape: int) -> Array:
    return RNG.normal(size=shape).astype(np.float32)


def hints(function: Callable[..., Any], *shapes: Shape) -> list[str]:
    """Return the hints of the kernel that has the products."""
    program = optimise(lamina.trace(function, *(numbers(*shape) for shape in shapes)))
    kernels = Planner(program, MACHINE, {}, frozenset({WEIGHTS})).plan.kernels
    (products,) = (text for text in map(listing, kernels) if "row *" in text)
    return [line.strip() for line in products.splitlines() if "fetch" in line]


def weights(caches: float) -> Shape:
    """Return the shape of a matrix that so many caches hold."""
    return 256, int(caches * CACHE) // 1024


def test_a_stream_beyond_a_few_caches_is_fetched_ahead() -> None:
    shape = weights(STREAMED + 1)
    assert hints(F.linear, (1, shape[1]), shape) == [
        "fetch x1[p0_0, lane, p0_2 + 48]",
        "fetch x1[p0_0, lane + 16, p0_2 + 48]",
    ]


def test_a_shorter_one_processors_fetch_themselves() -> None:
    for caches in (0.5, STREAMED - 1):
        shape = weights(caches)
        assert hints(F.linear, (1, shape[1]), shape) == []


def test_hints_at_the_next_columns_are_spread_over_the_tiles_that_read_these() -> None:
    """A block of 64 steps of 32 columns follows another, and 3 tiles of 10 rows read each."""
    found = hints(F.conv2d, (1, 64, 1, 30), (2048, 64, 1, 1))
    share = "fetch x0[p0_0, lane + 70*rows + 11*p0_3 + 2048, 0, 0, 0]"
    assert [hint for hint in found if "x0[" in hint] == [share]


def test_large_results_are_hinted_at() -> None:
    found = hints(F.conv2d, (1, 8, 64, 64), (32, 8, 1, 1))
    assert any(h.startswith("fetch out[") for h in found)


def test_what_follows_the_last_columns_is_not_read() -> None:
    """Hints go on beyond the weights; results are as without."""
    x, w = numbers(1, 64, 6, 30), numbers(512, 64, 1, 1)
    program = lamina.trace(F.conv2d, x, w)
    (want,), (got,) = program.evaluate(x, w), Executable(program, static=[WEIGHTS])(x, w)
    check_close(got, want)
