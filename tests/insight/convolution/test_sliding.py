"""Convolution step by step, against SciPy and Lamina's convolution, and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import convolve2d, correlate2d

import lamina.functions as F
from lamina import tensor
from lamina.core.errors import ArgumentError, ShapeError
from lamina.insight import slide


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def test_worked_by_hand() -> None:
    """x = 1 1 -1 1 1 with w = -1 0 1 flipped to 1 0 -1 (Qiu, §5.1)."""
    sliding = slide([1, 1, -1, 1, 1], [-1, 0, 1])
    assert sliding.applied.tolist() == [1, 0, -1]
    assert sliding.output.tolist() == [2, 0, -2]
    step = sliding.step(0)
    assert (step.window.tolist(), step.products.tolist()) == ([1, 1, -1], [1, 0, 1])
    assert step.sum == 2 and step.inside.all()
    assert str(sliding).splitlines()[2] == "y[0] = 1·1 + 1·0 + -1·(-1) = 2"


@pytest.mark.parametrize(
    ("name", "mode"), [("narrow", "valid"), ("same", "same"), ("wide", "full")]
)
def test_against_scipy(name: str, mode: str) -> None:
    x, w = draw(6, 7), draw(3, 3, seed=1)
    np.testing.assert_allclose(slide(x, w, padding=name).output, convolve2d(x, w, mode), atol=1e-12)
    straight = slide(x, w, padding=name, flip=False).output
    np.testing.assert_allclose(straight, correlate2d(x, w, mode), atol=1e-12)


@given(
    length=st.integers(5, 9),
    size=st.integers(1, 3),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
    flip=st.booleans(),
)
def test_the_steps_make_the_convolution(
    length: int, size: int, stride: int, padding: int, dilation: int, flip: bool
) -> None:
    x, w = draw(length), draw(size, seed=1)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "flip": flip}
    sliding = slide(x, w, **options)  # type: ignore[arg-type]
    expected = F.conv1d(tensor(x[None]), tensor(w[None, None]), **options)  # type: ignore[arg-type]
    np.testing.assert_allclose(sliding.output, expected.numpy()[0], atol=1e-12)
    assert len(sliding) == len(list(sliding)) == len(sliding.output)
    for step in sliding:
        np.testing.assert_allclose(step.products, step.window * sliding.applied)
        assert not step.window[~step.inside].any()
        assert step.sum == pytest.approx(step.products.sum())


def test_padding_is_seen_as_padding() -> None:
    step = slide([[5.0]], [[1, 2, 3]] * 3, padding=1).step((0, 0))
    assert step.inside.tolist() == [[False] * 3, [False, True, False], [False] * 3]
    assert step.window[1, 1] == 5 and step.window.sum() == 5


def test_the_title_tells_the_options() -> None:
    assert slide([1, 2, 3], [1, 1]).title == "convolution of 3 with 2"
    other = slide(np.ones((5, 6)), np.ones((2, 3)), padding="same", dilation=2, flip=False)
    assert other.title == "cross-correlation of 5×6 with 2×3, padding (1, 2), dilation 2"
    assert "stride (1, 2)" in slide(np.ones((5, 6)), np.ones((2, 3)), stride=(1, 2)).title


def test_errors() -> None:
    with pytest.raises(ShapeError, match=r"\(3,\) and \(1, 2\)"):
        slide([1, 2, 3], [[1, 2]])
    with pytest.raises(ShapeError, match="does not fit"):
        slide([1, 2], [1, 2, 3])
    with pytest.raises(ArgumentError, match="narrow, valid, same"):
        slide([1, 2], [1], padding="thin")
    with pytest.raises(ArgumentError, match=r"places in \(2,\), got 2"):
        slide([1, 2], [1]).step(2)
