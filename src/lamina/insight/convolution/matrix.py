"""The matrix of a convolution, and the transposed convolution that is its transpose.

Flattened row by row, convolution is linear: y = C x. In one dimension and at stride 1, C has
constant diagonals (a Toeplitz matrix); in two it is a Toeplitz matrix of Toeplitz blocks. With a
stride only each S-th row is there. The transposed convolution is x' = Cᵀ y: it has the sizes of
the inverse, not its values.

Source: Qiu, *Neural Networks and Deep Learning*, §5.5.1; Dumoulin and Visin, *A guide to
convolution arithmetic for deep learning*, 2016, §4.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

import lamina.functions as F
from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Array, Shape
from lamina.functions.spatial import Sizes, Windows
from lamina.insight.convolution.sliding import make_sliding_windows
from lamina.tensors import tensor


@dataclass(frozen=True, eq=False)
class ConvolutionMatrix:
    """C, with what it is the matrix of.

    Attributes:
        C: the matrix, a row for each output and a column for each input, both row by row.
        kernel: w as given.
        flip: whether it is a convolution (True) or a cross-correlation.
        windows: extent, kernel, stride, padding and dilation along each axis.
    """

    C: Array
    kernel: Array
    flip: bool
    windows: Windows

    @property
    def input_shape(self) -> Shape:
        """The shape of x."""
        return tuple(window.extent for window in self.windows)

    @property
    def output_shape(self) -> Shape:
        """The shape of y."""
        return tuple(window.count for window in self.windows)

    def apply(self, x: Any) -> Array:
        """Return C x in the shape of the output: the convolution."""
        return self._product(self.C, x, self.input_shape, self.output_shape)

    def transpose(self, y: Any) -> Array:
        """Return Cᵀ y in the shape of the input: the transposed convolution."""
        return self._product(self.C.T, y, self.output_shape, self.input_shape)

    def deviations(self, x: Any, y: Any) -> tuple[float, float]:
        """Return the largest |C x - conv(x)| and |Cᵀ y - conv_transpose(y)|.

        The two functions are Lamina's own, which sum over indices and know of no matrix.
        """
        x, y = np.asarray(x, float), np.asarray(y, float)
        forward = np.abs(self.apply(x) - self._convolved(x)).max(initial=0)
        backward = np.abs(self.transpose(y) - self._transposed(y)).max(initial=0)
        return float(forward), float(backward)

    def _product(self, matrix: Array, v: Any, given: Shape, result: Shape) -> Array:
        values = np.asarray(v, float)
        if values.shape != given:
            raise ShapeError(f"convolution matrix: expected shape {given}, got {values.shape}")
        return np.asarray(matrix @ values.ravel()).reshape(result)

    def _convolved(self, x: Array) -> Array:
        padded = np.pad(x, [(w.before, w.after) for w in self.windows])
        conv = F.conv1d if x.ndim == 1 else F.conv2d
        weight, image = tensor(self.kernel[None, None]), tensor(padded[None, None])
        strides, dilations = self._steps()
        out = conv(image, weight, stride=strides, dilation=dilations, flip=self.flip)
        return np.asarray(out.numpy()[0, 0])

    def _transposed(self, y: Array) -> Array:
        """Return the transposed convolution: without padding, and then the padding cut off."""
        conv = F.conv_transpose1d if y.ndim == 1 else F.conv_transpose2d
        kernel = np.flip(self.kernel).copy() if self.flip else self.kernel
        weight, image = tensor(kernel[None, None]), tensor(y[None, None])
        strides, dilations = self._steps()
        out = np.array(conv(image, weight, stride=strides, dilation=dilations).numpy()[0, 0])
        short = [w.before + w.extent - n for w, n in zip(self.windows, out.shape, strict=True)]
        out = np.pad(out, [(0, max(0, n)) for n in short])
        return out[tuple(slice(w.before, w.before + w.extent) for w in self.windows)]

    def _steps(self) -> tuple[Shape, Shape]:
        windows = self.windows
        return tuple(w.stride for w in windows), tuple(w.dilation for w in windows)


def convolution_matrix(
    shape: int | tuple[int, ...],
    kernel: Any,
    *,
    padding: Sizes | str = "narrow",
    stride: Sizes = 1,
    dilation: Sizes = 1,
    flip: bool = True,
) -> ConvolutionMatrix:
    """Return the matrix of a convolution on signals or images of that shape.

    Arguments and errors as for `slide`.

    >>> matrix = convolution_matrix(5, [1, 2, 3])
    >>> matrix.C
    array([[3., 2., 1., 0., 0.],
           [0., 3., 2., 1., 0.],
           [0., 0., 3., 2., 1.]])
    >>> matrix.transpose([1, 0, 0])
    array([3., 2., 1., 0., 0.])
    """
    extents = (shape,) if isinstance(shape, int) else tuple(shape)
    w = np.asarray(kernel, float)
    if w.ndim != len(extents) or w.ndim not in (1, 2) or min(extents) < 1:
        raise ArgumentError(
            f"convolution_matrix: expected a shape and a kernel of one axis, or both of two, got "
            f"{extents} and a kernel of shape {w.shape}"
        )
    windows = make_sliding_windows(extents, w.shape, padding, stride, dilation)
    return ConvolutionMatrix(_filled(windows, np.flip(w) if flip else w), w, flip, windows)


def _filled(windows: Windows, applied: Array) -> Array:
    """Return the matrix: row by row the kernel where its window stands, what sticks out cut off."""
    extents = tuple(window.extent for window in windows)
    counts = tuple(window.count for window in windows)
    matrix = np.zeros((prod(counts), prod(extents)))
    places = [window.positions() for window in windows]
    for row, output in enumerate(np.ndindex(counts)):
        for tap in np.ndindex(applied.shape):
            at = tuple(int(p[o, k]) for p, o, k in zip(places, output, tap, strict=True))
            if all(0 <= i < extent for i, extent in zip(at, extents, strict=True)):
                matrix[row, np.ravel_multi_index(at, extents)] += applied[tap]
    return matrix
