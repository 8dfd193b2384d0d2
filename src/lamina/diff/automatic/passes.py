"""Passes of both modes over a function's graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lamina.core.errors import TraceError
from lamina.core.program import Program
from lamina.core.types import Array
from lamina.diff.automatic.recording import branch_taken, graph, one_tensor, replay
from lamina.diff.interface import Function
from lamina.diff.operations import operations, peak_bytes, thrifty_order
from lamina.tensors import Tensor, as_tensor, jvp, trace, vjp


def forward_graph(f: Function, x: Tensor) -> Program:
    """Return the program of f(x) and J u, for x and u."""
    zeros = np.zeros(x.shape, x.dtype)

    def along(f: Function) -> Program:
        return trace(lambda x, u: jvp(f, (x,), (u,)), zeros, zeros)

    return _of(along, f, x)


def backward_graph(f: Function, x: Tensor) -> Program:
    """Return the program of f(x) and Jᵀ v, for x and v."""
    (result,) = graph(f, x).outputs
    zeros, cotangent = (np.zeros(t.shape, t.dtype) for t in (x, result))

    def back(f: Function) -> Program:
        def both(x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
            result, pull = vjp(f, x)
            return result, pull(v)[0]

        return trace(both, zeros, cotangent)

    return _of(back, f, x)


def _of(derivative: Callable[[Function], Program], f: Function, x: Tensor) -> Program:
    """Return the derivative's program; that of the branches taken, where f looks at values."""
    try:
        return derivative(lambda x: one_tensor(f, x))
    except TraceError:
        taken = branch_taken(f, x)
        return derivative(lambda x: replay(taken, x))


class Forwards:
    """Passes of forward mode at one point: f and its tangent side by side.

    ``value`` is f(x), ``operations`` what one pass does, ``memory`` the bytes alive in it at most.
    """

    def __init__(self, f: Function, x: Tensor) -> None:
        self._x = x.numpy()
        self._program = forward_graph(f, x)
        self._order = thrifty_order(self._program)
        self.value = np.zeros(self._program.outputs[0].shape, self._program.outputs[0].dtype)
        self.operations, self.memory = operations(self._program), peak_bytes(self._program)
        if not self._x.size:
            self.along(self._x)

    def along(self, u: Array) -> Array:
        """Return J u."""
        found = self._program.evaluate(self._x, u, order=self._order)
        self.value = np.array(found[0])
        return found[1]


class Backward:
    """Passes of reverse mode at one point, after one run of f that is remembered."""

    def __init__(self, f: Function, x: Tensor) -> None:
        result, self._pull = vjp(lambda x: one_tensor(f, x), x)
        self.value = np.array(result.numpy())

    def back(self, v: Array) -> Array:
        """Return Jᵀ v."""
        found: Array = self._pull(as_tensor(v))[0].numpy()
        return found
