"""Kernels with names, what they do to frequencies, and their application to images.

All are kernels of a *convolution*: where a kernel is not symmetric, `apply_filter` flips it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import lamina.functions as F
from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Array
from lamina.tensors import tensor

BORDERS = {"zero": "constant", "replicate": "edge", "reflect": "reflect"}


@dataclass(frozen=True, eq=False)
class Filter:
    """A kernel and its name."""

    name: str
    kernel: Array


@dataclass(frozen=True, eq=False)
class FrequencyResponse:
    """|H(f)| of a kernel, at frequencies in cycles a pixel from -1/2 up, the middle being 0.

    ``magnitude`` has as many axes as the kernel, each as long as ``frequencies``.
    """

    frequencies: Array
    magnitude: Array


def mean(size: int) -> Array:
    """Return the kernel of the mean of size × size pixels.

    >>> mean(2)
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    if size < 1:
        raise ArgumentError(f"mean: size must be 1 or more, got {size}")
    return np.full((size, size), size**-2.0)


def gaussian(sigma: float, size: int | None = None) -> Array:
    """Return ``exp(-(x² + y²) / 2σ²)`` with sum 1, on 6σ rounded to an odd size if none is given.

    >>> gaussian(0.5, 3).round(3)
    array([[0.011, 0.084, 0.011],
           [0.084, 0.619, 0.084],
           [0.011, 0.084, 0.011]])
    """
    line = _bell(sigma, size)
    return np.outer(line, line)


def gaussian_derivative(sigma: float, order: int = 1, axis: int = 1) -> Array:
    """Return the first or second derivative of a Gaussian along an axis: an edge at scale σ.

    The first is scaled to give the slope of a ramp, the second the curvature of a parabola.

    >>> ramp = np.tile(3.0 * np.arange(15), (15, 1))
    >>> apply_filter(ramp, gaussian_derivative(1.0))[7, 7].round(6)
    np.float64(3.0)
    """
    if order not in (1, 2) or axis not in (0, 1):
        raise ArgumentError(
            f"gaussian_derivative: order must be 1 or 2 and axis 0 or 1, got {order} and {axis}"
        )
    bell = _bell(sigma, None)
    t = np.arange(len(bell)) - len(bell) // 2
    shape = -t * bell if order == 1 else (t**2 / sigma**2 - 1) * bell
    shape = shape - shape.mean()
    unit = -(t * shape).sum() if order == 1 else (t**2 * shape).sum() / 2
    line = shape / unit
    return np.outer(bell, line) if axis == 1 else np.outer(line, bell)


def sobel(axis: int = 1) -> Array:
    """Return Sobel's kernel: the slope along an axis (times 8), smoothed across it.

    >>> sobel()
    array([[ 1.,  0., -1.],
           [ 2.,  0., -2.],
           [ 1.,  0., -1.]])
    """
    if axis not in (0, 1):
        raise ArgumentError(f"sobel: axis must be 0 or 1, got {axis}")
    across = np.outer([1.0, 2.0, 1.0], [1.0, 0.0, -1.0])
    return across if axis == 1 else across.T


def laplacian() -> Array:
    """Return the Laplacian ∂²/∂x² + ∂²/∂y² of five points."""
    return np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])


def sharpen(amount: float = 1.0) -> Array:
    """Return the identity minus ``amount`` times the Laplacian: edges stand out more."""
    return _impulse(3) - amount * laplacian()


def low_pass(cutoff: float, size: int = 15) -> Array:
    """Return a filter that keeps frequencies below ``cutoff`` (cycles a pixel, below 1/2).

    The ideal filter ``2c sinc(2ct)`` along each axis, faded out by a Hamming window; the sum is 1.
    """
    _check_odd("low_pass", size)
    if not 0 < cutoff < 0.5:
        raise ArgumentError(f"low_pass: cutoff must lie between 0 and 0.5, got {cutoff}")
    t = np.arange(size) - size // 2
    line = 2 * cutoff * np.sinc(2 * cutoff * t) * np.hamming(size)
    line /= line.sum()
    return np.outer(line, line)


def high_pass(cutoff: float, size: int = 15) -> Array:
    """Return what is left by `low_pass`: the identity minus it."""
    return _impulse(size) - low_pass(cutoff, size)


