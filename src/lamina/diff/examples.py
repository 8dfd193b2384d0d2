"""Functions that differentiation is shown on."""

from __future__ import annotations

from collections.abc import Callable

import lamina.functions as F
import lamina.tensors as T
from lamina.core.errors import ArgumentError
from lamina.diff.interface import Function
from lamina.tensors import Tensor


def logistic_unit(values: Tensor) -> Tensor:
    """f(x; w, b) = 1 / (exp(-(w x + b)) + 1) for values (x, w, b).

    Source: nndl, section 4.5.

    >>> import lamina
    >>> logistic_unit(lamina.tensor([1.0, 0.0, 0.0]))
    tensor(0.5)
    """
    x, w, b = values[0], values[1], values[2]
    return 1 / (T.exp(-(w * x + b)) + 1)


def rosenbrock(x: Tensor) -> Tensor:
    """Σ 100 (xᵢ₊₁ - xᵢ²)² + (1 - xᵢ)², which is 0 at (1, …, 1).

    Source: Rosenbrock, *The Computer Journal* 3, 1960.

    >>> import lamina
    >>> rosenbrock(lamina.ones(100))
    tensor(0.)
    """
    now, following = x[:-1], x[1:]
    return (100 * (following - now * now) ** 2 + (1 - now) ** 2).sum()


def kink(x: Tensor) -> Tensor:
    """Σ |xᵢ| + max(xᵢ, 0)², with a kink where an element is 0.

    >>> import lamina
    >>> kink(lamina.tensor([-1.0, 2.0]))
    tensor(7.)
    """
    return (T.abs(x) + F.relu(x) ** 2).sum()


def iterated(times: int, step: Callable[[Tensor], Tensor] | None = None) -> Function:
    """Return x ↦ step(step(…step(x))), by default of the logistic map 4 x (1 - x).

    Its formula doubles with every step when it is written out, and its derivative does more so.

    Errors: `ArgumentError` for a negative number of times.

    >>> import lamina
    >>> iterated(2)(lamina.tensor(0.5))
    tensor(0.)
    """
    if times < 0:
        raise ArgumentError(f"iterated: times must not be negative, got {times}")

    def f(x: Tensor) -> Tensor:
        for _ in range(times):
            x = step(x) if step else 4 * x * (1 - x)
        return x

    return f
