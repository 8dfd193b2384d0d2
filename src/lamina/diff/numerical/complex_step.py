"""The complex step: ``Im f(x + ih) / h``, without a difference and so without cancellation."""

from __future__ import annotations

import numpy as np

from lamina.core.program import Program
from lamina.core.types import Array
from lamina.diff.interface import Function
from lamina.diff.numerical.complex_values import complex_values
from lamina.diff.numerical.evaluation import SameRandomness, checked_output
from lamina.tensors import Tensor, no_grad, trace


class ComplexEvaluations:
    """A function's program, run with complex numbers, and the number of times it was run."""

    def __init__(self, function: Function, x: Array) -> None:
        with no_grad(), SameRandomness().again():
            self._program = _traced(function, x)
        self._x = x
        self.count = 0

    def value(self) -> Array:
        """Return f(x), without an imaginary part."""
        self.count += 1
        return self._program.evaluate(self._x)[0]

    def derivative(self, direction: Array, step: float) -> Array:
        """Return ``Im f(x + ih u) / h``: wrong by ``h² f‴/6``, however small h is."""
        self.count += 1
        moved = self._x + 1j * (step * direction.astype(np.float64))
        (value,) = complex_values(self._program, moved)
        slope = np.imag(value) / step
        return np.where(np.isnan(np.real(value)), np.nan, slope).astype(np.float64)


def _traced(function: Function, x: Array) -> Program:
    def checked(argument: Tensor) -> Tensor:
        return checked_output(function(argument))

    return trace(checked, x)
