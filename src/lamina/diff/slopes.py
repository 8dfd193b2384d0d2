"""The slope of a scalar function along one element, measured as closely as a dispute needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lamina.core.types import Array
from lamina.diff.numerical.differences import Line, central, element_line, extrapolated, one_sided

ScalarFunction = Callable[[Sequence[Array]], float]

EPS = float(np.finfo(np.float64).eps)

STEP = 2.0**-17
"""About the third root of float64's precision: for central differences."""

FIRST = 2.0**-6
"""Where an extrapolation starts."""

SIDE = 2.0**-20
"""How far to each side the slopes on both sides of a point are measured."""

ALIKE = 1e-3
"""Slopes from both sides that agree as closely, relatively, are those of a smooth function."""


@dataclass(frozen=True)
class Slope:
    """A function of several arrays along one element of one of them.

    ``size`` is the magnitude of what is added up to the function's value: its rounding error is
    in proportion to it. ``first`` is the relative step with which an extrapolation starts.
    """

    f: ScalarFunction
    arrays: Sequence[Array]
    number: int
    place: int
    value: float
    size: float
    first: float = FIRST

    @property
    def _line(self) -> Line:
        def along(x: Array) -> Array:
            moved = [x if n == self.number else a for n, a in enumerate(self.arrays)]
            return np.asarray(self.f(moved))

        return element_line(along, self.arrays[self.number], self.place)

    def _step(self, relative: float) -> float:
        return relative * max(1.0, float(np.exp2(np.round(np.log2(max(abs(self._x), 1.0))))))

    @property
    def _x(self) -> float:
        return float(self.arrays[self.number].flat[self.place])

    @cached_property
    def rough(self) -> float:
        """A central difference."""
        return float(central(self._line, self._step(STEP)))

    @cached_property
    def close(self) -> tuple[float, float]:
        """The extrapolated derivative, and an estimate of its error."""
        found, error = extrapolated(self._line, np.asarray(self.size), self._step(self.first), EPS)
        return float(found), float(error)

    def sides(self, relative: float = SIDE) -> tuple[float, float]:
        """Return the slopes from the left and from the right."""
        line, base, h = self._line, np.asarray(self.value), self._step(relative)
        return float(one_sided(line, base, -h)), float(one_sided(line, base, h))

    @cached_property
    def is_smooth(self) -> bool:
        """Whether slopes from both sides, nearer and farther, all agree.

        They do not at a kink or a jump, nor at the border of the domain.
        """
        slopes = np.array([*self.sides(), *self.sides(SIDE * 16)])
        if not np.isfinite(slopes).all():
            return False
        noise = 16 * EPS * self.size / self._step(SIDE)
        return bool(np.ptp(slopes) <= ALIKE * np.abs(slopes).max() + noise)
