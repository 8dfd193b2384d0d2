"""Unfolding and folding are adjoint, and unfolding makes convolution a matrix product."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.functions.spatial_checks import axes, check_derivatives, draw, each, windows

import lamina
from lamina import tensor
from lamina.core.errors import ArgumentError, ShapeError
from lamina.functions.convolution import conv1d, conv2d, conv3d
from lamina.functions.unfolding import fold, unfold

CONV = {1: conv1d, 2: conv2d, 3: conv3d}
EXTENTS = {1: (9,), 2: (5, 6), 3: (4, 3, 5)}


@given(data=st.data(), rank=st.integers(1, 3))
def test_columns_and_their_adjoint(data: st.DataObject, rank: int) -> None:
    sliding = [data.draw(axes(extent)) for extent in EXTENTS[rank]]
    kernel = tuple(a.kernel for a in sliding)
    options: dict[str, Any] = each(sliding, "stride", "padding", "dilation")
    x = draw((2, 3, *EXTENTS[rank]))
    columns = unfold(tensor(x), kernel, **options).numpy()
    cut = windows(x, sliding)
    wanted = np.moveaxis(cut, -1, 2).reshape((2, 3 * cut.shape[-1], -1))
    np.testing.assert_array_equal(columns, wanted)
    g = draw(columns.shape, seed=1)
    image = fold(tensor(g), EXTENTS[rank], kernel, **options).numpy()
    np.testing.assert_allclose(np.sum(columns * g), np.sum(x * image), rtol=1e-9, atol=1e-9)


def test_convolution_is_a_product_with_the_unfolded_image() -> None:
    x, w = draw((2, 3, 6, 7)), draw((4, 3, 3, 2), seed=1)
    product = w.reshape((4, -1)) @ unfold(tensor(x), (3, 2), stride=2).numpy()
    wanted = conv2d(tensor(x), tensor(w), stride=2).numpy()
    np.testing.assert_allclose(product.reshape(wanted.shape), wanted, atol=1e-12)


def test_fold_adds_overlapping_windows() -> None:
    counts = fold(lamina.ones((1, 4, 4)), 3, 2).tolist()
    assert counts == [[[[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]]]


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"dilation": 2}])
def test_derivatives(options: dict[str, Any]) -> None:
    columns = unfold(tensor(draw((2, 3, 5, 6))), 2, **options)
    check_derivatives(lambda t: unfold(t, 2, **options), draw((2, 3, 5, 6)))
    check_derivatives(lambda t: fold(t, (5, 6), 2, **options), columns.numpy())


def test_batches() -> None:
    x = tensor(draw((3, 5, 6)))
    one = unfold(x, 2)
    np.testing.assert_array_equal(one.numpy(), unfold(x.unsqueeze(0), 2).numpy()[0])
    assert fold(one, (5, 6), 2).shape == (3, 5, 6)
    assert unfold(lamina.zeros((0, 3, 5, 6)), 2).shape == (0, 12, 20)
    assert fold(lamina.zeros((0, 12, 20)), (5, 6), 2).shape == (0, 3, 5, 6)


@pytest.mark.parametrize(
    ("shape", "error", "message"),
    [
        ((2, 12, 19), ShapeError, r"\(N, C·4, 20\) .* image of \(5, 6\), got shape \(2, 12, 19\)"),
        ((2, 10, 20), ShapeError, r"\(N, C·4, 20\)"),
        ((20,), ShapeError, r"\(N, C·4, 20\)"),
    ],
)
def test_errors_of_fold(shape: tuple[int, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"fold: .*{message}"):
        fold(lamina.zeros(shape), (5, 6), 2)


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(ShapeError, match=r"unfold: input must have shape \(N, C, H, W\)"):
        unfold(lamina.zeros((5, 6)), 2)
    with pytest.raises(
        ShapeError, match="unfold: a kernel of 9 .* does not fit spatial axis 0 of 5"
    ):
        unfold(lamina.zeros((1, 5, 6)), 9)
    with pytest.raises(ArgumentError, match="must agree on 1, 2 or 3 axes"):
        fold(lamina.zeros((4, 20)), (5, 6), (2, 2, 2))
