"""How far one array is from another."""

from __future__ import annotations

import numpy as np

from lamina.core.types import Array


def relative_difference(found: Array, right: Array, least: float = 1e-300) -> float:
    """Return the greatest difference, relative to the greatest entry of the right array.

    That entry counts as ``least`` where it is smaller; arrays without entries do not differ.

    >>> relative_difference(np.array([1.0, 2.5]), np.array([1.0, 2.0]))
    0.25
    """
    scale = max(float(np.abs(right).max(initial=0)), least)
    return float(np.abs(found - right).max(initial=0)) / scale
