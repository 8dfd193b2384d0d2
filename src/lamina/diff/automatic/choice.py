"""Which mode to use when: by what each would cost on the function at hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lamina.core.program import Program
from lamina.diff.automatic.colouring import Colouring, Mode, Sparse
from lamina.diff.automatic.cost import Cost
from lamina.diff.automatic.engines import Forward, Pointwise, Reverse
from lamina.diff.automatic.recording import graph
from lamina.diff.automatic.sparsity import is_pointwise, pattern, pattern_size
from lamina.diff.interface import Derivative, Engine, Function
from lamina.tensors import Tensor

LARGEST_PATTERN = 2**25
"""Booleans of a pattern that are worth looking for zeros."""

MODES: tuple[Mode, Mode] = ("forward", "reverse")


@dataclass(frozen=True)
class Choice:
    """The mode to use for a function, and why.

    ``forward`` and ``reverse`` are the operations that a whole Jacobian takes in each mode, with a
    pass for each input or output; ``operations`` and ``passes`` what it takes as it was chosen.
    """

    engine: Engine
    inputs: int
    outputs: int
    forward: int
    reverse: int
    operations: int
    passes: int

    @property
    def reason(self) -> str:
        """A sentence for people."""
        if isinstance(self.engine, Pointwise):
            return (
                "f acts on each element by itself: its Jacobian is diagonal, and one pass gives it"
            )
        sizes = f"{self.inputs} inputs and {self.outputs} outputs"
        if isinstance(self.engine, Sparse):
            return (
                f"{sizes}, of which few depend on one another: {self.passes} passes of "
                f"{self.engine.way} take {self.operations:,} operations, all columns "
                f"{self.forward:,} and all rows {self.reverse:,}"
            )
        fewer, more = sorted((self.forward, self.reverse))
        return f"{sizes}: {self.engine.way} takes {fewer:,} operations, the other {more:,}"


def choose(f: Function, x: Tensor) -> Choice:
    """Return the cheapest mode for the Jacobian of f at x, by its operations.

    >>> import lamina
    >>> choose(lambda x: (x * x).sum(), lamina.zeros(100)).engine.way
    'reverse mode'
    >>> choose(lambda t: lamina.sin(t * lamina.arange(100)), lamina.tensor(1.0)).engine.way
    'forward mode'
    >>> choose(lamina.tanh, lamina.zeros(100)).engine.way
    'diagonal'
    >>> choose(lambda x: x[1:] * x[:-1], lamina.zeros(100)).passes
    2
    """
    program, cost = graph(f, x), Cost.of(f, x)
    inputs, outputs = x.numel(), program.outputs[0].type.size
    forward, reverse = inputs * cost.forward, cost.backward(outputs)
    ways: list[tuple[int, int, Engine]] = [
        (reverse, outputs, Reverse()),
        (forward, inputs, Forward()),
    ]
    if min(inputs, outputs) > 1:
        ways += (
            [(cost.forward, 1, Pointwise())] if is_pointwise(program) else _sparse(program, cost)
        )
    operations, passes, engine = min(ways, key=lambda way: way[:2])
    return Choice(engine, inputs, outputs, forward, reverse, operations, passes)


def _sparse(program: Program, cost: Cost) -> Iterator[tuple[int, int, Engine]]:
    """Yield sparse engines with their operations and passes, where zeros are worth looking for.

    To look costs about as much as running f for every input, which is too much beside few outputs.
    """
    inputs, outputs = program.inputs[0].type.size, program.outputs[0].type.size
    if inputs > 4 * outputs or pattern_size(program) > LARGEST_PATTERN:
        return
    found = pattern(program)
    fewest = found.sum(1).max(), found.sum(0).max()  # the passes there are at least
    if fewest[0] >= inputs and fewest[1] >= outputs:
        return
    for mode in MODES:
        colouring = Colouring.of(found, mode)
        count = colouring.count
        total = count * cost.forward if mode == "forward" else cost.backward(count)
        yield total, count, Sparse(mode, colouring)


@dataclass(frozen=True)
class Chosen(Derivative):
    """A derivative by the mode that was chosen, and why it was."""

    reason: str = ""


@dataclass(frozen=True)
class Auto:
    """The mode that `choose` finds the cheapest.

    >>> import lamina
    >>> Auto().jacobian(lambda x: (x * x).sum(), lamina.tensor([1.0, 2.0])).way
    'reverse mode'
    """

    @property
    def way(self) -> str:
        """``"automatic"``."""
        return "automatic"

    def jacobian(self, f: Function, x: Tensor) -> Chosen:
        """Return the Jacobian of f at x."""
        choice = choose(f, x)
        return Chosen(**vars(choice.engine.jacobian(f, x)), reason=choice.reason)


def jacobian(f: Function, x: Tensor) -> Chosen:
    """Return the Jacobian of f at x in the cheapest way, with the reason for it.

    >>> import lamina
    >>> found = jacobian(lambda x: (x * x).sum(), lamina.tensor([1.0, 2.0, 3.0]))
    >>> found.jacobian.tolist()
    [2.0, 4.0, 6.0]
    >>> found.reason
    '3 inputs and 1 outputs: reverse mode takes 15 operations, the other 54'
    """
    return Auto().jacobian(f, x)
