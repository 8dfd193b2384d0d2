"""Sparse Jacobians in few passes: columns that share no row are found together.

If no output depends on both xᵢ and xⱼ, one pass along eᵢ + eⱼ gives both columns of the Jacobian.
Columns of one colour are such columns. Rows go together in reverse mode in the same way.

Source: Curtis, Powell and Reid, *On the estimation of sparse Jacobian matrices*, 1974; Griewank and
Walther, *Evaluating Derivatives*, chapter 8.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal

import numpy as np

from lamina.core.types import Array
from lamina.diff.automatic.cost import Cost
from lamina.diff.automatic.passes import Backward, Forwards
from lamina.diff.automatic.recording import graph
from lamina.diff.automatic.sparsity import pattern
from lamina.diff.interface import Derivative, Function
from lamina.tensors import Tensor

Mode = Literal["forward", "reverse"]


def colours(sparsity: Array) -> Array:
    """Return a colour (0, 1, …) for each column, such that no row has two entries of one colour.

    Each column in turn, those with most entries first, gets the first colour that fits.

    >>> colours(np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]], bool))
    array([1, 0, 1, 0])
    """
    rows, columns = sparsity.shape
    found = np.zeros(columns, int)
    taken = np.zeros((0, rows), bool)
    for column in np.argsort(-sparsity.sum(0), kind="stable"):
        entries = sparsity[:, column]
        free = np.flatnonzero(~taken[:, entries].any(1))
        if not free.size:
            taken = np.vstack([taken, np.zeros((1, rows), bool)])
            free = np.array([len(taken) - 1])
        found[column] = free[0]
        taken[free[0]] |= entries
    return found


@dataclass(frozen=True)
class Colouring:
    """Where a Jacobian may have entries, [m, n], and the colours of its columns (or rows)."""

    sparsity: Array
    colours: Array

    @staticmethod
    def of(sparsity: Array, mode: Mode) -> Colouring:
        """Colour the columns for forward mode, or the rows for reverse mode."""
        return Colouring(sparsity, colours(sparsity if mode == "forward" else sparsity.T))

    @property
    def count(self) -> int:
        """The number of colours: of passes."""
        return int(self.colours.max()) + 1 if self.colours.size else 0

    def seeds(self) -> Array:
        """Return for each colour the sum of the unit vectors that have it."""
        return np.equal(self.colours, np.arange(self.count)[:, None])


@dataclass(frozen=True)
class Sparse:
    """Forward or reverse mode with a pass for each colour.

    Args:
        mode: ``"forward"`` or ``"reverse"``.
        colouring: of f's Jacobian, if it is known already.

    >>> import lamina
    >>> x = lamina.arange(6).double()
    >>> found = Sparse().jacobian(lambda x: x[1:] * x[:-1], x)
    >>> found.jacobian[0].tolist(), found.jacobian[4].tolist(), found.evaluations
    ([1.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 5.0, 4.0], 2)
    """

    mode: Mode = "forward"
    colouring: Colouring | None = field(default=None, repr=False, compare=False)

    @property
    def way(self) -> str:
        """``"sparse forward mode"`` or ``"sparse reverse mode"``."""
        return f"sparse {self.mode} mode"

    def jacobian(self, f: Function, x: Tensor) -> Derivative:
        """Return the Jacobian of f at x."""
        start = perf_counter()
        colouring = self.colouring or Colouring.of(pattern(graph(f, x)), self.mode)
        seeds = colouring.seeds()
        if self.mode == "forward":
            run = Forwards(f, x)
            parts = [run.along(seed.reshape(x.shape).astype(x.dtype)) for seed in seeds]
            value, total, held = run.value, len(parts) * run.operations, run.memory
        else:
            back, cost = Backward(f, x), Cost.of(f, x)
            value, held, total = back.value, cost.reverse_memory, cost.backward(len(seeds))
            parts = [back.back(seed.reshape(value.shape).astype(value.dtype)) for seed in seeds]
        jacobian = self._spread(colouring, parts, value.dtype).reshape(*value.shape, *x.shape)
        seconds = perf_counter() - start
        return Derivative(self.way, value, jacobian, len(parts), total, seconds, held)

    def _spread(
        self, colouring: Colouring, parts: list[Array], dtype: np.dtype[np.generic]
    ) -> Array:
        """Put what each pass gives into the columns, or rows, that it is made of."""
        whole = np.zeros(colouring.sparsity.shape, dtype)
        if not parts:
            return whole
        compressed = np.stack([part.ravel() for part in parts])[colouring.colours]
        if self.mode == "forward":
            compressed = compressed.T
        np.copyto(whole, compressed, where=colouring.sparsity)
        return whole
