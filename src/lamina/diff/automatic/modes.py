"""Forward mode for few inputs, reverse mode for few outputs: shown by counting and by the clock."""

from __future__ import annotations

from dataclasses import dataclass

from lamina.diff.automatic.engines import Forward, Reverse
from lamina.diff.interface import Derivative, Function
from lamina.tensors import Tensor


@dataclass(frozen=True)
class ForwardAgainstReverse:
    """A whole Jacobian in both modes. Print it for a table."""

    inputs: int
    outputs: int
    forward: Derivative
    reverse: Derivative

    @property
    def cheaper(self) -> Derivative:
        """The one with fewer operations."""
        return min(self.reverse, self.forward, key=lambda d: d.operations or 0)

    def __str__(self) -> str:
        """Return a table of both, and which is cheaper by how much."""
        head = f"{'':<14}{'passes':>8}{'operations':>16}{'ms':>10}{'memory, KiB':>13}"
        rows = [_row(found) for found in (self.forward, self.reverse)]
        fewer, more = sorted(d.operations or 0 for d in (self.forward, self.reverse))
        sizes = f"{self.inputs} inputs, {self.outputs} outputs"
        verdict = f"{sizes}: {self.cheaper.way} takes {fewer / max(more, 1):.2g} of the operations"
        return "\n".join([head, *rows, verdict])


def _row(found: Derivative) -> str:
    memory = (found.memory or 0) / 1024
    return (
        f"{found.way:<14}{found.evaluations:>8,}{found.operations or 0:>16,}"
        f"{found.seconds * 1e3:>10.2f}{memory:>13,.1f}"
    )


def forward_against_reverse(f: Function, x: Tensor) -> ForwardAgainstReverse:
    """Return the Jacobian of f at x in both modes, with what each took.

    Source: nndl, section 4.5.3; Griewank and Walther, *Evaluating Derivatives*, section 3.

    >>> import lamina
    >>> found = forward_against_reverse(lambda x: (x * x).sum(), lamina.zeros(100))
    >>> found.forward.evaluations, found.reverse.evaluations, found.cheaper.way
    (100, 1, 'reverse mode')
    """
    forward, reverse = (engine.jacobian(f, x) for engine in (Forward(), Reverse()))
    return ForwardAgainstReverse(x.numel(), forward.value.size, forward, reverse)
