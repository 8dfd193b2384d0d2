"""Random changes to a batch of images, by key.

A transform maps ``(inputs, targets, key)`` to new inputs and targets. It draws for every image
separately, changes no array in place, and is a pure function of its arguments, so a resumed run
sees the same pictures. Images are ``N×C×H×W``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.philox import Words, fold_in, split
from lamina.core.types import Array
from lamina.data.draws import integers, uniform

Transform: TypeAlias = Callable[[Array, Array, Words], tuple[Array, Array]]


def compose(*transforms: Transform) -> Transform:
    """The transforms in turn; the i-th gets the key ``fold_in(key, i)``."""

    def apply(inputs: Array, targets: Array, key: Words) -> tuple[Array, Array]:
        for number, transform in enumerate(transforms):
            inputs, targets = transform(inputs, targets, fold_in(key, number))
        return inputs, targets

    return apply


def normalise(mean: float | Sequence[float], std: float | Sequence[float]) -> Transform:
    """``(x - mean) / std``, with one number for all channels or one for each."""
    centre, scale = (np.asarray(value, np.float32).reshape(-1, 1, 1) for value in (mean, std))
    if not np.isfinite(centre).all() or not (np.isfinite(scale) & (scale > 0)).all():
        raise ArgumentError(f"normalise: needs a finite mean and std above 0, got {mean}, {std}")

    def apply(inputs: Array, targets: Array, key: Words) -> tuple[Array, Array]:
        _check_images("normalise", inputs)
        for name, value in (("mean", centre), ("std", scale)):
            if len(value) not in (1, inputs.shape[1]):
                raise ShapeError(
                    f"normalise: {name} has {len(value)} values, inputs {inputs.shape} have "
                    f"{inputs.shape[1]} channels"
                )
        return ((inputs - centre) / scale).astype(inputs.dtype), targets

    return apply


def horizontal_flip(probability: float = 0.5) -> Transform:
    """Mirror each image left to right with a probability."""
    if not 0 <= probability <= 1:
        raise ArgumentError(f"horizontal_flip: probability must be in [0, 1], got {probability}")

    def apply(inputs: Array, targets: Array, key: Words) -> tuple[Array, Array]:
        _check_images("horizontal_flip", inputs)
        chosen = uniform(key, (len(inputs), 1, 1, 1)) < probability
        return np.where(chosen, inputs[..., ::-1], inputs), targets

    return apply


def random_shift(pixels: int) -> Transform:
    """Move each image by whole steps, -pixels … pixels on each axis; zeros come in."""
    if pixels < 0:
        raise ArgumentError(f"random_shift: pixels must be from zero up, got {pixels}")
    return random_crop(padding=pixels)


def random_crop(size: int | None = None, padding: int = 0) -> Transform:
    """Pad each side by `padding` zeros, then cut ``size × size`` pixels at a random place.

    ``size=None`` keeps the size of the images.
    """
    if (size is not None and size < 1) or padding < 0:
        raise ArgumentError(
            f"random_crop: needs size from 1 and padding from 0 up, got {size} and {padding}"
        )

    def apply(inputs: Array, targets: Array, key: Words) -> tuple[Array, Array]:
        _check_images("random_crop", inputs)
        height, width = (size, size) if size is not None else inputs.shape[2:]
        padded = np.pad(inputs, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
        spare_rows, spare_columns = padded.shape[2] - height, padded.shape[3] - width
        if min(spare_rows, spare_columns) < 0:
            raise ShapeError(
                f"random_crop: cannot cut {height}×{width} from inputs {inputs.shape} "
                f"padded by {padding}"
            )
        row_key, column_key = split(key, 2)
        rows = integers(row_key, len(inputs), spare_rows + 1)
        columns = integers(column_key, len(inputs), spare_columns + 1)
        return _windows(padded, rows, columns, height, width), targets

    return apply


def random_rotation(degrees: float) -> Transform:
    """Turn each image about its centre by an angle uniform in ``(-degrees, degrees)``.

    Bilinear; zeros come in from outside. A positive angle turns counter-clockwise.
    """
    if not 0 <= degrees <= 180:
        raise ArgumentError(f"random_rotation: degrees must be in [0, 180], got {degrees}")

    def apply(inputs: Array, targets: Array, key: Words) -> tuple[Array, Array]:
        _check_images("random_rotation", inputs)
        return rotate(inputs, np.deg2rad(uniform(key, (len(inputs),), -degrees, degrees))), targets

    return apply


def rotate(images: Array, angles: Array) -> Array:
    """Turn image n by ``angles[n]`` radians counter-clockwise, bilinearly, zeros outside.

    Each output pixel reads the input at its position turned back.
    """
    height, width = images.shape[2:]
    row, column = np.meshgrid(
        np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2, indexing="ij"
    )
    cosine, sine = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
    rows = cosine * row + sine * column + (height - 1) / 2
    columns = cosine * column - sine * row + (width - 1) / 2
    return _sample(images, rows, columns)


def _sample(images: Array, rows: Array, columns: Array) -> Array:
    """Bilinear reads at fractional places ``[N, H, W]`` of each image."""
    count, channels, height, width = images.shape
    # A border of one zero pixel, and places clamped into it, make every read outside a zero.
    padded = np.pad(images, ((0, 0), (0, 0), (1, 2), (1, 2)))
    flat = padded.reshape(count, channels, (height + 3) * (width + 3))
    rows, columns = np.clip(rows + 1, 0, height + 1), np.clip(columns + 1, 0, width + 1)
    top, left = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    down, right = (rows - top).astype(images.dtype), (columns - left).astype(images.dtype)
    result = np.zeros((count, channels, height * width), images.dtype)
    for row, row_weight in ((0, 1 - down), (1, down)):
        for column, column_weight in ((0, 1 - right), (1, right)):
            place = ((top + row) * (width + 3) + left + column).reshape(count, 1, height * width)
            weight = (row_weight * column_weight).reshape(count, 1, height * width)
            result += weight * np.take_along_axis(flat, place, 2)
    return result.reshape(images.shape)


def _windows(images: Array, rows: Array, columns: Array, height: int, width: int) -> Array:
    """The ``height × width`` window of image n that starts at ``rows[n], columns[n]``."""
    views = np.lib.stride_tricks.sliding_window_view(images, (height, width), (2, 3))
    return np.asarray(views[np.arange(len(images)), :, rows, columns])


def _check_images(operation: str, inputs: Array) -> None:
    if inputs.ndim != 4 or inputs.dtype.kind != "f":
        raise ShapeError(
            f"{operation}: inputs must be floating-point images N×C×H×W, "
            f"got {inputs.dtype} {inputs.shape}"
        )
