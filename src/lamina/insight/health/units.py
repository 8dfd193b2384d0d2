"""What the units of one layer do over a batch: dead ones, and copies of one another."""

from __future__ import annotations

import numpy as np

from lamina.core.types import Array

TOLERANCE = 1e-4  # of the largest value: copies drift apart by rounding as they are trained


def by_unit(values: Array, kind: str) -> Array:
    """Values ``[samples and places, units]``: of a layer's outputs ``[N, U]`` or ``[N, C, …]``.

    The units of a `Linear` layer are on the last axis, those of others (channels) on the second.
    """
    axis = -1 if kind == "Linear" or values.ndim < 2 else 1
    return np.moveaxis(values, axis, -1).reshape(-1, values.shape[axis])


def dead_units(derivative: Array, kind: str) -> Array:
    """Which units have f'(z) = 0 for every sample (and place): no error term passes them."""
    return np.asarray((by_unit(derivative, kind) == 0).all(0))


def identical_units(z: Array, delta: Array, weight: Array, kind: str) -> int:
    """The size of the largest group of units with equal weights, net inputs and error terms.

    Such units get equal updates, so that gradient descent never tells them apart.

    >>> z = np.array([[1.0, 1.0, 2.0], [3.0, 3.0, 4.0]])
    >>> identical_units(z, np.zeros((2, 3)), np.ones((3, 5)), "Linear")
    2
    """
    parts = [by_unit(z, kind), by_unit(delta, kind)]
    if len(weight) == parts[0].shape[1]:
        parts.append(weight.reshape(len(weight), -1).T)
    rows = np.concatenate([_scaled(part) for part in parts]).T
    order = np.argsort(rows @ np.linspace(1.0, 2.0, rows.shape[1]), kind="stable")
    rows = rows[order]
    apart = np.abs(np.diff(rows, axis=0)).max(1, initial=0.0) > TOLERANCE
    groups = np.diff(np.flatnonzero(np.concatenate([[True], apart, [True]])))
    return int(groups.max(initial=0))


def _scaled(values: Array) -> Array:
    finite = np.nan_to_num(values.astype(np.float64))
    return finite / (float(np.abs(finite).max(initial=0.0)) or 1.0)
