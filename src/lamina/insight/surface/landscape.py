"""The loss of any model on lines and planes through its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.types import Array
from lamina.insight.surface.directions import Direction, difference, random_direction, weights_of
from lamina.insight.surface.evaluating import LossOfWeights
from lamina.insight.surface.slices import Slice, Surface
from lamina.insight.surface.trajectory import WeightPath, project
from lamina.nn import Module
from lamina.train.objective import Loss

Span = tuple[float, float]


def loss_slice(
    model: Module,
    x: Any,
    y: Any,
    loss: str | Loss,
    direction: Direction | None = None,
    *,
    span: Span = (-1.0, 1.0),
    points: int = 51,
    seed: int = 0,
    engine: str = "compiled",
) -> Slice:
    """Return the loss at weights + α · direction, α over ``span``.

    The direction is by default random, each filter as long as the model's (`random_direction`).
    Computed natively; ``engine="dynamic"`` uses NumPy.

    >>> import lamina
    >>> from lamina import nn
    >>> model = nn.Linear(1, 1, bias=False)
    >>> _ = model.weight.assign([[2.0]])
    >>> one = {"weight": np.ones((1, 1), np.float32)}
    >>> line = loss_slice(model, [[1.0]], [[0.0]], "mse", one, points=3, engine="dynamic")
    >>> line.values.tolist()                                            # (2 + α)²
    [1.0, 4.0, 9.0]
    """
    along = random_direction(model, seed) if direction is None else direction
    positions = _axis(span, points)
    at = LossOfWeights(model, x, y, loss, engine)
    return Slice(positions, at(weights_of(model), [along], positions[:, None]))


def loss_between(
    model: Module,
    start: Mapping[str, Any],
    end: Mapping[str, Any],
    x: Any,
    y: Any,
    loss: str | Loss,
    *,
    span: Span = (-0.5, 1.5),
    points: int = 51,
    engine: str = "compiled",
) -> Slice:
    """Return the loss on the line through two checkpoints: start at α = 0, end at α = 1.

    ``start`` and ``end`` are state dicts; running statistics are interpolated like weights.

    Source: Goodfellow, Vinyals and Saxe, "Qualitatively characterizing neural network optimization
    problems" (2015).
    """
    origin = {name: np.array(value) for name, value in start.items()}
    positions = _axis(span, points)
    at = LossOfWeights(model, x, y, loss, engine)
    values = at(origin, [difference(start, end)], positions[:, None])
    return Slice(positions, values, "α (0: start, 1: end)")


def loss_surface(
    model: Module,
    x: Any,
    y: Any,
    loss: str | Loss,
    directions: Sequence[Direction] | None = None,
    *,
    path: WeightPath | None = None,
    span: Span = (-1.0, 1.0),
    points: int = 25,
    seed: int = 0,
    engine: str = "compiled",
) -> Surface:
    """Return the loss at weights + α · d₁ + β · d₂, α and β over ``span``.

    The directions are by default random and filter-normalised. A path of the optimiser is projected
    onto the plane (least squares).

    Source: Li et al. 2018, arXiv:1712.09913.
    """
    plane = list(directions or [random_direction(model, seed, number) for number in (0, 1)])
    if len(plane) != 2:
        raise ArgumentError(f"loss_surface: expected 2 directions, got {len(plane)}")
    axis, at = _axis(span, points), LossOfWeights(model, x, y, loss, engine)
    origin = weights_of(model)
    surface = Surface(axis, axis, _grid(at, origin, plane, axis, axis))
    if path is None:
        return surface
    trajectory = project(path, origin, plane)
    values = np.array([at(weights, [], np.zeros((1, 0)))[0] for weights in path.points()])
    return Surface(axis, axis, surface.values, surface.labels, trajectory, values)


def path_surface(
    model: Module,
    path: WeightPath,
    x: Any,
    y: Any,
    loss: str | Loss,
    *,
    margin: float = 0.25,
    points: int = 25,
    engine: str = "compiled",
) -> Surface:
    """Return the loss on the plane in which an optimiser's path varies most, with the path.

    The plane goes through the path's last weights, along its first two principal components; it
    reaches beyond the path by ``margin`` of its extent. Other parts of the state (running
    statistics) are the model's.

    Errors: `ArgumentError` for a path of fewer than 3 points.

    Source: Li et al. 2018, section 7.
    """
    found = path.principal()
    axes = [_around(found.coordinates[:, k], margin, points) for k in (0, 1)]
    at = LossOfWeights(model, x, y, loss, engine)
    values = _grid(at, path.last(), found.directions, *axes)
    visited = np.array([at(weights, [], np.zeros((1, 0)))[0] for weights in path.points()])
    shares = (float(found.explained[0]), float(found.explained[1]))
    labels = tuple(f"principal component {n + 1} ({100 * s:.1f} %)" for n, s in enumerate(shares))
    return Surface(axes[0], axes[1], values, labels, found.coordinates, visited, shares)  # type: ignore[arg-type]


def _grid(
    at: LossOfWeights, origin: Direction, plane: Sequence[Direction], x: Array, y: Array
) -> Array:
    columns, rows = np.meshgrid(x, y)
    coordinates = np.stack([columns.ravel(), rows.ravel()], axis=1)
    return at(origin, plane, coordinates).reshape(len(y), len(x))


def _axis(span: Span, points: int) -> Array:
    if points < 2 or not span[0] < span[1]:
        raise ArgumentError(
            f"loss surface: points must be 2 or more and span rise, got {points} and {span}"
        )
    return np.linspace(*span, points)


def _around(values: Array, margin: float, points: int) -> Array:
    low, high = float(values.min()), float(values.max())
    beyond = margin * ((high - low) or 1.0)
    return _axis((low - beyond, high + beyond), points)
