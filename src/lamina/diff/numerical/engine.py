"""Derivatives from values of the function alone.

| method | ∂f/∂xᵢ | runs of f | error |
|---|---|---|---|
| forward | (f(x + hᵢ) - f(x)) / h | N + 1 | h f''/2 + ε/h |
| central | (f(x + hᵢ) - f(x - hᵢ)) / 2h | 2N | h² f'''/6 + ε/h |
| ridders | central differences for falling h, extrapolated to h = 0 | some 20N | estimated |
| complex | Im f(x + i hᵢ) / h | N | h² f'''/6: nothing is subtracted |

Source: nndl, section 4.5.1; Ridders, *Accurate computation of F'(x) and F'(x)F''(x)*, Advances in
Engineering Software 4, 1982; Squire and Trapp, SIAM Review 40, 1998.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Literal, get_args

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.types import Array, is_float
from lamina.diff.interface import Derivative, Function
from lamina.diff.numerical.complex_values import complex_values
from lamina.diff.numerical.ridders import extrapolated_from
from lamina.diff.numerical.steps import steps
from lamina.tensors import Tensor, tensor, trace

Method = Literal["forward", "central", "ridders", "complex"]
Values = Callable[[Array], Array]


@dataclass(frozen=True)
class Numerical:
    """Differences of values of f, element by element of x.

    Args:
        method: ``"forward"``, ``"central"``, ``"ridders"`` or ``"complex"``.
        step: the step for all elements; by default each has one that suits its size.

    Errors: `ArgumentError` for an unknown method, a step that is not positive, or an x that is not
    made of floats; `GradientError` (complex) for an f that is not analytic.

    >>> import lamina
    >>> x = lamina.tensor([1.0, 2.0], dtype="float64")
    >>> found = Numerical("complex").jacobian(lambda x: x * x, x)
    >>> found.jacobian.tolist(), found.evaluations
    ([[2.0, 0.0], [0.0, 4.0]], 3)
    """

    method: Method = "central"
    step: float | None = None

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            known = ", ".join(get_args(Method))
            raise ArgumentError(f"Numerical: method {self.method!r} is not one of {known}")
        if self.step is not None and not self.step > 0:
            raise ArgumentError(f"Numerical: step must be positive, got {self.step}")

    @property
    def way(self) -> str:
        """``"numerical, central"``, say."""
        return f"numerical, {self.method}"

    def jacobian(self, f: Function, x: Tensor) -> Derivative:
        """Return the Jacobian of f at x, with estimated errors from ``ridders``."""
        start = perf_counter()
        run = _Run(self, f, x)
        columns = [run.column(n) for n in range(run.x.size)]
        shape = (*run.value.shape, *run.x.shape)
        return Derivative(
            self.way,
            run.value,
            _joined([column for column, _ in columns], shape, run.value.dtype),
            run.evaluations,
            None,
            perf_counter() - start,
            error=_joined([e for _, e in columns if e is not None], shape, run.value.dtype)
            if self.method == "ridders"
            else None,
        )


def _joined(columns: list[Array], shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
    if not columns:
        return np.zeros(shape, dtype)
    return np.stack(columns, axis=-1).reshape(shape)


class _Run:
    """f at one point, with its values counted."""

    def __init__(self, engine: Numerical, f: Function, x: Tensor) -> None:
        self.x = np.array(x.numpy(), order="C")
        if not is_float(self.x.dtype):
            raise ArgumentError(f"{engine.way}: x must be floats, got {self.x.dtype}")
        self.engine, self.f, self.evaluations = engine, f, 0
        self.steps = steps(self.x, engine.method).ravel()
        if engine.step is not None:
            self.steps = np.full_like(self.steps, engine.step)
        self.value = self.at(self.x)
        self.program = trace(f, self.x) if engine.method == "complex" else None

    def at(self, x: Array) -> Array:
        self.evaluations += 1
        return np.array(self.f(tensor(x)).numpy())

    def moved(self, n: int, by: float) -> Array:
        """Return f where element n is moved."""
        x = self.x.copy()
        x.flat[n] += by
        return self.at(x)

    def column(self, n: int) -> tuple[Array, Array | None]:
        """Return ∂f/∂x_n, and an estimate of its error if there is one."""
        h = float(self.steps[n])
        match self.engine.method:
            case "forward":
                return (self.moved(n, h) - self.value) / h, None
            case "central":
                return (self.moved(n, h) - self.moved(n, -h)) / (2 * h), None
            case "complex":
                return self.complex_column(n, h), None
        return extrapolated_from(lambda h: (self.moved(n, h) - self.moved(n, -h)) / (2 * h), h)

    def complex_column(self, n: int, h: float) -> Array:
        assert self.program is not None
        self.evaluations += 1
        x = self.x.astype(complex)
        x.flat[n] += 1j * h
        (value,) = complex_values(self.program, x)
        return np.broadcast_to(np.asarray(np.imag(value)) / h, self.value.shape)
