"""What every way to differentiate takes and gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from lamina.core.types import Array
from lamina.tensors import Tensor

Function = Callable[[Tensor], Tensor]
"""A function of one tensor of floats, of any shape, to one of any shape."""


@dataclass(frozen=True)
class Derivative:
    """A function's Jacobian at a point, and what it took.

    Attributes:
        way: the engine's name, such as ``"reverse"``.
        value: f(x).
        jacobian: J[o, i] = ∂f(x)_o / ∂x_i, of shape ``(*value.shape, *x.shape)``.
        evaluations: how many times f (or a pass over its graph of about that cost) was run.
        operations: multiplications and additions of these runs, if they can be counted.
        seconds: wall time.
        memory: bytes of intermediate values held at once, if known.
        error: an estimate of the absolute error of each entry, from engines that have one.
    """

    way: str
    value: Array
    jacobian: Array
    evaluations: int
    operations: int | None
    seconds: float
    memory: int | None = None
    error: Array | None = None


class Engine(Protocol):
    """A way to differentiate."""

    @property
    def way(self) -> str:
        """The name under which results are shown."""

    def jacobian(self, f: Function, x: Tensor) -> Derivative:
        """Return the Jacobian of f at x."""
