"""How far to step: where the error of truncation and that of rounding are in balance.

Source: Press et al., *Numerical Recipes*, 3rd ed., section 5.7.
"""

from __future__ import annotations

import numpy as np

from lamina.core.types import Array

POWERS = {"forward": 1 / 2, "central": 1 / 3}
"""The error is about eps/h + h for one-sided differences, and eps/h + h² for central ones."""

FIRST = 0.125
"""Ridders' first step, for x of size 1: large, as the extrapolation removes the truncation."""

COMPLEX = 1e-30
"""The complex step: nothing is subtracted, so it may be as small as one likes."""


def steps(x: Array, method: str) -> Array:
    """Return a step for every element: in proportion to it, and such that x + h - x = h."""
    if method == "complex":
        return np.full_like(x, COMPLEX)
    eps = float(np.finfo(x.dtype).eps)
    relative = FIRST if method == "ridders" else eps ** POWERS[method]
    h = relative * np.maximum(np.abs(x), 1).astype(x.dtype)
    return np.asarray((x + h) - x, x.dtype)
