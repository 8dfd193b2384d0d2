"""What is likely wrong with a derivative that disagrees with differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations, permutations

import numpy as np

from lamina.core.types import Array
from lamina.diff.difference import relative_difference
from lamina.diff.numerical import Numerical
from lamina.tensors import Tensor, jacobian, tensor

CLOSE = 1e-4
"""Agreement, relative to the greatest entry, that counts as equal."""

ROUNDED = 1e-3
"""An error below this may be one of precision."""

LARGEST = 4096
"""Entries of a Jacobian up to which it is searched for exchanged axes."""


def likely_fault(found: Array, right: Array) -> str:
    """Return a sentence about the likely kind of fault; NaN in ``right`` is what nobody knows.

    >>> likely_fault(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    'Likely a constant factor: it is 2 times what it should be.'
    """
    known = np.isfinite(right)
    if not np.isfinite(found[known]).all() or not known.any():
        return "It is not finite: look for a division by 0, or a logarithm or root of 0."
    if not found[known].any():
        return "It is 0 everywhere: nothing arrives from the output (a detach, a missing term?)."
    order = _turned(found, right)
    if order is not None:
        return f"Likely transposed: it agrees with axes in the order {order}."
    return _of_size(found, right)


def _of_size(found: Array, right: Array) -> str:
    factor, error = _factor(found, right), _gap(found, right)
    if error < ROUNDED:
        return (
            f"Likely precision: it agrees in {-np.log10(error):.0f} digits "
            "(a float32 inside, or cancellation?)."
        )
    if factor is not None and abs(factor + 1) < CLOSE:
        return "Likely a sign: it is -1 times what it should be."
    if factor is not None:
        meaning = _meaning(factor, right.shape)
        return f"Likely a constant factor: it is {factor:.6g} times what it should be{meaning}."
    return "A term is likely missing or wrong."


def _meaning(factor: float, shape: tuple[int, ...]) -> str:
    """Return which length of an axis a factor is, if it is one: sums are taken for means."""
    for axis, length in enumerate(shape):
        if length > 2 and abs(factor - length) < CLOSE * length:
            return f" (the length of axis {axis}: a sum for a mean?)"
        if length > 2 and abs(factor * length - 1) < CLOSE:
            return f" (1 / the length of axis {axis}: a mean for a sum?)"
    return ""


def swapped_axes(
    f: Callable[..., Sequence[Tensor]], arrays: Sequence[Array], number: int, mode: str
) -> str | None:
    """Return a sentence if a Jacobian would be right with two axes exchanged, else None.

    So it is where ``W v`` is taken for ``Wᵀ v``: an axis of the result for one of the argument.
    Only small Jacobians of functions with one result are looked at.
    """
    x, points = tensor(arrays[number]), list(map(tensor, arrays))

    def alone(moved: Tensor) -> Tensor:
        (output,) = f(*points[:number], moved, *points[number + 1 :])
        return output

    outputs = f(*points)
    if len(outputs) != 1 or outputs[0].numel() * x.numel() > LARGEST:
        return None
    found = jacobian(alone, mode=mode)(x).numpy()
    right = Numerical().jacobian(alone, x).jacobian
    for how, turned in _exchanges(right, outputs[0].ndim):
        if not _equal(found, right) and _equal(found, turned):
            return f"Likely transposed: the Jacobian agrees with {how} exchanged."
    return None


def _exchanges(right: Array, results: int) -> list[tuple[str, Array]]:
    """Return the Jacobian with axes exchanged: the result's with the argument's, or any two."""
    rank, found = right.ndim, []
    if right.shape[:results] == right.shape[results:]:
        order = [*range(results, rank), *range(results)]
        found.append(("the axes of result and argument", right.transpose(order)))
    for p, q in combinations(range(rank), 2):
        if right.shape[p] == right.shape[q]:
            how = " and ".join(
                f"axis {n} of the result" if n < results else f"axis {n - results} of the argument"
                for n in (p, q)
            )
            found.append((how, right.swapaxes(p, q)))
    return found


def _turned(found: Array, right: Array) -> tuple[int, ...] | None:
    """Return an order of axes in which the right values are what was found."""
    for order in permutations(range(right.ndim)):
        turned = right.transpose(order)
        if turned.shape == found.shape and _equal(found, turned) and not _equal(found, right):
            return order
    return None


def _factor(found: Array, right: Array) -> float | None:
    """Return the constant that the right values are multiplied by, if it is one."""
    size = float(np.nansum(right * right))
    if not size:
        return None
    factor = float(np.nansum(found * right)) / size
    return factor if _equal(found, factor * right) and abs(factor) > CLOSE else None


def _gap(a: Array, b: Array) -> float:
    """Return the greatest difference where both are known, relative to the greatest entry."""
    both = np.isfinite(a) & np.isfinite(b)
    return relative_difference(a[both], b[both])


def _equal(a: Array, b: Array) -> bool:
    return bool((np.isfinite(a) & np.isfinite(b)).any()) and _gap(a, b) <= CLOSE
