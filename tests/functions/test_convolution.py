"""Convolution against plain loops, SciPy, hand-worked answers and the textbook's identities."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal
from tests.functions.spatial_checks import Axis, axes, check_derivatives, draw, each, windows

import lamina
from lamina import tensor
from lamina.core.errors import ArgumentError, ShapeError
from lamina.functions.convolution import conv1d, conv2d, conv3d

CONV = {1: conv1d, 2: conv2d, 3: conv3d}
EXTENTS = {1: (9,), 2: (5, 6), 3: (4, 3, 5)}


def plain(x: Any, w: Any, sliding: list[Axis], groups: int = 1) -> Any:
    """Convolution by reading every window."""
    cut = windows(x, sliding)
    rank, blocks = len(sliding), []
    for part in range(groups):
        channels = slice(part * w.shape[1], (part + 1) * w.shape[1])
        outputs = len(w) // groups
        kernel = w[part * outputs : (part + 1) * outputs].reshape(outputs, w.shape[1], -1)
        blocks.append(np.einsum("nc...k,ock->no...", cut[:, channels], kernel))
    assert blocks[0].ndim == rank + 2
    return np.concatenate(blocks, axis=1)


@given(data=st.data(), rank=st.integers(1, 3), groups=st.sampled_from([1, 2, 3]))
def test_matches_plain_loops(data: st.DataObject, rank: int, groups: int) -> None:
    sliding = [data.draw(axes(extent)) for extent in EXTENTS[rank]]
    x = draw((2, 6, *EXTENTS[rank]))
    w = draw((2 * groups, 6 // groups, *(a.kernel for a in sliding)), seed=1)
    options = each(sliding, "stride", "padding", "dilation")
    got = CONV[rank](tensor(x), tensor(w), groups=groups, **options)
    np.testing.assert_allclose(got.numpy(), plain(x, w, sliding, groups), atol=1e-12)


@pytest.mark.parametrize(
    ("padding", "mode"),
    [("narrow", "valid"), ("valid", "valid"), ("same", "same"), ("wide", "full"), ("full", "full")],
)
def test_matches_scipy(padding: str, mode: str) -> None:
    x, w = draw((6, 7)), draw((3, 5), seed=1)
    image, kernel = tensor(x[None, None]), tensor(w[None, None])
    flipped = conv2d(image, kernel, padding=padding, flip=True).numpy()[0, 0]
    np.testing.assert_allclose(flipped, signal.convolve2d(x, w, mode), atol=1e-12)
    straight = conv2d(image, kernel, padding=padding).numpy()[0, 0]
    np.testing.assert_allclose(straight, signal.correlate2d(x, w, mode), atol=1e-12)


def test_hand_worked() -> None:
    x, w = tensor([[1.0, 2.0, 3.0, 4.0]]), tensor([[[1.0, 0.0, -1.0]]])
    assert conv1d(x, w).tolist() == [[-2.0, -2.0]]
    assert conv1d(x, w, flip=True).tolist() == [[2.0, 2.0]]
    assert conv1d(x, w, padding="same").tolist() == [[-2.0, -2.0, -2.0, 3.0]]
    assert conv1d(x, w, padding=1, stride=2).tolist() == [[-2.0, -2.0]]
    assert conv1d(x, w, tensor([10.0]), dilation=1).tolist() == [[8.0, 8.0]]


def test_an_even_kernel_keeps_the_width_with_more_padding_at_the_end() -> None:
    x, w = tensor([[1.0, 2.0, 3.0]]), tensor([[[1.0, 10.0]]])
    assert conv1d(x, w, padding="same").tolist() == [[21.0, 32.0, 3.0]]
    assert conv1d(x, w, padding="same", dilation=2).tolist() == [[20.0, 31.0, 2.0]]


@given(m=st.integers(1, 6), k=st.integers(1, 6))
def test_wide_convolution_commutes(m: int, k: int) -> None:
    x, w = tensor(draw((1, 1, m, k))), tensor(draw((1, 1, k, 2), seed=1))
    one = conv2d(x, w, padding="wide", flip=True).numpy()
    other = conv2d(w, x, padding="wide", flip=True).numpy()
    np.testing.assert_allclose(one, other, atol=1e-12)


def test_error_terms_of_the_textbook() -> None:
    """δ(l) is the wide convolution of δ(l+1) with rot180 of the kernel; ∂L/∂W = δ ⊗ X."""
    x, w, delta = draw((5, 6)), draw((3, 2), seed=1), draw((3, 5), seed=2)
    _, pull = lamina.vjp(conv2d, tensor(x[None, None]), tensor(w[None, None]))
    dx, dw = (g.numpy()[0, 0] for g in pull(tensor(delta[None, None])))
    np.testing.assert_allclose(dx, signal.correlate2d(delta, np.rot90(w, 2), "full"), atol=1e-12)
    np.testing.assert_allclose(dw, signal.correlate2d(x, delta, "valid"), atol=1e-12)


def test_a_stride_takes_every_other_output() -> None:
    x, w = tensor(draw((2, 3, 8, 9))), tensor(draw((4, 3, 3, 2), seed=1))
    every = conv2d(x, w, padding=1).numpy()
    np.testing.assert_allclose(conv2d(x, w, padding=1, stride=(2, 3)).numpy(), every[..., ::2, ::3])


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 1},
        {"dilation": 2, "padding": "wide"},
        {"padding": "same", "flip": True, "groups": 2},
    ],
)
def test_derivatives(rank: int, options: dict[str, Any]) -> None:
    x, w = draw((2, 4, *EXTENTS[rank])), draw((2, 4 // options.get("groups", 1), *(2,) * rank))
    check_derivatives(lambda *args: CONV[rank](*args, **options), x, w, draw((2,)))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_one_image_without_batch_axis(rank: int) -> None:
    x, w, b = tensor(draw((2, *EXTENTS[rank]))), tensor(draw((3, 2, *(2,) * rank))), draw((3,))
    batched = CONV[rank](x.unsqueeze(0), w, tensor(b)).numpy()
    np.testing.assert_array_equal(CONV[rank](x, w, tensor(b)).numpy(), batched[0])


def test_empty_batch_and_single_pixel() -> None:
    w = lamina.ones((4, 3, 3, 3))
    assert conv2d(lamina.ones((0, 3, 8, 8)), w).shape == (0, 4, 6, 6)
    assert conv2d(lamina.ones((1, 3, 1, 1)), w, padding=1).tolist() == [[[[3.0]]] * 4]


def test_dtypes_are_promoted() -> None:
    x, w = lamina.ones((1, 1, 3)), lamina.ones((1, 1, 2))
    assert conv1d(x, w).dtype == np.float32
    assert conv1d(x, w.double()).dtype == np.float64


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"input": (2, 1, 28, 28)},
            ShapeError,
            "expects 3 input channels .weight .8, 3, 5, 5., groups=1., input .2, 1, 28, 28. has 1",
        ),
        ({"input": (28, 28)}, ShapeError, r"\(N, C, H, W\) or \(C, H, W\), got shape \(28, 28\)"),
        ({"weight": (8, 3, 5)}, ShapeError, "two channel axes and 2 spatial axes"),
        ({"bias": (3,)}, ShapeError, r"bias must have shape \(8,\).*got shape \(3,\)"),
        ({"input": (2, 3, 4, 28)}, ShapeError, "kernel of 5 .* does not fit spatial axis 0 of 4"),
        ({"groups": 3}, ArgumentError, "groups must divide the 8 output channels"),
        ({"groups": 0}, ArgumentError, "groups must divide"),
        ({"stride": 0}, ArgumentError, "stride must be an integer or 2 integers, 1 or more, got 0"),
        ({"stride": (1, 2, 3)}, ArgumentError, "stride must be"),
        ({"dilation": 1.5}, ArgumentError, "dilation must be"),
        ({"padding": -1}, ArgumentError, "padding must be an integer or 2 integers, 0 or more"),
        ({"padding": "broad"}, ArgumentError, "padding must be numbers or one of narrow.*'broad'"),
        ({"padding": "same", "stride": 2}, ArgumentError, r"'same' needs stride 1, got .*\(2, 2\)"),
    ],
)
def test_errors_say_what_is_wrong(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    shapes = {"input": (2, 3, 28, 28), "weight": (8, 3, 5, 5), "bias": (8,)}
    tensors = {name: lamina.zeros(options.pop(name, shape)) for name, shape in shapes.items()}
    with pytest.raises(error, match=f"conv2d: .*{message}"):
        conv2d(**tensors, **options)
