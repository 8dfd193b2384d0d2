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

from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.types import Array, DType, Shape
from lamina.diff.automatic.chain import Chain, chained, memory
from lamina.diff.automatic.cost import Cost
from lamina.diff.automatic.passes import Backward, Forwards
from lamina.diff.automatic.recording import graph
from lamina.diff.automatic.sparsity import is_pointwise
from lamina.diff.interface import Derivative, Function
from lamina.tensors import Tensor


@dataclass(frozen=True)
class Forward:
    """Forward mode, a pass for each element of x.

    A pass computes f and its tangent side by side, so that no value outlives its last use. A
    function that looks at values is differentiated along the branches that it takes.

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
        run = Forwards(f, x)
        columns = [run.along(unit) for unit in units(x.shape, x.dtype)]
        jacobian = stacked(columns, (*run.value.shape, *x.shape), run.value.dtype, axis=-1)
        seconds = perf_counter() - start
        total = len(columns) * run.operations
        return Derivative(self.way, run.value, jacobian, len(columns), total, seconds, run.memory)


@dataclass(frozen=True)
class Reverse:
    """Reverse mode, a pass for each element of f(x).

    Args:
        checkpoints: for an f that is a `Chain` (or any sequence of functions that can be called,
            such as `lamina.nn.Sequential`): differentiate it in so many segments, of which only
            the ends are remembered, and the rest is computed again when it is needed.

    Errors: `ArgumentError` for checkpoints of an f that is no sequence.

    >>> import lamina
    >>> x = lamina.tensor([1.0, 2.0, 3.0])
    >>> found = Reverse().jacobian(lambda x: (x * x).sum(), x)
    >>> found.jacobian.tolist(), found.evaluations
    ([2.0, 4.0, 6.0], 1)
    >>> from lamina.diff import Chain
    >>> f, x = Chain([lamina.sin] * 64), lamina.zeros(100)
    >>> plain, less = (Reverse(n).jacobian(f, x) for n in (None, 8))
    >>> bool((plain.jacobian == less.jacobian).all()), plain.memory // less.memory
    (True, 4)
    """

    checkpoints: int | None = None

    @property
    def way(self) -> str:
        """``"reverse mode"``, with the number of segments where there are some."""
        if self.checkpoints is None:
            return "reverse mode"
        return f"reverse mode, {self.checkpoints} segments"

    def jacobian(self, f: Function, x: Tensor) -> Derivative:
        """Return the Jacobian of f at x, row by row."""
        start = perf_counter()
        run = Backward(f if self.checkpoints is None else self._segmented(f), x)
        rows = [run.back(unit) for unit in units(run.value.shape, run.value.dtype)]
        jacobian = stacked(rows, (*run.value.shape, *x.shape), run.value.dtype, axis=0)
        seconds = perf_counter() - start
        cost, passes = Cost.of(f, x), len(rows)
        total, held = cost.backward(passes), cost.reverse_memory
        if self.checkpoints is not None:
            total += passes * cost.value
            held = memory(_parts(f), x, self.checkpoints).checkpointed
        return Derivative(self.way, run.value, jacobian, passes, total, seconds, held)

    def _segmented(self, f: Function) -> Chain:
        assert self.checkpoints is not None
        return chained(_parts(f), self.checkpoints)


def _parts(f: object) -> list[Function]:
    parts = list(f) if isinstance(f, Iterable) else []
    if not parts or not all(map(callable, parts)):
        raise ArgumentError(
            "reverse mode with checkpoints: f must be a sequence of functions, got "
            f"{type(f).__name__}; write it as lamina.diff.Chain([f1, f2, ...])"
        )
    return parts


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
        if not is_pointwise(graph(f, x)):
            raise ArgumentError("diagonal: f does not act on each element of x by itself")
        run = Forwards(f, x)
        diagonal = run.along(np.ones(x.shape, x.dtype))
        jacobian = np.diag(diagonal.ravel()).reshape(*x.shape, *x.shape)
        seconds = perf_counter() - start
        return Derivative(self.way, run.value, jacobian, 1, run.operations, seconds, run.memory)


def units(shape: Shape, dtype: DType) -> Array:
    """Return all unit tensors of a shape, stacked."""
    count = int(np.prod(shape))
    return np.eye(count, dtype=dtype).reshape(count, *shape)


def stacked(parts: list[Array], shape: Shape, dtype: DType, axis: int) -> Array:
    """Return the rows or columns of a Jacobian as a whole."""
    return np.stack(parts, axis=axis).reshape(shape) if parts else np.zeros(shape, dtype)
