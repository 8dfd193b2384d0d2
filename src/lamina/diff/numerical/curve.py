"""The error of a difference against its step: truncation falls with it, rounding grows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lamina.core.types import Array
from lamina.diff.automatic import Forward
from lamina.diff.difference import relative_difference
from lamina.diff.interface import Function
from lamina.diff.numerical.engine import Method, Numerical
from lamina.tensors import Tensor

METHODS: tuple[Method, ...] = ("forward", "central", "complex")


@dataclass(frozen=True)
class StepCurve:
    """Errors by step.

    Attributes:
        steps: the steps h, falling.
        errors: by method, the greatest error of the Jacobian relative to its greatest entry.
        exact: the Jacobian that is compared with.
    """

    steps: Array
    errors: Mapping[str, Array]
    exact: Array

    def best(self, method: str) -> tuple[float, float]:
        """Return the step with the least error, and that error."""
        place = int(np.argmin(self.errors[method]))
        return float(self.steps[place]), float(self.errors[method][place])

    def order(self, method: str) -> float:
        """Return the slope of log error over log h where truncation decides: 1, or 2, say.

        It is fitted to steps that are larger than the best one by a factor of 10 at least, and
        smaller than 0.1.
        """
        return self._slope(method, lambda h, best: (h > 10 * best) & (h < 0.1))

    def rounding(self, method: str) -> float:
        """Return the slope where rounding decides: about -1; 0 where nothing is subtracted."""
        return self._slope(method, lambda h, best: h < best / 10)

    def _slope(self, method: str, chosen: Callable[[Array, float], Array]) -> float:
        best, _ = self.best(method)
        inside = chosen(self.steps, best) & (self.errors[method] > 0)
        if inside.sum() < 3:
            return 0.0
        logs = np.log(self.steps[inside]), np.log(self.errors[method][inside])
        return float(np.polyfit(*logs, 1)[0])


def step_curve(
    f: Function,
    x: Tensor,
    exact: Array | None = None,
    methods: Sequence[Method] = METHODS,
    steps: Array | None = None,
) -> StepCurve:
    """Measure the error of differences of f at x for many steps (nndl, section 4.5.1).

    ``exact`` is by default forward mode's Jacobian; the steps are 10⁻¹⁵ … 1 by default.

    >>> import lamina
    >>> curve = step_curve(lamina.exp, lamina.tensor(1.0, dtype="float64"))
    >>> round(curve.order("forward")), round(curve.order("central"))
    (1, 2)
    """
    found = np.logspace(0, -15, 61) if steps is None else np.asarray(steps)
    right = Forward().jacobian(f, x).jacobian if exact is None else np.asarray(exact)

    def error(method: Method, step: float) -> float:
        return relative_difference(Numerical(method, step).jacobian(f, x).jacobian, right)

    errors: dict[str, Array] = {m: np.array([error(m, float(h)) for h in found]) for m in methods}
    return StepCurve(found, errors, right)
