"""A loss on a line or a plane through the space of weights, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.types import Array


@dataclass(frozen=True)
class Chord:
    """A segment between two points, with the function at its ends and in the middle.

    A convex function satisfies f((p + q)/2) ≤ (f(p) + f(q))/2 for all p, q; one chord with a
    positive ``excess`` proves that a function is not convex.
    """

    start: tuple[float, ...]
    end: tuple[float, ...]
    at_start: float
    at_end: float
    at_midpoint: float

    @property
    def midpoint(self) -> tuple[float, ...]:
        """(p + q)/2."""
        return tuple((p + q) / 2 for p, q in zip(self.start, self.end, strict=True))

    @property
    def excess(self) -> float:
        """f((p + q)/2) - (f(p) + f(q))/2."""
        return self.at_midpoint - (self.at_start + self.at_end) / 2

    def __str__(self) -> str:
        p, m, q = (_point(each) for each in (self.start, self.midpoint, self.end))
        return (
            f"not convex: f{p} = {self.at_start:.6g} and f{q} = {self.at_end:.6g}, but halfway "
            f"f{m} = {self.at_midpoint:.6g} > {(self.at_start + self.at_end) / 2:.6g}"
        )


@dataclass(frozen=True, eq=False)
class Slice:
    """A loss on a line: ``values[i]`` at ``positions[i]``."""

    positions: Array
    values: Array
    label: str = "α"

    def chord(self) -> Chord | None:
        """The chord that proves most clearly that the loss is not convex; None if none does."""
        return find_chord(self.values, (self.positions,))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        arrays = {"positions": self.positions.tolist(), "values": self.values.tolist()}
        return {"label": self.label, **arrays}


@dataclass(frozen=True, eq=False)
class Surface:
    """A loss on a plane: ``values[j, i]`` at ``(x[i], y[j])``.

    Attributes:
        trajectory: points ``[T, 2]`` of an optimiser's path in the plane's coordinates, if there
            is one, and ``trajectory_values`` the loss at the path's weights themselves, which may
            lie off the plane.
        explained: the share of the path's variance along each axis (for PCA directions).
    """

    x: Array
    y: Array
    values: Array
    labels: tuple[str, str] = ("α", "β")
    trajectory: Array | None = None
    trajectory_values: Array | None = None
    explained: tuple[float, float] | None = None

    def chord(self) -> Chord | None:
        """The chord that proves most clearly that the loss is not convex; None if none does."""
        return find_chord(self.values, (self.y, self.x), reverse=True)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        names = ("x", "y", "values", "trajectory", "trajectory_values")
        arrays = {
            name: None if (v := getattr(self, name)) is None else v.tolist() for name in names
        }
        return {"labels": list(self.labels), **arrays, "explained": self.explained}


def find_chord(values: Array, axes: tuple[Array, ...], reverse: bool = False) -> Chord | None:
    """Search a grid of values for the chord with the greatest excess over its ends' mean.

    Every pair of grid points with a grid point halfway is tried. ``axes`` are the coordinates,
    evenly spaced, an array for each axis of ``values``; with ``reverse`` points are told with
    the last axis first.

    >>> x = np.linspace(-1, 1, 21)
    >>> find_chord(x**2, (x,)) is None, find_chord(-(x**2), (x,)).excess
    (True, 1.0)
    """
    lengths = tuple(len(axis) for axis in axes)
    if values.shape != lengths or values.ndim not in (1, 2):
        raise ArgumentError(
            f"find_chord: expected 1 or 2 axes of the lengths of values, {values.shape}, "
            f"got {lengths}"
        )
    best, place = 0.0, None
    for step in np.ndindex(*((n - 1) // 2 + 1 for n in values.shape)):
        for signs in _signs(step):
            excess = _excess(values, step, signs)
            top = int(excess.argmax()) if excess.size else 0
            if excess.size and excess.flat[top] > best:
                best = float(excess.flat[top])
                place = (np.unravel_index(top, excess.shape), step, signs)
    rounding = 1e-9 * float(np.ptp(values)) if values.size else 0.0
    return None if place is None or best <= rounding else _chord(values, axes, *place, reverse)


def _signs(step: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Directions of a step in which its chords differ: each once, not with its opposite."""
    if not any(step):
        return []
    if len(step) == 1 or 0 in step:
        return [(1,) * len(step)]
    return [(1, 1), (1, -1)]


def _excess(values: Array, step: tuple[int, ...], signs: tuple[int, ...]) -> Array:
    """f(middle) - (f(start) + f(end))/2 for every middle that has both ends on the grid."""
    parts = []
    for direction in (-1, 0, 1):
        index = []
        for n, s, sign in zip(values.shape, step, signs, strict=True):
            shift = direction * s * sign
            index.append(slice(s + shift, n - s + shift))
        parts.append(values[tuple(index)])
    return np.asarray(parts[1] - (parts[0] + parts[2]) / 2)


def _chord(
    values: Array,
    axes: tuple[Array, ...],
    corner: tuple[Any, ...],
    step: tuple[int, ...],
    signs: tuple[int, ...],
    reverse: bool,
) -> Chord:
    middle = [int(c) + s for c, s in zip(corner, step, strict=True)]
    ends = [
        tuple(m + d * s * g for m, s, g in zip(middle, step, signs, strict=True)) for d in (-1, 1)
    ]
    order = -1 if reverse else 1
    points = [
        tuple(float(axis[k]) for axis, k in zip(axes, end, strict=True))[::order] for end in ends
    ]
    found = [float(values[place]) for place in (*ends, tuple(middle))]
    return Chord(points[0], points[1], *found)


def _point(coordinates: tuple[float, ...]) -> str:
    return f"({', '.join(f'{c:.4g}' for c in coordinates)})"
