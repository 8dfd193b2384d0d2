"""The numerical engine: a derivative from values of the function alone."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal, get_args

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Array, DType, as_dtype, is_float
from lamina.diff.interface import Derivative, Function
from lamina.diff.numerical.complex_step import ComplexEvaluations
from lamina.diff.numerical.differences import (
    Line,
    central,
    element_line,
    extrapolated,
    inside_domain,
    one_sided,
    ridders,
)
from lamina.diff.numerical.evaluation import Evaluations, checked_point, precision
from lamina.diff.numerical.steps import COMPLEX_STEP, balanced_steps, ridders_steps
from lamina.tensors import Tensor, as_tensor

Method = Literal["forward", "central", "ridders", "complex"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class Numerical:
    """Derivatives from values of the function: a difference quotient for each of x's N elements.

    ============  ==============================  ============  ====================  ===========
    method        quotient                        error         automatic step        evaluations
    ============  ==============================  ============  ====================  ===========
    ``forward``   (f(x + h) - f(x)) / h           O(h)          √ε · max(|x|, 1)      N + 1
    ``central``   (f(x + h) - f(x - h)) / 2h      O(h²)         ε^(1/3) · max(|x|,1)  2N + 1
    ``ridders``   central, extrapolated to h = 0  estimated     max(|x|, 1) / 8       about 20N
    ``complex``   Im f(x + ih) / h                O(h²)         2⁻¹⁰⁰                 N + 1
    ============  ==============================  ============  ====================  ===========

    Steps are powers of two, and what counts is the step after rounding, ``(x + h) - x``. An
    automatic step at which f is not finite is shortened (and the evaluations counted).

    ``ridders`` gives an estimate of each entry's error. ``complex`` has no difference in it and
    is as exact as f itself; the *traced* f is evaluated with complex numbers, so f may not look at
    values, and an operation that is not analytic where it is evaluated is an error that names it.

    x is varied in float64, and results come in x's own dtype; ``dtype="float32"`` varies it in
    float32, with steps for its coarser floats, which are also taken if f returns float32.
    Random numbers that f draws from the key stream are the same in every evaluation.

    Errors: `DTypeError` if x or f(x) is not of floats, `GradientError` if f returns no tensor, or
    (``complex``) meets an operation that is not analytic.

    >>> import lamina
    >>> found = Numerical("central").jacobian(lambda x: x * x, lamina.tensor([1.0, 2.0]))
    >>> found.jacobian.round(6).tolist(), found.evaluations
    ([[2.0, 0.0], [0.0, 4.0]], 5)

    Sources: nndl, section 4.5.1; Press et al., *Numerical Recipes*,
    §5.7; Squire and Trapp, "Using complex variables to estimate derivatives of real functions",
    SIAM Review 40 (1998).
    """

    method: Method = "central"
    step: float | None = None
    dtype: str = "float64"

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ArgumentError(
                f"Numerical: method {self.method!r} is not one of {', '.join(METHODS)}"
            )
        if self.step is not None and not 0 < self.step < np.inf:
            raise ArgumentError(f"Numerical: step must be positive, got {self.step}")
        if not is_float(as_dtype(self.dtype)):
            raise ArgumentError(f"Numerical: dtype must be one of floats, got {self.dtype}")

    @property
    def way(self) -> str:
        """``"numerical, central"``, say."""
        return f"numerical, {self.method}"

    def jacobian(self, f: Function, x: Tensor) -> Derivative:
        """Return the Jacobian of f at x, ``[*f(x).shape, *x.shape]``, in x's dtype."""
        point = checked_point(x, self.dtype)
        if self.method == "complex":
            found = self._complex(f, point, np.eye(point.size))
        else:
            found = self._differences(f, point, range(point.size))
        return self._derivative(found, point.shape, as_tensor(x).dtype)

    def directional(self, f: Function, x: Tensor, direction: Tensor) -> Derivative:
        """Return ``J u``, the derivative of ``t ↦ f(x + t u)`` at t = 0, for the price of N = 1.

        It has f(x)'s shape, as the Jacobian of a function of a scalar. Raises `ShapeError` if
        the direction has another shape than x.

        >>> import lamina
        >>> x, u = lamina.tensor([1.0, 2.0]), lamina.tensor([1.0, -1.0])
        >>> Numerical().directional(lambda x: (x * x).sum(), x, u).jacobian.round(6).item()
        -2.0
        """
        point = checked_point(x, self.dtype)
        u = np.asarray(as_tensor(direction).value, self.dtype)
        if u.shape != point.shape:
            raise ShapeError(f"directional: direction of shape {u.shape}, expected {point.shape}")
        if self.method == "complex":
            found = self._complex(f, point, u.reshape(1, -1))
        else:
            found = self._differences(f, point, [u])
        return self._derivative(found, (), as_tensor(x).dtype)

    # How -----------------------------------------------------------------------------------

    def _complex(self, f: Function, x: Array, directions: Array) -> _Found:
        start = perf_counter()
        run = ComplexEvaluations(f, x)
        value = run.value()
        step = self.step or COMPLEX_STEP
        columns = [run.derivative(u.reshape(x.shape), step) for u in directions]
        return _Found(value, columns, None, run.count, start)

    def _differences(self, f: Function, x: Array, along: Any) -> _Found:
        """Take a difference along each of ``along``: elements by number, or directions."""
        start = perf_counter()
        run = Evaluations(f)
        value = run(x)
        eps = precision(x.dtype, value.dtype)
        steps = self._steps(x, eps)
        columns, errors = [], []
        for each in along:
            line = element_line(run, x, each) if isinstance(each, int) else Line(run, x, each)
            step = steps[each] if isinstance(each, int) else _shared_step(steps, each)
            column, error = self._column(line, value, float(step), eps)
            columns.append(column)
            errors.append(error)
        estimates = errors if self.method == "ridders" else None
        return _Found(value, columns, estimates, run.count, start)

    def _steps(self, x: Array, eps: float) -> Array:
        """Return the step of each element, flat."""
        flat = x.ravel()
        if self.step is not None:
            return np.full(flat.shape, self.step)
        if self.method == "ridders":
            return ridders_steps(flat)
        return balanced_steps(flat, eps, 1 if self.method == "forward" else 2)

    def _column(self, line: Line, value: Array, step: float, eps: float) -> tuple[Array, Any]:
        base = value.astype(np.float64)
        if self.method == "ridders":
            return (extrapolated if self.step is None else ridders)(line, base, step, eps)

        def difference(h: float) -> Array:
            return one_sided(line, base, h) if self.method == "forward" else central(line, h)

        if self.step is not None:
            return difference(step), None
        return inside_domain(difference, base, step, turning=self.method == "forward"), None

    def _derivative(self, found: _Found, shape: tuple[int, ...], dtype: DType) -> Derivative:
        value, errors = found.value, found.errors
        return Derivative(
            way=self.way,
            value=value.astype(dtype),
            jacobian=_side_by_side(found.columns, value, shape).astype(dtype),
            evaluations=found.evaluations,
            operations=None,
            seconds=perf_counter() - found.start,
            error=None if errors is None else _side_by_side(errors, value, shape),
        )


@dataclass(frozen=True)
class _Found:
    """f(x), a derivative for each direction, estimates of their errors, and what it took."""

    value: Array
    columns: list[Array]
    errors: list[Array] | None
    evaluations: int
    start: float


def _shared_step(steps: Array, direction: Array) -> float:
    """Return a step t for ``x + t u`` that moves no element farther than its own step."""
    with np.errstate(divide="ignore"):
        ratios = steps / np.abs(direction.ravel().astype(np.float64))
    found = ratios[np.isfinite(ratios)]
    return float(found.min()) if found.size else 1.0


def _side_by_side(columns: list[Array], value: Array, shape: tuple[int, ...]) -> Array:
    """Return derivatives ∂f/∂x_i, one for each element, as ``[*f(x).shape, *x.shape]``."""
    stacked = np.stack(columns, -1) if columns else np.zeros((*value.shape, 0))
    return stacked.reshape((*value.shape, *shape))