def filter_bank() -> tuple[Filter, ...]:
    """Return the gallery: smoothing, edges, sharpening, and parts of the spectrum.

    >>> [each.name for each in filter_bank()][:3]
    ['mean 5×5', 'Gaussian σ=1.5', 'Gaussian ∂/∂x']
    """
    return (
        Filter("mean 5×5", mean(5)),
        Filter("Gaussian σ=1.5", gaussian(1.5)),
        Filter("Gaussian ∂/∂x", gaussian_derivative(1.5, 1)),
        Filter("Gaussian ∂²/∂x²", gaussian_derivative(1.5, 2)),
        Filter("Sobel ∂/∂x", sobel(1)),
        Filter("Sobel ∂/∂y", sobel(0)),
        Filter("Laplacian", laplacian()),
        Filter("sharpen", sharpen()),
        Filter("low pass, 0.1", low_pass(0.1)),
        Filter("high pass, 0.1", high_pass(0.1)),
    )


def apply_filter(image: Any, kernel: Any, border: str = "replicate") -> Array:
    """Convolve every channel of an image (H, W) or (C, H, W) with a kernel; the size stays.

    Beyond the border pixels are "zero", "replicate" those at the edge, or "reflect" the inside.

    Errors: `ShapeError` for other shapes, `ArgumentError` for another border.

    >>> apply_filter([[0.0, 0.0, 1.0]], [[1.0, 0.0, -1.0]])
    array([[0., 1., 1.]])
    """
    x, w = np.asarray(image, float), np.asarray(kernel, float)
    if x.ndim not in (2, 3) or w.ndim != 2:
        raise ShapeError(
            f"apply_filter: expected an image (H, W) or (C, H, W) and a kernel (K, L), got shapes "
            f"{x.shape} and {w.shape}"
        )
    if border not in BORDERS:
        raise ArgumentError(f"apply_filter: border must be one of {list(BORDERS)}, got {border!r}")
    planes = x.reshape(-1, 1, *x.shape[-2:])
    ends = [((k - 1) // 2, k - 1 - (k - 1) // 2) for k in w.shape]
    padded = np.pad(planes, [(0, 0), (0, 0), *ends], mode=BORDERS[border])  # type: ignore[call-overload]
    out = F.conv2d(tensor(padded), tensor(w[None, None]), flip=True)
    return np.asarray(out.numpy()).reshape(x.shape)


def frequency_response(kernel: Any, size: int = 65) -> FrequencyResponse:
    """Return |H(f)| = |Σ_t w[t] exp(-2πi f t)|, the magnitude of the kernel's Fourier transform.

    By the convolution theorem, filtering multiplies the spectrum of an image by it.

    Errors: `ArgumentError` if there are fewer frequencies than elements of the kernel.

    >>> response = frequency_response([0.5, 0.5], 4)
    >>> response.frequencies.tolist(), response.magnitude.round(3).tolist()
    ([-0.5, -0.25, 0.0, 0.25], [0.0, 0.707, 1.0, 0.707])
    """
    w = np.asarray(kernel, float)
    if size < max(w.shape):
        raise ArgumentError(
            f"frequency_response: size must be {max(w.shape)} or more for a kernel of shape "
            f"{w.shape}, got {size}"
        )
    spectrum = np.fft.fftshift(np.fft.fftn(w, [size] * w.ndim, axes=range(w.ndim)))
    return FrequencyResponse(np.fft.fftshift(np.fft.fftfreq(size)), np.abs(spectrum))


def _bell(sigma: float, size: int | None) -> Array:
    if not sigma > 0:
        raise ArgumentError(f"gaussian: sigma must be above 0, got {sigma}")
    count = 2 * max(1, round(3 * sigma)) + 1 if size is None else size
    _check_odd("gaussian", count)
    t = np.arange(count) - count // 2
    line = np.exp(-(t**2) / (2 * sigma**2))
    return np.asarray(line / line.sum())


def _impulse(size: int) -> Array:
    _check_odd("impulse", size)
    kernel = np.zeros((size, size))
    kernel[size // 2, size // 2] = 1
    return kernel


def _check_odd(name: str, size: int) -> None:
    if size < 1 or size % 2 == 0:
        raise ArgumentError(f"{name}: size must be odd, so that there is a middle; got {size}")
