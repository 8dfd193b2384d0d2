"""Whether two contenders compute the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

TOLERANCE = 1e-4


def disagreement(reference: Sequence[Any], values: Sequence[Any]) -> str:
    """Return where values differ from the reference's, or nothing if they agree.

    Values are losses, or arrays of outputs; they agree if none is further from the reference than
    1e-4 of the reference's greatest magnitude.

    >>> disagreement([2.3, 2.2], [2.3, 2.20001])
    ''
    >>> disagreement([2.3, 2.2], [2.3, 2.21])
    'value 2 is 2.21, not 2.2'
    """
    if len(values) != len(reference):
        return f"gave {len(values)} values, not {len(reference)}"
    for number, (expected, found) in enumerate(zip(reference, values, strict=True), start=1):
        problem = _difference(np.asarray(expected), np.asarray(found))
        if problem:
            return f"value {number} {problem}"
    return ""


def _difference(expected: Any, found: Any) -> str:
    if found.shape != expected.shape:
        return f"has shape {found.shape}, not {expected.shape}"
    error = np.abs(found - expected)
    if (error <= TOLERANCE * np.abs(expected).max()).all():  # false where there is a NaN
        return ""
    worst = np.unravel_index(np.argmax(np.nan_to_num(error, nan=np.inf)), error.shape)
    place = f" at {[int(i) for i in worst]}" if worst else ""
    return f"is {found[worst]:.7g}{place}, not {expected[worst]:.7g}"
