"""Small artificial data sets: a pure function of the key.

All give float32 inputs and shuffled examples. `noise` is the standard deviation of a normal
deviate added to every coordinate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.philox import Words, permutation, split
from lamina.core.types import Array
from lamina.data.dataset import Dataset
from lamina.data.draws import normal, uniform

PLANE = ("x1", "x2")


def moons(key: Words, count: int = 1000, noise: float = 0.1) -> Dataset:
    """Two interleaving half circles: ``(cos t, sin t)`` and ``(1 - cos t, 1/2 - sin t)``.

    ``t`` runs evenly over [0, π] in each. Inputs ``[count, 2]``, labels 0 and 1.

    >>> from lamina.core.philox import make_key
    >>> moons(make_key(0), 6, noise=0.0).inputs.shape
    (6, 2)
    """
    _check("moons", count, noise)
    labels = _balanced(count, 2)
    angle = np.pi * _fractions(labels, closed=True)
    upper = np.stack([np.cos(angle), np.sin(angle)], 1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], 1)
    points = np.where(labels[:, None] == 0, upper, lower)
    return _classes("moons", key, points, labels, noise)


def circles(key: Words, count: int = 1000, noise: float = 0.1, factor: float = 0.5) -> Dataset:
    """A circle of radius 1 (label 0) around one of radius `factor` (label 1)."""
    _check("circles", count, noise)
    if not 0 < factor < 1:
        raise ArgumentError(f"circles: factor must be between 0 and 1, got {factor}")
    labels = _balanced(count, 2)
    angle = 2 * np.pi * _fractions(labels, closed=False)
    radius = np.where(labels == 0, 1.0, factor)[:, None]
    points = radius * np.stack([np.cos(angle), np.sin(angle)], 1)
    return _classes("circles", key, points, labels, noise)


def spirals(
    key: Words, count: int = 1000, noise: float = 0.02, classes: int = 3, turns: float = 0.75
) -> Dataset:
    """Interleaved arms, one a class: radius from 0 to 1 while the angle makes `turns` turns."""
    _check("spirals", count, noise)
    if classes < 2:
        raise ArgumentError(f"spirals: classes must be 2 or more, got {classes}")
    labels = _balanced(count, classes)
    radius = _fractions(labels, closed=True)
    angle = 2 * np.pi * (turns * radius + labels / classes)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return _classes("spirals", key, points, labels, noise, classes)


def xor(key: Words, count: int = 4, noise: float = 0.0) -> Dataset:
    """The corners of the unit square in turn, labelled by exclusive or of the coordinates."""
    _check("xor", count, noise)
    corner = np.arange(count) % 4
    points = np.stack([corner // 2, corner % 2], 1)
    return _classes("xor", key, points, points[:, 0] ^ points[:, 1], noise)


def blobs(
    key: Words, count: int = 300, noise: float = 0.5, classes: int = 3, features: int = 2
) -> Dataset:
    """One normal cloud a class, standard deviation `noise`, centres even over [-3, 3]^features."""
    _check("blobs", count, noise)
    if classes < 2 or features < 1:
        raise ArgumentError(
            f"blobs: needs 2 classes and 1 feature or more, got {classes} and {features}"
        )
    centre_key, point_key = split(key, 2)
    centres = uniform(centre_key, (classes, features), -3, 3)
    labels = _balanced(count, classes)
    return _classes("blobs", point_key, centres[labels], labels, noise, classes)


def function_samples(
    function: Callable[[Array], Any],
    key: Words,
    count: int = 100,
    low: float = -1.0,
    high: float = 1.0,
    noise: float = 0.0,
) -> Dataset:
    """Samples ``y = f(x) + noise`` with ``x`` uniform in ``(low, high)``; both ``[count, 1]``.

    `function` takes a float64 array and gives one of the same shape, else `ShapeError`.

    >>> from lamina.core.philox import make_key
    >>> data = function_samples(np.sin, make_key(0), 5, 0.0, 6.28)
    >>> bool(np.allclose(np.sin(data.inputs), data.targets, atol=1e-6))
    True
    """
    _check("function_samples", count, noise)
    if not low < high:
        raise ArgumentError(f"function_samples: low must be below high, got {low} and {high}")
    input_key, noise_key = split(key, 2)
    inputs = uniform(input_key, (count, 1), low, high)
    values = np.asarray(function(inputs))
    if values.shape != inputs.shape:
        raise ShapeError(
            f"function_samples: function must keep the shape {inputs.shape}, gave {values.shape}"
        )
    targets = values + noise * normal(noise_key, inputs.shape)
    return Dataset(
        inputs.astype(np.float32),
        targets.astype(np.float32),
        features=("x",),
        name=getattr(function, "__name__", "function"),
    )


def _check(operation: str, count: int, noise: float) -> None:
    if count < 1:
        raise ArgumentError(f"{operation}: count must be 1 or more, got {count}")
    if not 0 <= noise < np.inf:
        raise ArgumentError(f"{operation}: noise must be from zero up and finite, got {noise}")


def _balanced(count: int, classes: int) -> Array:
    """Labels in blocks, whose sizes differ by one at most."""
    return np.sort(np.arange(count) % classes)


def _fractions(labels: Array, closed: bool) -> Array:
    """Within each class, even steps over [0, 1] (closed) or [0, 1)."""
    sizes = np.bincount(labels)
    steps = [np.linspace(0, 1, size, endpoint=closed) for size in sizes]
    return np.concatenate(steps)


def _classes(
    name: str, key: Words, points: Array, labels: Array, noise: float, classes: int = 2
) -> Dataset:
    """Add the noise, shuffle, and name things."""
    order_key, noise_key = split(key, 2)
    order = permutation(order_key, len(points))
    noisy = points + noise * normal(noise_key, points.shape)
    features = PLANE if points.shape[1] == 2 else ()
    return Dataset(
        noisy[order].astype(np.float32),
        labels[order].astype(np.int64),
        classes=tuple(str(label) for label in range(classes)),
        features=features,
        name=name,
    )
