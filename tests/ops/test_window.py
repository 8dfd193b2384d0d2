"""Maxima over windows: which place wins, and where the gradient goes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.core.errors import ArgumentError, DTypeError, ShapeError
from lamina.core.types import Array, Type
from lamina.ops.contraction import Contraction
from lamina.ops.loops import Loop, contraction
from lamina.ops.window import WindowArgMax, WindowMax, WindowSelect, WindowSpread
from tests.ops.random_contractions import at

INT64 = np.dtype("int64")


def pooling(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> Contraction:
    width = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    y, k = Loop("y", width), Loop("k", kernel)
    return contraction((y,), ((size,), (stride * y + dilation * k - padding,)))


def reference(window: Contraction, x: Array) -> tuple[Array, Array, Array]:
    """Return maxima, places and gradients of the sum, by plain loops over places in the input."""
    read, rank = window.reads[0], window.out_rank
    best = np.zeros(window.out_shape, x.dtype)
    place = np.zeros(window.out_shape, np.int64)
    slope = np.zeros(x.shape)
    for out in product(*(range(n) for n in window.out_shape)):
        found = []
        for number, inner in enumerate(product(*(range(n) for n in window.extents[rank:]))):
            where = tuple(at(i, out + inner) for i in read.indices)
            if all(0 <= p < n for p, n in zip(where, x.shape, strict=True)):  # type: ignore[operator]
                found.append((x[where], number, where))
        values = np.array([v for v, _, _ in found])
        v, number, where = found[int(np.argmax(values))]
        best[out], place[out] = v, number
        slope[where] += 1
    return best, place, slope


@st.composite
def windows(draw: st.DrawFn) -> Contraction:
    """Draw windows of one or two axes of which every one holds an element."""
    rank = draw(st.integers(1, 2))
    outs, inners, indices, shape = [], [], [], []
    for _ in range(rank):
        kernel, stride = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        dilation = draw(st.integers(1, 2))
        padding = draw(st.integers(0, kernel // 2))
        span = dilation * (kernel - 1) + 1
        size = draw(st.integers(max(1, span - 2 * padding), 7))
        y = Loop("y", (size + 2 * padding - span) // stride + 1)
        k = Loop("k", kernel)
        outs.append(y)
        inners.append(k)
        indices.append(stride * y + dilation * k - padding)
        shape.append(size)
    return contraction(outs, (tuple(shape), indices))


def covered(window: Contraction) -> bool:
    """Whether every window holds an element (dilation may step over all of them)."""
    try:
        reference(window, np.zeros(window.reads[0].shape))
    except ValueError:
        return False
    return True


@settings(max_examples=200)
@given(windows().filter(covered), st.integers(0, 999), st.booleans())
def test_against_loops(window: Contraction, seed: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    shape = window.reads[0].shape
    x = rng.integers(0, 3, shape).astype(float) if ties else rng.normal(size=shape)
    best, place, slope = reference(window, x)
    np.testing.assert_array_equal(WindowMax(window).evaluate(x), best)
    found = WindowArgMax(window).evaluate(x)
    np.testing.assert_array_equal(found, place)
    np.testing.assert_array_equal(WindowSelect(window).evaluate(x, found), best)
    ones = np.ones(window.out_shape)
    np.testing.assert_array_equal(WindowSpread(window).evaluate(ones, found), slope)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int8", "uint8"])
def test_dtypes(dtype: str) -> None:
    window = pooling(5, 3, 1, 1)
    x = np.array([3, 1, 2, 5, 4], dtype)
    best = WindowMax(window).evaluate(x)
    assert best.dtype == dtype
    assert best.tolist() == [3, 3, 5, 5, 5]
    place = WindowArgMax(window).evaluate(x)
    assert place.dtype == np.int64
    spread = WindowSpread(window).evaluate(np.ones(5, dtype), place)
    assert spread.dtype == dtype
    assert spread.tolist() == [2, 0, 0, 3, 0]


def test_of_equal_maxima_the_first() -> None:
    window = pooling(4, 2, 2, 0)
    assert WindowArgMax(window).evaluate(np.array([7.0, 7.0, -1.0, -1.0])).tolist() == [0, 0]
    y, x, k, m = Loop("y", 1), Loop("x", 1), Loop("k", 2), Loop("m", 2)
    plane = contraction((y, x), ((2, 2), (y + k, x + m)))
    tie = np.array([[0.0, 1.0], [1.0, 1.0]])
    assert WindowArgMax(plane).evaluate(tie).item() == 1


def test_nan_is_the_greatest_and_the_first_nan_wins() -> None:
    window = pooling(4, 4, 1, 0)
    x = np.array([np.inf, np.nan, 3.0, np.nan])
    assert np.isnan(WindowMax(window).evaluate(x)).all()
    assert WindowArgMax(window).evaluate(x).tolist() == [1]
    assert WindowSpread(window).evaluate(np.ones(1), np.array([1])).tolist() == [0, 1, 0, 0]


def test_padding_never_wins_over_negative_numbers() -> None:
    window = pooling(3, 3, 1, 1)
    x = np.array([-5.0, -7.0, -6.0])
    assert WindowMax(window).evaluate(x).tolist() == [-5, -5, -6]
    assert WindowArgMax(window).evaluate(x).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("dtype", "least"), [("float64", -np.inf), ("int8", -128), ("uint8", 0), ("int64", -(2**63))]
)
def test_padding_never_wins_over_the_least_number(dtype: str, least: float) -> None:
    """Places in the padding do not exist: the first place that does exist is taken."""
    window = pooling(2, 2, 1, 1)
    x = np.full(2, least, dtype)
    place = WindowArgMax(window).evaluate(x)
    assert place.tolist() == [1, 0, 0]
    spread = WindowSpread(window).evaluate(np.ones(3), place)
    assert spread.sum() == 3


def test_several_channels_and_layouts() -> None:
    n, y, k = Loop("n", 2), Loop("y", 2), Loop("k", 2)
    window = contraction((n, y), ((2, 4), (n, 2 * y + k)))
    x = np.arange(8.0).reshape(4, 2).T
    assert not x.flags.c_contiguous
    assert WindowMax(window).evaluate(x).tolist() == [[2, 6], [3, 7]]
    wide = np.zeros((2, 8))
    wide[:, ::2] = x
    assert WindowMax(window).evaluate(wide[:, ::2]).tolist() == [[2, 6], [3, 7]]


def test_no_windows() -> None:
    none = Loop("y", 0)
    window = contraction((none,), ((4,), (none + Loop("k", 2),)))
    x = np.ones(4)
    assert WindowMax(window).evaluate(x).shape == (0,)
    place = WindowArgMax(window).evaluate(x)
    assert (place.shape, place.dtype) == ((0,), INT64)
    assert WindowSpread(window).evaluate(np.ones(0), place).tolist() == [0, 0, 0, 0]


def test_selecting_outside_gives_zero_and_spreading_there_nothing() -> None:
    window = pooling(2, 2, 1, 1)
    place = np.array([0, 0, 1])
    assert WindowSelect(window).evaluate(np.array([5.0, 6.0]), place).tolist() == [0, 5, 0]
    assert WindowSpread(window).evaluate(np.array([1.0, 2.0, 4.0]), place).tolist() == [2, 0]


def test_errors() -> None:
    window = pooling(4, 2, 2, 0)
    f64 = np.dtype("float64")
    with pytest.raises(ShapeError, match=r"max: expected shape \(4,\), got float64\[5\]"):
        WindowMax(window).infer(Type((5,), f64))
    with pytest.raises(DTypeError, match="argmax: expected numbers, got bool"):
        WindowArgMax(window).infer(Type((4,), np.dtype(bool)))
    with pytest.raises(ShapeError, match=r"select: expected places int64\[2\]"):
        WindowSelect(window).infer(Type((4,), f64), Type((3,), INT64))
    with pytest.raises(ShapeError, match=r"spread: expected shape \(2,\)"):
        WindowSpread(window).infer(Type((3,), f64), Type((2,), INT64))
    k = Loop("k", 0)
    with pytest.raises(ArgumentError, match="the maximum of nothing"):
        WindowMax(contraction((), ((0,), (k,)))).infer(Type((0,), f64))
