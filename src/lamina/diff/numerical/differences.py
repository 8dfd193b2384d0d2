"""Differences along a line, and their extrapolation to a step of length zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lamina.core.types import Array

ROWS = 10
"""How often an extrapolation halves its step at most."""

_NARROWER, _CLOSER, _TRIES = 8, 64, 8

_STARTS, _NEARER = 5, 16
"""How often an extrapolation starts, each time with a smaller step: functions may vary quickly."""

_ASIDE, _ROUGHLY = 2.0**-11 / 1.5, 1e-3
"""A step that no extrapolation has, relative to the first; how closely its difference agrees."""


@dataclass(frozen=True)
class Line:
    """``t ↦ f(x + t u)``, for a direction u: a unit vector if an ``index`` is given."""

    function: Callable[[Array], Array]
    x: Array
    direction: Array
    index: int | None = None

    @property
    def length(self) -> float:
        """How far x is from 0 in the direction: what f makes of x it rounds in proportion."""
        moving = self.direction != 0
        ratios = np.abs(self.x[moving] / self.direction[moving])
        return float(ratios.max(initial=0))

    def at(self, t: float) -> tuple[float, Array]:
        """Return the step as it came to be after rounding, and the value there."""
        with np.errstate(all="ignore"):
            moved = self.x + self.x.dtype.type(t) * self.direction
            if self.index is not None:
                t = float(moved.flat[self.index]) - float(self.x.flat[self.index])
        return t, np.asarray(self.function(moved), np.float64)


def element_line(function: Callable[[Array], Array], x: Array, index: int) -> Line:
    """Return the line along one element of x, in row-major order."""
    unit = np.zeros_like(x)
    unit.flat[index] = 1
    return Line(function, x, unit, index)


def one_sided(line: Line, base: Array, step: float) -> Array:
    """Return ``(f(x + h) - f(x)) / h``: wrong by ``h f″/2``. ``base`` is f(x)."""
    t, value = line.at(step)
    with np.errstate(all="ignore"):
        return np.asarray((value - base) / t)


def central(line: Line, step: float) -> Array:
    """Return ``(f(x + h) - f(x - h)) / 2h``: wrong by ``h² f‴/6``."""
    return _central(line, step)[0]


def _central(line: Line, step: float) -> tuple[Array, Array]:
    """Return a central difference, and the greater of the two values that it subtracts."""
    right, above = line.at(step)
    left, below = line.at(-step)
    with np.errstate(all="ignore"):
        slope = np.asarray((above - below) / (right - left))
        return slope, np.maximum(np.abs(above), np.abs(below))


def inside_domain(
    difference: Callable[[float], Array], base: Array, step: float, turning: bool = False
) -> Array:
    """Return a difference with a step that does not leave where f is finite, if there is one.

    A step that leaves it is shortened (and, if ``turning``, taken to the other side), and once
    more when it fits: the border is where f varies most.
    """
    wanted = np.isfinite(base)

    def fits(found: Array) -> bool:
        return bool(np.isfinite(found[wanted]).all())

    found = difference(step)
    for _ in range(_TRIES):
        if fits(found):
            return found
        step /= -_NARROWER if turning else _NARROWER
        found = difference(step)
        if fits(found):
            closer = difference(step / _CLOSER)
            return closer if fits(closer) else found
    return found


def extrapolated(line: Line, base: Array, step: float, eps: float) -> tuple[Array, Array]:
    """Return what `ridders` does, from the first step or from a shorter one, whichever is best.

    Of a periodic function all differences may be equal and wrong, where h, h/2, … are multiples of
    its period; so a difference with a short step that is none of these has to agree.
    """
    check, size = _central(line, _ASIDE * step)
    with np.errstate(all="ignore"):
        least = 8 * eps * np.abs(base) / step
        blur = 16 * eps * np.fmax(np.abs(base), size) / (_ASIDE * step)
        best, error = np.full(base.shape, np.nan), np.full(base.shape, np.inf)
        for _ in range(_STARTS):
            found, estimate = ridders(line, base, step, eps)
            gap = np.abs(found - check)
            believable = ~(gap > blur + estimate + _ROUGHLY * np.abs(check))
            estimate = np.where(believable, estimate, gap)
            better = estimate < error
            best, error = np.where(better, found, best), np.where(better, estimate, error)
            if np.all(error <= np.maximum(16 * eps ** (2 / 3) * np.abs(best), least)):
                break
            step /= _NEARER
    return best, error


def ridders(line: Line, base: Array, step: float, eps: float) -> tuple[Array, Array]:
    """Return the derivative and an estimate of its absolute error, for each output.

    Central differences with steps h, h/2, h/4, … are extrapolated to h = 0 (Richardson): their
    errors are powers of h², so ``a + (a - coarser) / (4ᵏ - 1)`` removes one after another. Of all
    such values the one is taken that differs least from those it was made of, rounding (``eps``
    is the spacing of f's floats) included; it stops when rounding prevails. Source: Ridders,
    "Accurate computation of F'(x) and F'(x)F''(x)", Adv. Eng. Software 4 (1982);
    *Numerical Recipes*, §5.7.
    """
    best, error = np.full(base.shape, np.nan), np.full(base.shape, np.inf)
    coarser: list[Array] = []
    for row in range(ROWS):
        h = step / 2**row
        slope, size = _central(line, h)
        current = [slope]
        with np.errstate(all="ignore"):
            noise = eps * (np.fmax(np.abs(base), size) + line.length * np.abs(slope)) / h
            change = _extrapolate(current, coarser)
            for value, difference in zip(current[1:], change, strict=True):
                better = difference + noise <= error
                best = np.where(better, value, best)
                error = np.where(better, difference + noise, error)
            if coarser and _is_over(current, coarser, change, noise, error):
                break
        coarser = current
    return best, error


def _extrapolate(current: list[Array], coarser: list[Array]) -> list[Array]:
    """Append to a row of the tableau its extrapolations; return how each differs from its origins.

    ``coarser`` is the row of the step twice as long.
    """
    changes = []
    for k, above in enumerate(coarser, 1):
        left = current[-1]
        current.append(left + (left - above) / (4**k - 1))
        changes.append(np.maximum(np.abs(current[-1] - left), np.abs(current[-1] - above)))
    return changes


def _is_over(
    current: list[Array], coarser: list[Array], changes: list[Array], noise: Array, error: Array
) -> bool:
    """Return whether every output is as good as its rounding, or gets worse."""
    settled = np.min(changes, axis=0) <= noise
    worse = np.abs(current[-1] - coarser[-1]) >= 2 * error
    return bool((settled | worse).all())
