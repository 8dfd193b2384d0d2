"""Fitting a batch of images to a size."""

from __future__ import annotations

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Array


def fit_images(images: Array, size: int, margin: int = 0) -> Array:
    """Resize square ``N×C×H×W`` images to ``size × size``, `margin` of it a black border.

    The picture is interpolated bilinearly to ``size - 2 margin`` pixels a side (pixel centres at
    half-integers, no smoothing before it shrinks), then padded with zeros. Returns float32.

    Raises `ArgumentError` if nothing is left inside the margin, `ShapeError` for other shapes.

    >>> fit_images(np.ones((1, 1, 2, 2)), 4, margin=1)[0, 0]
    array([[0., 0., 0., 0.],
           [0., 1., 1., 0.],
           [0., 1., 1., 0.],
           [0., 0., 0., 0.]], dtype=float32)
    """
    if images.ndim != 4 or images.shape[2] != images.shape[3]:
        raise ShapeError(f"fit_images: images must be square, N×C×H×H, got {images.shape}")
    inner = size - 2 * margin
    if inner < 1 or margin < 0:
        raise ArgumentError(
            f"fit_images: size {size} with a margin of {margin} leaves {inner} pixels; "
            "give a larger size or a smaller margin"
        )
    resized = images.astype(np.float32)
    if inner != images.shape[2]:
        matrix = bilinear_matrix(images.shape[2], inner)
        resized = matrix @ resized @ matrix.T
    return np.pad(resized, ((0, 0), (0, 0), (margin, margin), (margin, margin)))


def bilinear_matrix(old: int, new: int) -> Array:
    """The ``new × old`` float32 matrix of one-dimensional linear interpolation.

    Output ``i`` reads at ``(i + 1/2) old/new - 1/2``, clamped to the first and last sample.

    >>> bilinear_matrix(2, 4)
    array([[1.  , 0.  ],
           [0.75, 0.25],
           [0.25, 0.75],
           [0.  , 1.  ]], dtype=float32)
    """
    places = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    distances = np.abs(places[:, None] - np.arange(old))
    weights: Array = np.maximum(1 - distances, 0).astype(np.float32)
    return weights
