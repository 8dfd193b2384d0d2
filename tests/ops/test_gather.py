"""Gather against NumPy's indexing, scatter-add against np.add.at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.core.errors import ArgumentError, DTypeError, ShapeError
from lamina.core.types import Array, Type
from lamina.ops.gather import Gather, ScatterAdd

F64, I64 = np.dtype("float64"), np.dtype("int64")


@st.composite
def cases(draw: st.DrawFn) -> tuple[Array, int, list[Array]]:
    """Draw an array, an axis, and index arrays for the axes from there on."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    axis = draw(st.integers(0, len(shape) - 1))
    count = draw(st.integers(1, len(shape) - axis))
    form = tuple(draw(st.lists(st.integers(0, 3), max_size=2)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    indices = [rng.integers(0, shape[axis + n], form) for n in range(count)]
    return rng.normal(size=shape), axis, indices


def numpy_key(axis: int, indices: list[Array]) -> tuple[slice | Array, ...]:
    return (slice(None),) * axis + tuple(indices)


@given(cases())
def test_gather(case: tuple[Array, int, list[Array]]) -> None:
    x, axis, indices = case
    found = Gather(axis).evaluate(x, *indices)
    expected = x[numpy_key(axis, indices)]
    np.testing.assert_array_equal(found, expected)
    kinds = [Type(a.shape, a.dtype) for a in (x, *indices)]
    assert Gather(axis).infer(*kinds) == Type(expected.shape, x.dtype)


@given(cases(), st.sampled_from(["float64", "float32", "int64", "int8"]))
def test_scatter_add(case: tuple[Array, int, list[Array]], dtype: str) -> None:
    x, axis, indices = case
    g = np.round(3 * Gather(axis).evaluate(x, *indices)).astype(dtype)
    expected = np.zeros(x.shape, dtype)
    np.add.at(expected, numpy_key(axis, indices), g)
    found = ScatterAdd(axis, x.shape).evaluate(g, *indices)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


@given(cases())
def test_adjoint_identity(case: tuple[Array, int, list[Array]]) -> None:
    x, axis, indices = case
    y = Gather(axis).evaluate(x, *indices)
    g = np.random.default_rng(1).normal(size=y.shape)
    pulled = ScatterAdd(axis, x.shape).evaluate(g, *indices)
    np.testing.assert_allclose(np.sum(g * y), np.sum(pulled * x), atol=1e-12)


def test_repeated_places_add_up() -> None:
    found = ScatterAdd(0, (3,)).evaluate(np.array([1.0, 2.0, 4.0]), np.array([1, 1, 0]))
    assert found.tolist() == [4, 3, 0]


def test_nothing_to_gather() -> None:
    none = np.zeros(0, np.int64)
    assert Gather(0).evaluate(np.ones((0, 2)), none).shape == (0, 2)
    assert ScatterAdd(0, (0, 2)).evaluate(np.ones((0, 2)), none).shape == (0, 2)
    assert ScatterAdd(0, (3, 2)).evaluate(np.ones((0, 2)), none).tolist() == [[0, 0]] * 3


def test_the_result_does_not_share_memory() -> None:
    x = np.arange(3.0)
    found = Gather(0).evaluate(x, np.array([0, 1, 2]))
    x[:] = 9
    assert found.tolist() == [0, 1, 2]


def test_small_unsigned_and_signed_indices() -> None:
    x = np.arange(300.0)
    for dtype in ("uint8", "int8", "int32", "uint32"):
        assert Gather(0).evaluate(x, np.array([100, 3], dtype)).tolist() == [100, 3]
        spread = ScatterAdd(0, (300, 2)).evaluate(np.ones((1, 2)), np.array([120], dtype))
        assert spread[120].tolist() == [1, 1]
        assert spread.sum() == 2


@pytest.mark.parametrize("bad", [3, -1, 100])
def test_an_index_out_of_range_is_named(bad: int) -> None:
    with pytest.raises(ArgumentError, match=f"gather: index {bad} is out of range for axis 1 of"):
        Gather(1).evaluate(np.ones((2, 3)), np.array([0, bad]))
    with pytest.raises(ArgumentError, match=f"scatter_add: index {bad} is out of range for axis 0"):
        ScatterAdd(0, (3,)).evaluate(np.ones(2), np.array([0, bad]))


def test_an_index_into_nothing_is_an_error() -> None:
    with pytest.raises(ArgumentError, match="axis 0 of size 0"):
        Gather(0).evaluate(np.ones(0), np.array([0]))


def test_type_errors() -> None:
    with pytest.raises(DTypeError, match="gather: indices must be integers"):
        Gather(0).infer(Type((3,), F64), Type((2,), F64))
    with pytest.raises(ShapeError, match="gather: 2 indices from axis 0 on do not fit"):
        Gather(0).infer(Type((3,), F64), Type((2,), I64), Type((2,), I64))
    with pytest.raises(ShapeError, match="index shapes differ"):
        Gather(0).infer(Type((3, 3), F64), Type((2,), I64), Type((3,), I64))
    with pytest.raises(ShapeError, match="gather: 0 indices"):
        Gather(0).infer(Type((3,), F64))
    with pytest.raises(ShapeError, match=r"scatter_add: expected values of shape \(2,\)"):
        ScatterAdd(0, (3,)).infer(Type((4,), F64), Type((2,), I64))
