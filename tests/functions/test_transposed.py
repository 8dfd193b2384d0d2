"""Transposed convolution is the adjoint of convolution."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.functions.spatial_checks import axes, check_derivatives, draw, each

import lamina
from lamina import tensor
from lamina.core.errors import ArgumentError, ShapeError
from lamina.functions.convolution import conv1d, conv2d, conv3d
from lamina.functions.transposed import conv_transpose1d, conv_transpose2d, conv_transpose3d

CONV = {1: conv1d, 2: conv2d, 3: conv3d}
TRANSPOSE = {1: conv_transpose1d, 2: conv_transpose2d, 3: conv_transpose3d}
EXTENTS = {1: (9,), 2: (5, 6), 3: (4, 3, 5)}


@given(data=st.data(), rank=st.integers(1, 3), groups=st.sampled_from([1, 2]))
def test_adjoint_of_convolution(data: st.DataObject, rank: int, groups: int) -> None:
    """⟨conv(x), g⟩ = ⟨x, conv_transpose(g)⟩ with one weight for both."""
    sliding = [data.draw(axes(extent)) for extent in EXTENTS[rank]]
    options: dict[str, Any] = each(sliding, "stride", "padding", "dilation") | {"groups": groups}
    x = draw((2, 4, *EXTENTS[rank]))
    w = tensor(draw((6, 4 // groups, *(a.kernel for a in sliding)), seed=1))
    out = CONV[rank](tensor(x), w, **options).numpy()
    g = draw(out.shape, seed=2)
    lost = [
        (extent + 2 * a.padding - a.dilation * (a.kernel - 1) - 1) % a.stride
        for extent, a in zip(EXTENTS[rank], sliding, strict=True)
    ]
    back = TRANSPOSE[rank](tensor(g), w, output_padding=lost, **options).numpy()
    assert back.shape == x.shape
    np.testing.assert_allclose(np.sum(out * g), np.sum(x * back), rtol=1e-9, atol=1e-9)


def test_hand_worked() -> None:
    x, w = tensor([[1.0, 2.0]]), tensor([[[1.0, 10.0, 100.0]]])
    assert conv_transpose1d(x, w).tolist() == [[1.0, 12.0, 120.0, 200.0]]
    assert conv_transpose1d(x, w, stride=2).tolist() == [[1.0, 10.0, 102.0, 20.0, 200.0]]
    assert conv_transpose1d(x, w, stride=2, padding=1).tolist() == [[10.0, 102.0, 20.0]]
    longer = conv_transpose1d(x, w, tensor([0.5]), stride=2, padding=1, output_padding=1)
    assert longer.tolist() == [[10.5, 102.5, 20.5, 200.5]]
    assert conv_transpose1d(x, w, dilation=2).tolist() == [[1.0, 2.0, 10.0, 20.0, 100.0, 200.0]]


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    "options", [{}, {"stride": 2, "padding": 1, "output_padding": 1}, {"groups": 2, "dilation": 2}]
)
def test_derivatives(rank: int, options: dict[str, Any]) -> None:
    groups = options.get("groups", 1)
    x, w = draw((2, 4, *EXTENTS[rank])), draw((4, 2, *(3,) * rank))
    check_derivatives(lambda *a: TRANSPOSE[rank](*a, **options), x, w, draw((2 * groups,)))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_batches(rank: int) -> None:
    x, w = tensor(draw((2, *EXTENTS[rank]))), tensor(draw((2, 3, *(2,) * rank)))
    one, batch = TRANSPOSE[rank](x, w), TRANSPOSE[rank](x.unsqueeze(0), w)
    np.testing.assert_array_equal(one.numpy(), batch.numpy()[0])
    empty = TRANSPOSE[rank](lamina.zeros((0, 2, *EXTENTS[rank])), w.float())
    assert empty.shape == (0, *one.shape)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"input": (2, 3, 8, 8)}, ShapeError, r"expects 4 input channels \(weight \(4, 6, 3, 3\)"),
        ({"bias": (4,)}, ShapeError, r"bias must have shape \(6,\)"),
        ({"groups": 3}, ArgumentError, "groups must divide the 4 input channels"),
        ({"output_padding": 1}, ArgumentError, r"less than stride \(1, 1\) or dilation \(1, 1\)"),
        ({"padding": 5}, ShapeError, r"spatial shape \(0, 0\).*use less padding"),
        ({"padding": "same"}, ArgumentError, "padding must be"),
    ],
)
def test_errors_say_what_is_wrong(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    shapes = {"input": (2, 4, 8, 8), "weight": (4, 6, 3, 3), "bias": (6,)}
    tensors = {name: lamina.zeros(options.pop(name, shape)) for name, shape in shapes.items()}
    with pytest.raises(error, match=f"conv_transpose2d: .*{message}"):
        conv_transpose2d(**tensors, **options)
