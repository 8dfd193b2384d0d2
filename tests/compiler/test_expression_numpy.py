"""The NumPy evaluation of expressions: exact fma, integer division, shifts, and refusals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lamina.compiler.expression_numpy import apply, evaluate, fma
from lamina.compiler.ir import Load, Local, Number, affine, contiguous, op
from lamina.core.errors import GraphError
from lamina.core.types import Array, DType, float32, float64, int32, int64


def by_fractions(a: Array, b: Array, c: Array) -> list[float]:
    """Return a·b + c in rational arithmetic, rounded once to float64."""
    return [
        float(Fraction(x) * Fraction(y) + Fraction(z))
        for x, y, z in zip(a.tolist(), b.tolist(), c.tolist(), strict=True)
    ]


def cancelling(dtype: DType, low: int, high: int) -> tuple[Array, Array, Array]:
    """Numbers of many sizes; a third of the sums cancel almost wholly."""
    rng = np.random.default_rng(0)
    ranges = ((low, high), (low, high), (2 * low, 2 * high))
    a, b, c = (np.ldexp(rng.uniform(-2, 2, 3000), rng.integers(*r, 3000)) for r in ranges)
    c[::3] = -(a * b)[::3] * (1 + rng.integers(-3, 3, 1000) * np.finfo(dtype).eps)
    return a.astype(dtype), b.astype(dtype), c.astype(dtype)


@pytest.mark.parametrize("reach", [(-30, 30), (-600, -400), (-520, -500), (400, 500)])
def test_float64_fma_rounds_once(reach: tuple[int, int]) -> None:
    a, b, c = cancelling(float64, *reach)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(fma(a, b, c), by_fractions(a, b, c))
        assert (fma(a, b, c) != a * b + c).any()


@pytest.mark.parametrize("reach", [(-10, 10), (-75, -55)])
def test_float32_fma_rounds_once(reach: tuple[int, int]) -> None:
    a, b, c = cancelling(float32, *reach)
    with np.errstate(all="ignore"):
        got = fma(a, b, c)
    for x, y, z, result in zip(*(v.tolist() for v in (a, b, c, got)), strict=True):
        exact = Fraction(x) * Fraction(y) + Fraction(z)
        lower, upper = (float(np.nextafter(np.float32(result), s)) for s in (-np.inf, np.inf))
        error = abs(Fraction(result) - exact)
        assert error <= min(abs(Fraction(lower) - exact), abs(Fraction(upper) - exact))


def test_fma_ties_go_to_even_though_float64_would_round_there_first() -> None:
    """1 + 2⁻²⁴ + 2⁻⁸⁰ is above the tie that float64 makes of it."""
    one, tie, tiny = np.float32([1]), np.float32([2.0**-24]), np.float32([2.0**-40])
    assert fma(tiny, tiny, one + 0)[0] == 1
    assert fma(np.float32([1 + 2.0**-12]), np.float32([1 + 2.0**-12]), tiny**2)[0] == (
        np.float32(1 + 2.0**-11 + 2.0**-23)
    )
    assert fma(tie, one, one)[0] == 1


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_fma_of_what_is_not_finite_and_of_zeros(dtype: DType) -> None:
    inf, nan = np.inf, np.nan
    a = np.array([inf, inf, nan, 1, 0.0, -0.0, 1e30], dtype)
    b = np.array([1, 0, 1, 1, 1, 1, 1e30], dtype)
    c = np.array([-1, 1, 1, -inf, -0.0, -0.0, -inf], dtype)
    with np.errstate(all="ignore"):
        got = fma(a, b, c)
    np.testing.assert_array_equal(got, np.array([inf, nan, nan, -inf, 0, 0, -inf], dtype))
    np.testing.assert_array_equal(np.signbit(got[4:6]), [False, True])


def test_fma_overflows_only_at_the_end() -> None:
    big = np.array([2.0**600, -(2.0**600)])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(fma(big, np.full(2, 2.0**600), big), [np.inf, -np.inf])
        back = fma(np.full(1, 2.0**1023), np.full(1, 2.0), np.full(1, -(2.0**1023)))
    np.testing.assert_array_equal(back, [2.0**1023])


def test_integers_divide_towards_zero() -> None:
    a, b = np.array([7, -7, 7, -7, 6], int32), np.array([2, 2, -2, -2, -3], int32)
    np.testing.assert_array_equal(apply("divide", [a, b], int32), [3, -3, -3, 3, -2])
    np.testing.assert_array_equal(apply("rem", [a, b], int32), [1, -1, 1, -1, 0])


def test_shifts_bring_zeros_in() -> None:
    a = np.array([-1, 8], int64)
    shifted = apply("shift_right", [a, np.int64([60])], int64)
    np.testing.assert_array_equal(shifted, [15, 0])
    np.testing.assert_array_equal(apply("shift_left", [a, np.int64([2])], int64), [-4, 32])


def test_bits_and_conversions() -> None:
    x = np.float32([1.0, -2.75])
    np.testing.assert_array_equal(apply("bitcast", [x], int32), x.view(int32))
    np.testing.assert_array_equal(apply("convert", [x], int32), [1, -2])
    np.testing.assert_array_equal(
        apply("round", [np.float32([0.5, 1.5, -2.5])], float32), [0, 2, -2]
    )


def test_memory_is_read_by_the_reader() -> None:
    load = Load(contiguous("a", (3,), float32), (affine(i=1),))
    total = op("add", load, Number(1.0, float32))
    np.testing.assert_array_equal(evaluate(total, {}, lambda _: np.float32([1, 2])), [2, 3])
    with pytest.raises(GraphError, match="reads memory or a loop, and no reader was given"):
        evaluate(total, {})


def test_mixed_dtypes_are_refused() -> None:
    x, y = Local("x", float32), Local("y", float64)
    with pytest.raises(GraphError, match="add of float32, float64: mixed dtypes"):
        evaluate(op("add", x, y), {"x": np.ones(1, float32), "y": np.ones(1)})
