"""Chains of functions, differentiated in segments: what is remembered, and what that costs."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.diff.automatic.checkpoint import checkpoint
from lamina.diff.automatic.recording import graph
from lamina.diff.interface import Function
from lamina.diff.operations import bytes_kept, size
from lamina.tensors import Tensor, ones_like, vjp


@dataclass(frozen=True, init=False)
class Chain:
    """The composition fₙ ∘ … ∘ f₁ of functions, which can be differentiated in segments.

    >>> import lamina
    >>> f = Chain([lamina.exp, lamina.sin])
    >>> f(lamina.tensor(0.0)).item() == lamina.sin(lamina.tensor(1.0)).item(), len(f)
    (True, 2)
    """

    functions: tuple[Function, ...]

    def __init__(self, functions: Sequence[Function]) -> None:
        object.__setattr__(self, "functions", tuple(functions))

    def __call__(self, x: Tensor) -> Tensor:
        """Return fₙ(…f₁(x))."""
        for function in self.functions:
            x = function(x)
        return x

    def __iter__(self) -> Iterator[Function]:
        return iter(self.functions)

    def __len__(self) -> int:
        return len(self.functions)

    def split(self, segments: int) -> list[Chain]:
        """Return the chain as chains of about equal numbers of functions.

        Errors: `ArgumentError` for fewer segments than 1.
        """
        if segments < 1:
            raise ArgumentError(f"chained: segments must be at least 1, got {segments}")
        count = min(segments, len(self))
        ends = np.linspace(0, len(self), count + 1).round().astype(int)
        return [Chain(self.functions[start:end]) for start, end in pairwise(ends)]


def chained(functions: Sequence[Function], segments: int = 1) -> Chain:
    """Return the composition fₙ ∘ … ∘ f₁, in about equal segments that are checkpointed.

    Errors: `ArgumentError` for fewer segments than 1.

    >>> import lamina
    >>> f = chained([lamina.sin] * 9, segments=3)
    >>> round(lamina.grad(f)(lamina.tensor(0.5)).item(), 6)
    0.411237
    """
    return Chain([checkpoint(part) for part in Chain(functions).split(segments)])


@dataclass(frozen=True)
class Memory:
    """Bytes that reverse mode remembers at most for a chain.

    ``plain`` without checkpoints, ``checkpointed`` with: what stands between segments, and all of
    the largest segment, while that is run again.
    """

    plain: int
    checkpointed: int


def memory(functions: Sequence[Function], x: Tensor, segments: int) -> Memory:
    """Return what reverse mode remembers of a chain with that many segments.

    >>> import lamina
    >>> found = memory([lamina.sin] * 100, lamina.zeros(1000), segments=10)
    >>> found.plain // found.checkpointed
    5
    """
    between = x.numpy().nbytes
    plain, largest = between, 0
    for part in Chain(functions).split(segments):
        program = graph(part, x)
        plain += bytes_kept(program)
        largest = max(largest, bytes_kept(program) - size(program.outputs[0]))
        x = part(x).detach()
        between += x.numpy().nbytes
    return Memory(plain, between + largest)


@dataclass(frozen=True)
class Checkpointing:
    """A chain differentiated in one pass of reverse mode, in so many segments.

    Attributes:
        segments: 0 is the chain without checkpoints.
        remembered: bytes by counting values (see `Memory`).
        measured: the most bytes that were allocated at once, as Python's allocator tells.
        seconds: wall time of value and gradient.
    """

    segments: int
    remembered: int
    measured: int
    seconds: float


@dataclass(frozen=True)
class CheckpointReport:
    """Memory against time, by the number of segments."""

    rows: tuple[Checkpointing, ...]

    def __str__(self) -> str:
        """Return a table."""
        head = f"{'segments':>8} {'remembered, KiB':>16} {'measured, KiB':>14} {'ms':>9}"
        lines = [
            f"{r.segments or 'none':>8} {r.remembered / 1024:>16,.1f} {r.measured / 1024:>14,.1f}"
            f" {r.seconds * 1e3:>9.2f}"
            for r in self.rows
        ]
        return "\n".join([head, *lines])


def checkpointing(
    functions: Sequence[Function], x: Tensor, segments: Sequence[int]
) -> CheckpointReport:
    """Differentiate the sum of a chain's results without checkpoints, and in so many segments.

    >>> import lamina
    >>> found = checkpointing([lamina.sin] * 64, lamina.zeros(2000), segments=(8,))
    >>> [row.segments for row in found.rows], found.rows[1].measured < found.rows[0].measured / 2
    ([0, 8], True)
    """
    return CheckpointReport(
        (
            _checkpointing(Chain(functions), x, 0, memory(functions, x, 1).plain),
            *(
                _checkpointing(chained(functions, n), x, n, memory(functions, x, n).checkpointed)
                for n in segments
            ),
        )
    )


def _checkpointing(chain: Chain, x: Tensor, segments: int, remembered: int) -> Checkpointing:
    start = perf_counter()
    _pulled(chain, x)
    seconds = perf_counter() - start
    return Checkpointing(segments, remembered, allocated(lambda: _pulled(chain, x)), seconds)


def _pulled(chain: Chain, x: Tensor) -> Tensor:
    result, pull = vjp(chain, x)
    found: Tensor = pull(ones_like(result))[0]
    return found


def allocated(run: Callable[[], object]) -> int:
    """Return the most bytes that were allocated at once while something ran."""
    traced = tracemalloc.is_tracing()
    if not traced:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        run()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not traced:
            tracemalloc.stop()
