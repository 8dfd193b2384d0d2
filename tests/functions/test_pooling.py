"""Maximum and average pooling against plain loops over windows."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.functions.spatial_checks import (
    Axis,
    axes,
    check_derivatives,
    draw,
    each,
    spread,
    windows,
)

import lamina
from lamina import tensor
from lamina.core.errors import ArgumentError, ShapeError
from lamina.functions.pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    global_avg_pool,
    global_max_pool,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)

MAX = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}
AVG = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}
EXTENTS = {1: (9,), 2: (5, 6), 3: (4, 3, 5)}


def arguments(sliding: list[Axis]) -> dict[str, Any]:
    return {
        "kernel_size": [a.kernel for a in sliding],
        "ceil_mode": sliding[0].ceil,
        **each(sliding, "stride", "padding"),
    }


@given(data=st.data(), rank=st.integers(1, 3), ceil=st.booleans())
def test_maxima_and_their_places(data: st.DataObject, rank: int, ceil: bool) -> None:
    sliding = [data.draw(axes(extent, True, ceil)) for extent in EXTENTS[rank]]
    x = spread((2, 3, *EXTENTS[rank]))
    maxima, places = MAX[rank](tensor(x), return_indices=True, **arguments(sliding))
    np.testing.assert_array_equal(maxima.numpy(), windows(x, sliding, -np.inf).max(-1))
    assert places.dtype == np.int64
    found = np.take_along_axis(x.reshape((6, -1)), places.numpy().reshape((6, -1)), axis=1)
    np.testing.assert_array_equal(found.reshape(maxima.shape), maxima.numpy())


@given(data=st.data(), rank=st.integers(1, 3), ceil=st.booleans(), with_padding=st.booleans())
def test_means(data: st.DataObject, rank: int, ceil: bool, with_padding: bool) -> None:
    sliding = [data.draw(axes(extent, True, ceil)) for extent in EXTENTS[rank]]
    x = draw((2, 3, *EXTENTS[rank]))
    got = AVG[rank](tensor(x), count_include_pad=with_padding, **arguments(sliding)).numpy()
    if with_padding:
        ones = np.ones([m + 2 * a.padding for m, a in zip(EXTENTS[rank], sliding, strict=True)])
        counts = windows(ones, [Axis(a.kernel, a.stride, 0, 1, ceil) for a in sliding]).sum(-1)
        counts = counts[tuple(slice(n) for n in got.shape[2:])]
    else:
        counts = windows(np.ones(EXTENTS[rank]), sliding).sum(-1)
    np.testing.assert_allclose(got, windows(x, sliding).sum(-1) / counts, atol=1e-12)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_dilated_maxima(rank: int, ceil_mode: bool) -> None:
    x = spread((2, *EXTENTS[rank]))
    got = MAX[rank](tensor(x), 2, stride=2, padding=1, dilation=2, ceil_mode=ceil_mode)
    wanted = windows(x, [Axis(2, 2, 1, 2, ceil_mode)] * rank, -np.inf).max(-1)
    np.testing.assert_array_equal(got.numpy(), wanted)


def test_hand_worked() -> None:
    image = tensor([[[1.0, 2.0, 3.0], [4.0, 9.0, 6.0], [7.0, 8.0, 5.0]]])
    assert max_pool2d(image, 2, stride=1).tolist() == [[[9.0, 9.0], [9.0, 9.0]]]
    assert max_pool2d(image, 2).tolist() == [[[9.0]]]
    assert max_pool2d(image, 2, ceil_mode=True).tolist() == [[[9.0, 6.0], [8.0, 5.0]]]
    assert max_pool2d(image, 2, padding=1).tolist() == [[[1.0, 3.0], [7.0, 9.0]]]
    assert avg_pool2d(image, 2).tolist() == [[[4.0]]]
    assert avg_pool2d(image, 2, ceil_mode=True).tolist() == [[[4.0, 4.5], [7.5, 5.0]]]
    assert avg_pool2d(image, 2, padding=1).tolist() == [[[0.25, 1.25], [2.75, 7.0]]]
    bare = avg_pool2d(image, 2, padding=1, count_include_pad=False)
    assert bare.tolist() == [[[1.0, 2.5], [5.5, 7.0]]]
    assert avg_pool2d(image, 2, divisor_override=1).tolist() == [[[16.0]]]


def gradient(f: Any, x: Any) -> Any:
    return lamina.grad(lambda t: f(t).sum())(tensor(x)).tolist()


def test_the_first_of_equal_maxima_gets_the_gradient() -> None:
    assert gradient(lambda x: max_pool1d(x, 2), [[3.0, 3.0, 1.0, 2.0]]) == [[1.0, 0.0, 0.0, 1.0]]
    assert gradient(global_max_pool, [[[1.0, 5.0, 5.0]]]) == [[[0.0, 1.0, 0.0]]]
    overlapping = gradient(lambda x: max_pool1d(x, 2, stride=1), [[1.0, 3.0, 3.0]])
    assert overlapping == [[0.0, 2.0, 0.0]]


def test_the_mean_spreads_its_gradient_evenly() -> None:
    assert gradient(lambda x: avg_pool1d(x, 2), [[1.0, 2.0, 3.0, 4.0, 5.0]]) == [
        [0.5, 0.5, 0.5, 0.5, 0.0]
    ]
    assert gradient(global_avg_pool, [[[1.0, 2.0, 3.0, 4.0]]]) == [[[0.25] * 4]]


def test_nan_is_greater_than_any_number() -> None:
    row = tensor([[1.0, np.nan, 2.0, 3.0]])
    np.testing.assert_array_equal(max_pool1d(row, 2).numpy(), [[np.nan, 3.0]])


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"stride": 1, "padding": 1}, {"ceil_mode": True}])
def test_derivatives(rank: int, options: dict[str, Any]) -> None:
    x = spread((2, 2, *EXTENTS[rank]))
    check_derivatives(lambda t: MAX[rank](t, 2, **options), x)
    check_derivatives(lambda t: AVG[rank](t, 2, **options), x)
    check_derivatives(global_max_pool, x)
    check_derivatives(global_avg_pool, x)


def test_empty_batches() -> None:
    nothing = lamina.zeros((0, 3, 6, 6))
    assert max_pool2d(nothing, 2).shape == avg_pool2d(nothing, 2).shape == (0, 3, 3, 3)
    assert [t.shape for t in max_pool2d(nothing, 2, return_indices=True)] == [(0, 3, 3, 3)] * 2
    assert global_avg_pool(nothing).shape == global_max_pool(nothing).shape == (0, 3)


@pytest.mark.parametrize(
    ("shape", "options", "error", "message"),
    [
        ((4, 4), {}, ShapeError, r"input must have shape \(N, C, H, W\) or"),
        ((1, 1, 4), {"kernel_size": 5}, ShapeError, "kernel of 5 .* spatial axis 0 of 1 elements"),
        ((1, 4, 4), {"padding": 2}, ArgumentError, "padding must be at most half the kernel"),
        ((1, 4, 4), {"kernel_size": (2, 0)}, ArgumentError, r"kernel_size must be .*\(2, 0\)"),
        ((1, 4, 4), {"stride": "2"}, ArgumentError, "stride must be .*'2'"),
    ],
)
def test_errors_say_what_is_wrong(
    shape: tuple[int, ...], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    for name, pool in (("max_pool2d", max_pool2d), ("avg_pool2d", avg_pool2d)):
        with pytest.raises(error, match=f"{name}: .*{message}"):
            pool(lamina.zeros(shape), **{"kernel_size": 2} | options)


def test_errors_of_single_functions() -> None:
    with pytest.raises(ShapeError, match=r"max_pool2d: some window .* \(input \(1, 1, 4\)\)"):
        max_pool2d(lamina.zeros((1, 1, 4)), 2, padding=1, dilation=2)
    with pytest.raises(ArgumentError, match="divisor_override must be 1 or more, got 0"):
        avg_pool2d(lamina.zeros((1, 4, 4)), 2, divisor_override=0)
    with pytest.raises(ShapeError, match=r"global_avg_pool: .*\(N, C, spatial…\), got .*\(3, 4\)"):
        global_avg_pool(lamina.zeros((3, 4)))
