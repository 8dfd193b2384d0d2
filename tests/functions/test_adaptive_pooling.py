"""Adaptive pooling against plain loops over its windows."""

from itertools import product
from math import ceil, floor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.functions.spatial_checks import check_derivatives, draw, spread

import lamina
from lamina import tensor
from lamina.core.errors import ArgumentError, ShapeError
from lamina.functions.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from lamina.functions.pooling import avg_pool2d, max_pool2d

AVG = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}
MAX = {1: adaptive_max_pool1d, 2: adaptive_max_pool2d, 3: adaptive_max_pool3d}
EXTENTS = {1: (9,), 2: (5, 7), 3: (4, 3, 5)}


def plain(x: Any, targets: tuple[int, ...], reduce: Any) -> Any:
    rank = len(targets)
    out = np.empty((*x.shape[:-rank], *targets))
    for place in product(*map(range, targets)):
        box = tuple(
            slice(floor(i * m / n), ceil((i + 1) * m / n))
            for i, m, n in zip(place, x.shape[-rank:], targets, strict=True)
        )
        out[(..., *place)] = reduce(x[(..., *box)], axis=tuple(range(-rank, 0)))
    return out


@given(data=st.data(), rank=st.integers(1, 3))
def test_matches_plain_loops(data: st.DataObject, rank: int) -> None:
    targets = tuple(data.draw(st.integers(1, m + 2)) for m in EXTENTS[rank])
    x = draw((2, 3, *EXTENTS[rank]))
    means = AVG[rank](tensor(x), targets).numpy()
    np.testing.assert_allclose(means, plain(x, targets, np.mean), atol=1e-12)
    maxima, places = MAX[rank](tensor(x), targets, return_indices=True)
    np.testing.assert_array_equal(maxima.numpy(), plain(x, targets, np.max))
    found = np.take_along_axis(x.reshape((6, -1)), places.numpy().reshape((6, -1)), axis=1)
    np.testing.assert_array_equal(found.reshape(maxima.shape), maxima.numpy())


def test_equals_pooling_where_the_target_divides() -> None:
    x = tensor(draw((2, 3, 6, 8)))
    even = {"kernel_size": (3, 2)}
    np.testing.assert_allclose(
        adaptive_avg_pool2d(x, (2, 4)).numpy(), avg_pool2d(x, **even).numpy()
    )
    np.testing.assert_array_equal(
        adaptive_max_pool2d(x, (2, 4)).numpy(), max_pool2d(x, **even).numpy()
    )


def test_what_is_not_a_number_stays_in_its_window() -> None:
    x = np.ones((1, 1, 6, 4))
    x[0, 0, 2, 1] = np.nan
    means = adaptive_avg_pool2d(tensor(x), (3, 2)).numpy()
    assert np.argwhere(np.isnan(means)).tolist() == [[0, 0, 1, 0]]


def test_an_image_of_the_wanted_size_stays_as_it_is() -> None:
    program = lamina.compile(lambda x: adaptive_avg_pool2d(x, (6, 1))).show(
        "passes", lamina.ones(2, 3, 6, 1)
    )
    assert program.splitlines()[-1].split() == ["return", "x1"]


def test_none_keeps_an_axis() -> None:
    x = tensor(draw((3, 4, 5)))
    assert adaptive_avg_pool2d(x, (None, 2)).shape == (3, 4, 2)
    np.testing.assert_array_equal(adaptive_max_pool2d(x, None).numpy(), x.numpy())


def test_the_first_of_equal_maxima_gets_the_gradient() -> None:
    g = lamina.grad(lambda t: adaptive_max_pool1d(t, 2).sum())(tensor([[2.0, 2.0, 2.0]]))
    assert g.tolist() == [[1.0, 1.0, 0.0]]


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("target", [1, 2, 3])
def test_derivatives(rank: int, target: int) -> None:
    x = spread((2, 2, *EXTENTS[rank]))
    check_derivatives(lambda t: AVG[rank](t, target), x)
    check_derivatives(lambda t: MAX[rank](t, target), x)


def test_empty_batch_and_dtype() -> None:
    nothing = lamina.zeros((0, 3, 6, 6))
    assert adaptive_avg_pool2d(nothing, 1).shape == adaptive_max_pool2d(nothing, 1).shape
    assert adaptive_avg_pool2d(lamina.ones((1, 5, 7)), 3).dtype == np.float32


@pytest.mark.parametrize("pool", [adaptive_avg_pool2d, adaptive_max_pool2d])
def test_errors_say_what_is_wrong(pool: Any) -> None:
    x = lamina.zeros((1, 4, 4))
    with pytest.raises(ArgumentError, match="output_size must be one number or 2, got"):
        pool(x, (1, 2, 3))
    with pytest.raises(ArgumentError, match="output_size must be an integer or 2 integers, 1 or"):
        pool(x, 0)
    with pytest.raises(ShapeError, match=r"the image has no elements.*\(1, 0, 4\)"):
        pool(lamina.zeros((1, 0, 4)), 1)
    with pytest.raises(ShapeError, match="input must have shape"):
        pool(lamina.zeros((4, 4)), 1)
