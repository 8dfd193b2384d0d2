"""Interpolation against SciPy and hand-worked answers; pixel shuffling against its formula."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator
from tests.functions.spatial_checks import check_derivatives, draw

import lamina
from lamina import tensor
from lamina.core.errors import ArgumentError, ShapeError
from lamina.functions.interpolation import interpolate, pixel_shuffle, pixel_unshuffle

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
EXTENTS = {1: (5,), 2: (4, 5), 3: (3, 4, 2)}


@given(data=st.data(), rank=st.integers(1, 3), align_corners=st.booleans())
def test_linear_modes_match_scipy(data: st.DataObject, rank: int, align_corners: bool) -> None:
    extents = EXTENTS[rank]
    targets = tuple(data.draw(st.integers(2, 9)) for _ in extents)
    x = draw(extents)
    grids = []
    for m, n in zip(extents, targets, strict=True):
        cells = (np.arange(n) + 0.5) * m / n - 0.5
        grids.append(np.linspace(0, m - 1, n) if align_corners else np.clip(cells, 0, m - 1))
    places = np.stack(np.meshgrid(*grids, indexing="ij"), axis=-1)
    wanted = RegularGridInterpolator([np.arange(m) for m in extents], x)(places)
    got = interpolate(
        tensor(x[None, None]), size=targets, mode=LINEAR[rank], align_corners=align_corners
    )
    np.testing.assert_allclose(got.numpy()[0, 0], wanted, atol=1e-12)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_whole_factors_repeat_the_nearest(rank: int) -> None:
    x = wanted = draw((2, 3, *EXTENTS[rank]))
    for axis in range(2, 2 + rank):
        wanted = np.repeat(wanted, 3, axis)
    for mode in ("nearest", "nearest-exact"):
        np.testing.assert_array_equal(
            interpolate(tensor(x), scale_factor=3, mode=mode).numpy(), wanted
        )


def test_hand_worked() -> None:
    row = tensor([[[0.0, 10.0, 20.0, 30.0, 40.0]]])
    assert interpolate(row, size=2).tolist() == [[[0.0, 20.0]]]
    assert interpolate(row, size=2, mode="nearest-exact").tolist() == [[[10.0, 30.0]]]
    assert interpolate(row, size=3, mode="linear", align_corners=True).tolist() == [
        [[0.0, 20.0, 40.0]]
    ]
    assert interpolate(row, size=1, mode="linear").tolist() == [[[20.0]]]
    assert interpolate(row, size=1, mode="linear", align_corners=True).tolist() == [[[0.0]]]


def test_places_follow_from_the_factor_or_from_the_rounded_size() -> None:
    row = tensor([[[0.0, 6.0, 12.0, 18.0]]])
    by_factor = interpolate(row, scale_factor=0.7, mode="linear").numpy()[0, 0]
    np.testing.assert_allclose(by_factor, [6 * (0.5 / 0.7 - 0.5), 6 * (1.5 / 0.7 - 0.5)], rtol=1e-6)
    by_size = interpolate(row, scale_factor=0.7, mode="linear", recompute_scale_factor=True)
    assert by_size.tolist() == [[[3.0, 15.0]]]


def test_an_axis_that_keeps_its_size_is_left_alone() -> None:
    row = tensor([[[0.0, 6.0, 12.0]]])
    assert interpolate(row, scale_factor=1.3, mode="linear").tolist() == row.tolist()


def test_no_place_is_rounded_to_its_neighbour() -> None:
    """49 · (1/49) is less than 1 in floating point."""
    row = tensor(np.arange(2.0).reshape((1, 1, 2)))
    got = interpolate(row, size=98).numpy()[0, 0]
    np.testing.assert_array_equal(got, np.repeat([0.0, 1.0], 49))


def test_nearest_keeps_a_nan_in_its_place() -> None:
    got = interpolate(tensor([[[np.nan, 1.0]]]), size=4).numpy()[0, 0]
    np.testing.assert_array_equal(got, [np.nan, np.nan, 1.0, 1.0])


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("factor", [0.5, 1.5, 2])
def test_derivatives(rank: int, factor: float) -> None:
    x = draw((2, 1, *EXTENTS[rank]))
    check_derivatives(lambda t: interpolate(t, scale_factor=factor), x)
    check_derivatives(lambda t: interpolate(t, scale_factor=factor, mode=LINEAR[rank]), x)


def test_empty_batch_and_dtype() -> None:
    assert interpolate(lamina.zeros((0, 2, 4, 4)), size=(2, 8)).shape == (0, 2, 2, 8)
    assert interpolate(lamina.ones((1, 2, 4)), size=3, mode="linear").dtype == np.float32


@pytest.mark.parametrize(
    ("shape", "options", "error", "message"),
    [
        ((1, 1, 4), {}, ArgumentError, "either size or scale_factor"),
        ((1, 1, 4), {"size": 2, "scale_factor": 2}, ArgumentError, "either size or scale_factor"),
        ((1, 1, 4), {"size": 2, "mode": "cubic"}, ArgumentError, "mode must be one of .*'cubic'"),
        (
            (1, 1, 4),
            {"size": 2, "mode": "bilinear"},
            ShapeError,
            r"needs .* 2 non-empty.*\(1, 1, 4\)",
        ),
        ((1, 4), {"size": 2}, ShapeError, "1, 2 or 3 non-empty spatial axes"),
        (
            (1, 1, 4),
            {"size": 2, "align_corners": True},
            ArgumentError,
            "align_corners has no meaning",
        ),
        ((1, 1, 4), {"size": 0}, ArgumentError, "size must be an integer, 1 or more, got 0"),
        ((1, 1, 4), {"scale_factor": 0.2}, ArgumentError, r"0.2 leaves nothing of .*\(4,\)"),
        ((1, 1, 4), {"scale_factor": -1.0}, ArgumentError, "scale_factor must be a number above 0"),
        ((1, 1, 4), {"scale_factor": (1.0, 2.0)}, ArgumentError, "scale_factor must be"),
    ],
)
def test_errors_say_what_is_wrong(
    shape: tuple[int, ...], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"interpolate: .*{message}"):
        interpolate(lamina.zeros(shape), **options)


@given(r=st.integers(1, 3), lead=st.sampled_from([(), (2,), (2, 3), (0,)]))
def test_pixel_shuffle(r: int, lead: tuple[int, ...]) -> None:
    x = draw((*lead, 2 * r * r, 3, 4))
    got = pixel_shuffle(tensor(x), r)
    for c, y, i, u, j in np.ndindex(2, 3, r, 4, r):
        channel = c * r * r + r * i + j
        np.testing.assert_array_equal(
            got.numpy()[..., c, r * y + i, r * u + j], x[..., channel, y, u]
        )
    np.testing.assert_array_equal(pixel_unshuffle(got, r).numpy(), x)


def test_errors_of_pixel_shuffles() -> None:
    with pytest.raises(ShapeError, match=r"pixel_shuffle: upscale_factor 2 needs .* of 4 channels"):
        pixel_shuffle(lamina.zeros((3, 2, 2)), 2)
    with pytest.raises(ShapeError, match="downscale_factor 2 must divide height and width"):
        pixel_unshuffle(lamina.zeros((1, 3, 2)), 2)
    with pytest.raises(ArgumentError, match="upscale_factor must be an integer, 1 or more, got 0"):
        pixel_shuffle(lamina.zeros((4, 2, 2)), 0)
    with pytest.raises(ShapeError, match=r"input must have shape \(…, C, H, W\)"):
        pixel_shuffle(lamina.zeros((2, 2)), 1)
