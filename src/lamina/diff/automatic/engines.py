"""Forward and reverse mode: exact derivatives, one pass for each input or for each output.

| mode | a pass gives | passes | remembers |
|---|---|---|---|
| forward | J u, a column for u = eᵢ | an element of x each | what is alive, and its tangents |
| reverse | Jᵀ v, a row for v = eₒ | an element of f(x) each | every intermediate value |

So forward mode is the cheaper one for few inputs, reverse mode for few outputs: the gradient of
a loss takes one pass, whatever the number of parameters.

Source: nndl, section 4.5.3; Griewank and Walther, *Evaluating Derivatives*, chapters 3 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from lamina.core.errors import ArgumentError, TraceError
from lamina.core.program import Program
from lamina.core.types import Array, is_float
from lamina.diff.automatic.sparsity import is_pointwise
from lamina.diff.interface import Derivative, Function
from lamina.diff.operations import bytes_kept, operations, peak_bytes
from lamina.tensors import Tensor, jvp, tensor, trace, vjp


@dataclass(frozen=True)
class Forward:
    """Forward mode, a pass for each element of x.

    >>> import lamina
    >>> x = lamina.tensor([1.0, 2.0, 3.0])
    >>> found = Forward().jacobian(lambda x: (x * x).sum(), x)
    >>> found.jacobian.tolist(), found.evaluations
    ([2.0, 4.0, 6.0], 3)
    """

    @property
    def way(self) -> str:
        """``"forward mode"``."""
        return "forward mode"

    def jacobian(self, f: Function, x: Tensor) -> Derivative:
        """Return the Jacobian of f at x, column by column."""
        start = perf_counter()
        value, columns = _value(f, x), []
        for unit in _units(x.shape, x.numpy().dtype):
            _, pushed = jvp(f, (x,), (tensor(unit),))
            columns.append(pushed.numpy())
        jacobian = _stacked(columns, (*value.shape, *x.shape), value.dtype, axis=-1)
        seconds = perf_counter() - start
        cost, passes = Cost.if_traceable(f, x), len(columns)
        if cost is None:
            return Derivative(self.way, value, jacobian, passes, None, seconds)
        return Derivative(
            self.way, value, jacobian, passes, passes * cost.forward, seconds, cost.forward_memory
        )


@dataclass(frozen=True)
class Reverse:
    """Reverse mode, a pass for each element of f(x).

    >>> import lamina
    >>> x = lamina.tensor([1.0, 2.0, 3.0])
    >>> found = Reverse().jacobian(lambda x: (x * x).sum(), x)
    >>> found.jacobian.tolist(), found.evaluations
    ([2.0, 4.0, 6.0], 1)
    """

    @property
    def way(self) -> str:
        """``"reverse mode"``."""
        return "reverse mode"

    def jacobian(self, f: Function, x: Tensor) -> Derivative:
        """Return the Jacobian of f at x, row by row."""
        start = perf_counter()
        result, pull = vjp(f, x)
        value = np.array(result.numpy())
        rows = [pull(tensor(unit))[0].numpy() for unit in _units(value.shape, value.dtype)]
        jacobian = _stacked(rows, (*value.shape, *x.shape), value.dtype, axis=0)
        seconds = perf_counter() - start
        cost = Cost.if_traceable(f, x)
        if cost is None:
            return Derivative(self.way, value, jacobian, len(rows), None, seconds)
        total = cost.value + len(rows) * (cost.reverse - cost.value)
        return Derivative(self.way, value, jacobian, len(rows), total, seconds, cost.reverse_memory)


@dataclass(frozen=True)
class Pointwise:
    """One pass of forward mode for a function that acts on each element by itself.

    The Jacobian of such a function is diagonal; J u for u = (1, …, 1) is that diagonal.

    Errors: `ArgumentError` for a function of another kind.
    """

    @property
    def way(self) -> str:
        """``"diagonal"``."""
        return "diagonal"

    def jacobian(self, f: Function, x: Tensor) -> Derivative:
        """Return the Jacobian of f at x from its diagonal."""
        start = perf_counter()
        if not is_pointwise(_traced(f, x)):
            raise ArgumentError("diagonal: f does not act on each element of x by itself")
        result, pushed = jvp(f, (x,), (tensor(np.ones(x.shape, x.numpy().dtype)),))
        diagonal = np.diag(pushed.numpy().ravel())
        jacobian = diagonal.reshape(*x.shape, *x.shape)
        seconds = perf_counter() - start
        cost = Cost.of(f, x)
        value = np.array(result.numpy())
        return Derivative(self.way, value, jacobian, 1, cost.forward, seconds, cost.forward_memory)


@dataclass(frozen=True)
class Cost:
    """Operations and bytes of f, of one pass of each mode with f, and what each remembers."""

    value: int
    forward: int
    reverse: int
    forward_memory: int
    reverse_memory: int

    @staticmethod
    def if_traceable(f: Function, x: Tensor) -> Cost | None:
        """Count, unless f looks at values: then each call has a graph of its own."""
        try:
            return Cost.of(f, x)
        except TraceError:
            return None

    @staticmethod
    def of(f: Function, x: Tensor) -> Cost:
        """Count on the graphs of f, of J u, and of Jᵀ v."""
        plain = _traced(f, x)
        direction = x.numpy()
        along = trace(lambda x, u: jvp(f, (x,), (u,)), direction, direction)
        (output,) = plain.outputs
        cotangent = np.zeros(output.shape, output.dtype)
        back = trace(lambda x, v: (lambda r: (r[0], r[1](v)))(vjp(f, x)), direction, cotangent)
        return Cost(
            operations(plain),
            operations(along),
            operations(back),
            peak_bytes(along),
            bytes_kept(plain) + direction.nbytes,
        )


def _traced(f: Function, x: Tensor) -> Program:
    if not is_float(x.dtype):
        raise ArgumentError(f"jacobian: x must be floats, got {x.dtype}")
    return trace(f, x.numpy())


def _value(f: Function, x: Tensor) -> Array:
    return np.array(f(x).numpy())


def _units(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
    """Return all unit tensors of a shape, stacked."""
    count = int(np.prod(shape))
    return np.eye(count, dtype=dtype).reshape(count, *shape)


def _stacked(
    parts: list[Array], shape: tuple[int, ...], dtype: np.dtype[np.generic], axis: int
) -> Array:
    return np.stack(parts, axis=axis).reshape(shape) if parts else np.zeros(shape, dtype)
