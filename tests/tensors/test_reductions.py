"""Sums, means, spreads and extrema against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import lamina
from lamina.core.errors import ArgumentError, DTypeError
from tests.tensors.arrays import FLOATS, INTEGERS, assert_same, filled

SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def arrays_and_axes(draw: st.DrawFn, min_side: int = 0) -> tuple[tuple[int, ...], Any, bool]:
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=min_side, max_side=4))
    axes = draw(hnp.valid_tuple_axes(len(shape)))
    dim = draw(st.sampled_from([axes, None, *([axes[0]] if len(axes) == 1 else [])]))
    return shape, dim, draw(st.booleans())


@given(arrays_and_axes(), st.sampled_from([*FLOATS, *INTEGERS, "bool"]), SEEDS)
def test_sum(case: tuple[tuple[int, ...], Any, bool], dtype: str, seed: int) -> None:
    shape, dim, keepdim = case
    x = filled(shape, dtype, seed)
    kind = x.dtype if dtype in FLOATS else np.dtype("int64")
    expected = np.asarray(x.sum(axis=dim, keepdims=keepdim, dtype=kind))
    assert_same(lamina.sum(x, dim, keepdim), expected)


@given(arrays_and_axes(min_side=1), st.sampled_from(FLOATS), SEEDS)
def test_mean_var_std_norm(case: tuple[tuple[int, ...], Any, bool], dtype: str, seed: int) -> None:
    shape, dim, keepdim = case
    x = filled(shape, dtype, seed)
    named = {"axis": dim, "keepdims": keepdim}
    rtol = 1e-5 if dtype == "float32" else 1e-12
    assert_same(lamina.mean(x, dim, keepdim), np.asarray(x.mean(**named)), rtol)
    assert_same(lamina.var(x, dim, 0, keepdim), np.asarray(x.var(**named)), rtol)
    assert_same(
        lamina.std(x, dim, 0, keepdim), np.asarray(x.std(**named)), 1e-3 if rtol > 1e-6 else 1e-7
    )
    assert_same(lamina.norm(x, dim, keepdim), np.asarray(np.sqrt((x * x).sum(**named))), rtol)


def test_correction() -> None:
    x = lamina.tensor([1.0, 2.0, 4.0], dtype="float64")
    assert x.var().item() == pytest.approx(7 / 3)
    assert x.var(correction=0).item() == pytest.approx(14 / 9)
    assert x.std(correction=2).item() == pytest.approx((14 / 3) ** 0.5)
    assert np.isnan(lamina.tensor([1.0]).var().item())
    assert np.isnan(lamina.zeros(0).mean().item())


@given(arrays_and_axes(min_side=1), st.sampled_from([*FLOATS, *INTEGERS]), SEEDS)
def test_extrema(case: tuple[tuple[int, ...], Any, bool], dtype: str, seed: int) -> None:
    shape, dim, keepdim = case
    x = filled(shape, dtype, seed)
    if dtype in INTEGERS and x.size:
        x.flat[0] = np.iinfo(dtype).min
        x.flat[-1] = np.iinfo(dtype).max
    assert_same(lamina.amax(x, dim, keepdim), np.asarray(x.max(axis=dim, keepdims=keepdim)))
    assert_same(lamina.amin(x, dim, keepdim), np.asarray(x.min(axis=dim, keepdims=keepdim)))


@given(
    hnp.array_shapes(max_dims=3, max_side=4),
    st.data(),
    st.sampled_from([*FLOATS, *INTEGERS]),
    st.booleans(),
    SEEDS,
)
def test_places(
    shape: tuple[int, ...], data: st.DataObject, dtype: str, keepdim: bool, seed: int
) -> None:
    x = filled(shape, dtype, seed)
    dim = data.draw(st.one_of(st.none(), st.integers(-len(shape), len(shape) - 1)))
    for name in ("argmax", "argmin"):
        expected = np.asarray(getattr(np, name)(x, axis=dim, keepdims=keepdim))
        assert_same(getattr(lamina, name)(x, dim, keepdim), expected)
    if dim is not None:
        values, indices = lamina.max(x, dim, keepdim)
        assert_same(values, x.max(axis=dim, keepdims=keepdim))
        assert_same(indices, x.argmax(axis=dim, keepdims=keepdim))
        values, indices = lamina.min(x, dim, keepdim)
        assert_same(values, x.min(axis=dim, keepdims=keepdim))
        assert_same(indices, x.argmin(axis=dim, keepdims=keepdim))


def test_extrema_of_bools_and_without_dim() -> None:
    mask = lamina.tensor([True, False])
    assert (mask.argmax().item(), mask.argmin().item()) == (0, 1)
    assert lamina.tensor([[1.0, 5.0]]).max().item() == 5
    assert lamina.tensor([[1.0, 5.0]]).min().item() == 1


def test_nan_is_extreme() -> None:
    x = lamina.tensor([1.0, np.nan, 2.0])
    assert np.isnan([x.amax().item(), x.amin().item()]).all()
    assert (x.argmax().item(), x.argmin().item()) == (1, 1)


def test_extrema_route_gradients_to_the_first() -> None:
    x = lamina.tensor([[1.0, 3.0, 3.0], [2.0, 0.0, 2.0]])
    assert lamina.grad(lambda x: x.amax(1).sum())(x).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert lamina.grad(lambda x: x.max(1).values.sum())(x).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert lamina.grad(lambda x: x.amin())(x).tolist() == [[0, 0, 0], [0, 1, 0]]


@given(arrays_and_axes(), SEEDS, st.sampled_from(["bool", "float32", "int64"]))
def test_any_and_all(case: tuple[tuple[int, ...], Any, bool], seed: int, dtype: str) -> None:
    shape, dim, keepdim = case
    x = filled(shape, dtype, seed)
    assert_same(lamina.any(x, dim, keepdim), np.asarray(np.any(x, axis=dim, keepdims=keepdim)))
    assert_same(lamina.all(x, dim, keepdim), np.asarray(np.all(x, axis=dim, keepdims=keepdim)))


@given(hnp.array_shapes(max_dims=3, max_side=4), st.data(), st.booleans(), SEEDS)
def test_logsumexp(shape: tuple[int, ...], data: st.DataObject, keepdim: bool, seed: int) -> None:
    from scipy.special import logsumexp, softmax

    x = np.random.default_rng(seed).normal(scale=300, size=shape)
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    expected = np.asarray(logsumexp(x, axis=dim, keepdims=keepdim))
    assert_same(lamina.logsumexp(x, dim, keepdim), expected, 1e-12)
    slope = lamina.grad(lambda x: x.logsumexp(dim).sum())(lamina.tensor(x))
    assert_same(slope, softmax(x, axis=dim), 1e-9)


def test_logsumexp_of_infinities() -> None:
    inf = np.inf
    x = lamina.tensor([[-inf, -inf], [inf, 0.0], [-inf, 1.0], [1e4, 1e4]], dtype="float64")
    assert x.logsumexp(1).tolist() == [-inf, inf, 1.0, 1e4 + np.log(2)]


def test_norm_of_zero_has_a_derivative() -> None:
    assert lamina.grad(lambda x: x.norm())(lamina.zeros(2)).tolist() == [0, 0]
    assert lamina.grad(lambda x: x.norm())(lamina.tensor([3.0, 4.0])).tolist() == pytest.approx(
        [0.6, 0.8]
    )
    assert np.isnan(lamina.tensor([np.nan, 0.0]).norm().item())


def test_the_spread_of_equal_numbers_has_a_derivative() -> None:
    assert lamina.grad(lambda x: x.std())(lamina.ones(3)).tolist() == [0, 0, 0]


def test_sums_over_nothing() -> None:
    assert lamina.zeros(0).sum().item() == 0
    assert lamina.zeros(2, 0).sum(1).tolist() == [0, 0]
    assert lamina.ones(2, 3).sum(()).shape == (2, 3)


def test_many_float32_are_summed_accurately() -> None:
    x = np.full(10**6, 0.1, "float32")
    assert lamina.tensor(x).sum().item() == pytest.approx(1e5, rel=1e-5)
    assert lamina.tensor(x).reshape(1000, 1000).mean(0).numpy() == pytest.approx(0.1, rel=1e-5)


def test_errors() -> None:
    with pytest.raises(DTypeError, match="mean: expected floats, got int64; use .float"):
        lamina.arange(3).mean()
    with pytest.raises(DTypeError, match="logsumexp: expected floats"):
        lamina.arange(3).logsumexp(0)
    with pytest.raises(ArgumentError, match="sum: dim 2 is out of range for 2 axes"):
        lamina.ones(2, 3).sum(2)
    with pytest.raises(ArgumentError, match="names an axis twice"):
        lamina.ones(2, 3).sum((0, -2))
    with pytest.raises(ArgumentError, match="the maximum of nothing"):
        lamina.zeros(2, 0).amax(1)
    with pytest.raises(ArgumentError, match="argmax: dim 1 is out of range"):
        lamina.zeros(2).argmax(1)
