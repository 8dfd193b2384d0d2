"""What is likely wrong with a derivative that disagrees with differences."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from lamina.core.types import Array

CLOSE = 1e-4
"""Agreement, relative to the greatest entry, that counts as equal."""

ROUNDED = 1e-3
"""An error below this may be one of precision."""


def likely_fault(found: Array, right: Array) -> str:
    """Return a sentence about the likely kind of fault.

    >>> likely_fault(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    'Likely a constant factor: it is 2 times what it should be.'
    """
    if not np.isfinite(found).all():
        return "It is not finite: look for a division by 0, or a logarithm or root of 0."
    if not found.any():
        return "It is 0 everywhere: nothing arrives from the output (a detach, a missing term?)."
    order = _turned(found, right)
    if order is not None:
        return f"Likely transposed: it agrees with axes in the order {order}."
    factor = _factor(found, right)
    if factor is not None and abs(factor + 1) < CLOSE:
        return "Likely a sign: it is -1 times what it should be."
    if factor is not None:
        return f"Likely a constant factor: it is {factor:.6g} times what it should be."
    error = np.abs(found - right).max() / max(np.abs(right).max(), 1.0)
    if error < ROUNDED:
        digits = f"{-np.log10(error):.0f} digits"
        return f"Likely precision: it agrees in {digits} (a float32 inside, or cancellation?)."
    return "A term is likely missing or wrong."


def _turned(found: Array, right: Array) -> tuple[int, ...] | None:
    """Return an order of axes in which the right values are what was found."""
    for order in permutations(range(right.ndim)):
        if order == tuple(range(right.ndim)):
            continue
        turned = right.transpose(order)
        if _equal(found.ravel(), turned.ravel()) and not _equal(found, right):
            return order
    return None


def _factor(found: Array, right: Array) -> float | None:
    """Return the constant that the right values are multiplied by, if it is one."""
    size = float(np.sum(right * right))
    if not size:
        return None
    factor = float(np.sum(found * right)) / size
    return factor if _equal(found, factor * right) and abs(factor) > CLOSE else None


def _equal(a: Array, b: Array) -> bool:
    scale = max(float(np.abs(b).max(initial=0)), 1e-300)
    return a.shape == b.shape and bool(np.abs(a - b).max(initial=0) <= CLOSE * scale)
