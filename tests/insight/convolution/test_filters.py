"""Filters by name: their defining properties, their spectra, and what they do to images."""

import numpy as np
import pytest
from scipy import ndimage

from lamina.core.errors import ArgumentError, ShapeError
from lamina.data import digits
from lamina.insight import apply_filter, filter_bank, frequency_response
from lamina.insight.convolution import filters


def photograph() -> np.ndarray:
    """Real images: digits side by side."""
    return np.concatenate([image[0] for image in digits().inputs[:4]], 1)


@pytest.mark.parametrize("border", ["zero", "replicate", "reflect"])
@pytest.mark.parametrize("each", filter_bank(), ids=lambda each: each.name)
def test_against_scipy(each: filters.Filter, border: str) -> None:
    modes = {"zero": "constant", "replicate": "nearest", "reflect": "mirror"}
    image = np.kron(photograph(), np.ones((2, 2)))
    expected = ndimage.convolve(image, each.kernel, mode=modes[border])
    np.testing.assert_allclose(apply_filter(image, each.kernel, border), expected, atol=1e-10)


def test_channels_are_filtered_one_by_one() -> None:
    image = np.random.default_rng(0).normal(size=(3, 6, 7))
    found = apply_filter(image, filters.sobel())
    np.testing.assert_array_equal(found[1], apply_filter(image[1], filters.sobel()))


def test_smoothing_keeps_constants_and_edges_lose_them() -> None:
    sums = {each.name: each.kernel.sum() for each in filter_bank()}
    for name in ("mean 5×5", "Gaussian σ=1.5", "sharpen", "low pass, 0.1"):
        assert sums[name] == pytest.approx(1)
    for name in set(sums) - {"mean 5×5", "Gaussian σ=1.5", "sharpen", "low pass, 0.1"}:
        assert sums[name] == pytest.approx(0, abs=1e-12)


def test_derivatives_of_polynomials() -> None:
    x = np.arange(25.0)
    ramp, parabola = np.tile(2 * x, (25, 1)), np.tile(x**2, (25, 1))
    middle = (12, 12)
    assert apply_filter(ramp, filters.gaussian_derivative(1.5))[middle] == pytest.approx(2)
    assert apply_filter(ramp.T, filters.gaussian_derivative(1.5, axis=0))[middle] == pytest.approx(
        2
    )
    second = filters.gaussian_derivative(1.5, 2)
    assert apply_filter(parabola, second)[middle] == pytest.approx(2)
    assert apply_filter(ramp, second)[middle] == pytest.approx(0, abs=1e-9)
    assert apply_filter(ramp, filters.sobel())[middle] == pytest.approx(16)
    assert apply_filter(ramp, filters.sobel(0))[middle] == pytest.approx(0)
    assert apply_filter(parabola, filters.laplacian())[middle] == pytest.approx(2)


def test_the_gaussian_against_scipy() -> None:
    impulse = np.zeros((9, 9))
    impulse[4, 4] = 1
    expected = ndimage.gaussian_filter(impulse, 1.2, truncate=3.4)
    np.testing.assert_allclose(filters.gaussian(1.2, 9), expected, atol=1e-12)


def test_pass_bands() -> None:
    low = frequency_response(filters.low_pass(0.15, 31), 101)
    high = frequency_response(filters.high_pass(0.15, 31), 101)
    middle = len(low.frequencies) // 2
    line, rest = low.magnitude[middle], high.magnitude[middle]
    inside, outside = np.abs(low.frequencies) < 0.1, np.abs(low.frequencies) > 0.2
    assert line[inside].min() > 0.98 and line[outside].max() < 0.02
    assert rest[inside].max() < 0.02 and rest[outside].min() > 0.98
    total = filters.low_pass(0.15, 31) + filters.high_pass(0.15, 31)
    np.testing.assert_allclose(frequency_response(total, 101).magnitude, 1)


def test_the_response_is_what_happens_to_waves() -> None:
    """A wave comes out as a wave of the same frequency, |H(f)| times as high."""
    kernel, n = np.array([[0.5, 0.3, 0.1]]), 16
    response = frequency_response(kernel[0], n)
    for f, gain in zip(response.frequencies, response.magnitude, strict=True):
        wave = np.exp(2j * np.pi * f * np.arange(4 * n))[None]
        out = apply_filter(wave.real, kernel) + 1j * apply_filter(wave.imag, kernel)
        np.testing.assert_allclose(np.abs(out[0, 2:-2]), gain, atol=1e-12)


def test_errors() -> None:
    with pytest.raises(ShapeError, match=r"\(3,\)"):
        apply_filter([1, 2, 3], [[1]])
    with pytest.raises(ArgumentError, match="zero.*replicate.*reflect"):
        apply_filter([[1.0]], [[1]], border="wrap")
    with pytest.raises(ArgumentError, match="sigma must be above 0"):
        filters.gaussian(0)
    with pytest.raises(ArgumentError, match="must be odd"):
        filters.low_pass(0.1, 4)
    with pytest.raises(ArgumentError, match="between 0 and 0.5"):
        filters.low_pass(0.5)
    with pytest.raises(ArgumentError, match="order must be 1 or 2"):
        filters.gaussian_derivative(1, 3)
    with pytest.raises(ArgumentError, match="axis must be 0 or 1"):
        filters.sobel(2)
    with pytest.raises(ArgumentError, match="1 or more"):
        filters.mean(0)
    with pytest.raises(ArgumentError, match="5 or more"):
        frequency_response(np.ones(5), 4)
