"""Ridders' method: central differences for falling steps, extrapolated to step 0.

With A(h) = f' + c₂h² + c₄h⁴ + …, Neville's tableau over h, h/1.4, h/1.4², … removes one power of
h² after another. An entry's error is taken to be its distance from the two that it was made of.

Source: Ridders 1982; Press et al., *Numerical Recipes*, 3rd ed., section 5.7 (``dfridr``).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lamina.core.types import Array

SHRINK = 1.4
"""What the step is divided by from row to row."""

ROWS = 10

WORSE = 2.0
"""When the newest entry of the diagonal is worse than the best error by this factor, it is over."""


STARTS, CLOSER = 5, 16.0
"""How often a smaller step is tried first, by this factor: functions may vary quickly."""

GOOD = 2.0**-30
"""An error, relative to the derivative, with which no other start is tried (a float64's)."""


def extrapolated_from(difference: Callable[[float], Array], h: float) -> tuple[Array, Array]:
    """Return the limit of ``difference`` from a first step h, or from the best smaller one."""
    best, error = extrapolated(difference, h)
    for _ in range(STARTS - 1):
        if np.all(error <= GOOD * np.maximum(1, np.abs(best))):
            break
        h /= CLOSER
        found, estimate = extrapolated(difference, h)
        best, error = np.where(estimate < error, found, best), np.minimum(estimate, error)
    return np.asarray(best), np.asarray(error)


def extrapolated(difference: Callable[[float], Array], h: float) -> tuple[Array, Array]:
    """Return the limit of ``difference(h)`` for h → 0, and an estimate of the error, by element."""
    row = [difference(h)]
    best, error = row[0], np.full_like(row[0], np.inf)
    for n in range(1, ROWS):
        h /= SHRINK
        new = [difference(h)]
        for k in range(1, n + 1):
            factor = SHRINK ** (2 * k)
            new.append((new[k - 1] * factor - row[k - 1]) / (factor - 1))
            found = np.maximum(np.abs(new[k] - new[k - 1]), np.abs(new[k] - row[k - 1]))
            better = found <= error
            best, error = np.where(better, new[k], best), np.where(better, found, error)
        if np.all(np.abs(new[-1] - row[-1]) >= WORSE * error):
            break
        row = new
    return np.asarray(best), np.asarray(error)
