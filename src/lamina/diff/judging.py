"""Whether one entry of a derivative is right, wrong, or at a point where nobody can say.

A rough difference settles most entries; where it disagrees an extrapolated one is taken. Where that
disagrees too, the function may have no derivative: at a kink, a jump or a border of its domain,
every rule makes a choice of its own. Then points nearby decide. If derivatives agree with
differences there, the rules are right, and the point is one of these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import islice

import numpy as np

from lamina.core.types import Array
from lamina.diff.slopes import ScalarFunction, Slope

NEARBY = 2.0**-9
"""How far the points nearby are, relative to an element (or to 1 for zeros)."""

RESOLVED = 1e-9
"""An error of an extrapolation, relative to the function's size, that leaves no doubt."""

_POINTS, _TRIES = 2, 4

_SHORT = NEARBY / 64
"""Where extrapolations start there, so that they do not reach the point itself."""


class Verdict(Enum):
    """What became of an entry."""

    RIGHT = "right"
    KINK = "at a point without a derivative"
    PIECES = "wrong only where kinks of pieces meet"
    WRONG = "wrong"
    WRONG_AT_KINK = "wrong nearby, and at a point without a derivative"


@dataclass(frozen=True)
class Judgement:
    """A verdict, with the difference it rests on, and how far off the derivative is, relatively."""

    verdict: Verdict
    numerical: float
    error: float

    @property
    def is_wrong(self) -> bool:
        """Whether there is something to correct."""
        return self.verdict not in (Verdict.RIGHT, Verdict.KINK)


Entries = Callable[[int, int], float]
"""From the number of an argument and the place of an element to the derivative by it."""

Gradient = Callable[[Sequence[Array]], Entries]
"""From a point to a derivative there."""


@dataclass(frozen=True, eq=False)
class Point:
    """A point, the function's value there, and the magnitude of what that is the sum of."""

    arrays: Sequence[Array]
    value: float
    size: float


class Judge:
    """Judges the entries of derivatives of one function at one point."""

    def __init__(
        self,
        f: ScalarFunction,
        size: ScalarFunction,
        arrays: Sequence[Array],
        tolerance: float,
    ) -> None:
        self._f, self._size, self._tolerance = f, size, tolerance
        self._here = self._point(arrays)
        self._slopes: dict[tuple[int, int], Slope] = {}

    def _point(self, arrays: Sequence[Array]) -> Point:
        return Point(arrays, self._f(arrays), self._size(arrays))

    def __call__(self, number: int, place: int, derivative: float, gradient: Gradient) -> Judgement:
        """Judge the derivative by element ``place`` of argument ``number``.

        ``gradient`` gives derivatives of the same kind at other points.
        """
        slope = self._slope(number, place)
        if self._agree(derivative, slope.rough):
            error = relative_error(derivative, slope.rough)
            return Judgement(Verdict.RIGHT, slope.rough, error)
        close, doubt = slope.close
        if self._settled(derivative, slope):
            error = max(0.0, abs(derivative - close) - 4 * doubt) / (abs(close) or 1.0)
            return Judgement(Verdict.RIGHT, close, error)
        verdict = self._in_doubt(slope, derivative, gradient)
        return Judgement(verdict, close, relative_error(derivative, close))

    def _slope(self, number: int, place: int) -> Slope:
        """Return what differences say, which is the same in all modes."""
        if (number, place) not in self._slopes:
            here = self._here
            self._slopes[number, place] = Slope(
                self._f, here.arrays, number, place, here.value, here.size
            )
        return self._slopes[number, place]

    def _agree(self, derivative: float, difference: float) -> bool:
        gap, greater = abs(derivative - difference), max(abs(derivative), abs(difference))
        return bool(np.isfinite(greater)) and gap <= self._tolerance * greater

    def _settled(self, derivative: float, slope: Slope) -> bool:
        """Return whether an extrapolation confirms a derivative."""
        close, doubt = slope.close
        allowed = self._tolerance * max(abs(derivative), abs(close))
        if not np.isfinite(allowed):
            return False
        certain = doubt <= max(allowed, RESOLVED * slope.size)
        return certain and abs(derivative - close) <= allowed + 4 * doubt

    def _in_doubt(self, slope: Slope, derivative: float, gradient: Gradient) -> Verdict:
        right = not np.isnan(derivative) and self._right_nearby(slope, gradient)
        if slope.is_smooth:
            return Verdict.PIECES if right else Verdict.WRONG
        return Verdict.KINK if right else Verdict.WRONG_AT_KINK

    def _right_nearby(self, slope: Slope, gradient: Gradient) -> bool:
        """Return whether the derivative is right at points nearby."""
        found = [self._right_at(point, slope, gradient) for point in self._nearby]
        return bool(found) and all(found)

    def _right_at(self, point: Point, slope: Slope, gradient: Gradient) -> bool:
        there = Slope(
            self._f, point.arrays, slope.number, slope.place, point.value, point.size, _SHORT
        )
        derivative = gradient(point.arrays)(slope.number, slope.place)
        return self._agree(derivative, there.rough) or self._settled(derivative, there)

    @cached_property
    def _nearby(self) -> list[Point]:
        """Points in general position at which the function is finite.

        At first small elements are moved as far as an element of size 1, which may leave the
        domain; then in proportion to their size.
        """
        rng = np.random.default_rng(0)
        sizes = [1.0] * _TRIES + [0.0] * _TRIES
        tried = (self._point([_moved(a, size, rng) for a in self._here.arrays]) for size in sizes)
        return list(islice((point for point in tried if np.isfinite(point.value)), _POINTS))


def _moved(array: Array, least: float, rng: np.random.Generator) -> Array:
    """Return the array with every element moved a little, in a direction of its own."""
    size = np.abs(array)
    scale = np.where(size == 0, 1.0, np.maximum(size, least))
    signs = rng.choice([-1.0, 1.0], array.shape)
    return np.asarray(array + NEARBY * scale * signs * rng.uniform(0.5, 1, array.shape))


def relative_error(derivative: float, right: float) -> float:
    """Return by how much a derivative is off, relative to the right one (1 if that is 0)."""
    gap = abs(derivative - right)
    return 0.0 if gap == 0 else gap / abs(right) if right else 1.0
