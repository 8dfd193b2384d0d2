"""Which mode to use when: by what each would cost on the function at hand."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from lamina.diff.automatic.cost import Cost
from lamina.diff.automatic.engines import Forward, Pointwise, Reverse
from lamina.diff.automatic.recording import graph
from lamina.diff.automatic.sparsity import is_pointwise
from lamina.diff.interface import Derivative, Engine, Function
from lamina.tensors import Tensor


@dataclass(frozen=True)
class Choice:
    """The mode to use for a function, and why.

    ``forward`` and ``reverse`` are the operations that a whole Jacobian takes in each mode.
    """

    engine: Engine
    inputs: int
    outputs: int
    forward: int
    reverse: int

    @property
    def reason(self) -> str:
        """A sentence for people."""
        if isinstance(self.engine, Pointwise):
            return (
                "f acts on each element by itself: its Jacobian is diagonal, and one pass gives it"
            )
        fewer, more = sorted((self.forward, self.reverse))
        return (
            f"{self.inputs} inputs and {self.outputs} outputs: {self.engine.way} takes {fewer:,} "
            f"operations, the other {more:,}"
        )


def choose(f: Function, x: Tensor) -> Choice:
    """Return the cheapest mode for the Jacobian of f at x.

    >>> import lamina
    >>> choose(lambda x: (x * x).sum(), lamina.zeros(100)).engine.way
    'reverse mode'
    >>> choose(lambda t: lamina.sin(t * lamina.arange(100)), lamina.tensor(1.0)).engine.way
    'forward mode'
    >>> choose(lamina.tanh, lamina.zeros(100)).engine.way
    'diagonal'
    """
    program, cost = graph(f, x), Cost.of(f, x)
    inputs, outputs = prod(x.shape), prod(program.outputs[0].shape)
    forward = inputs * cost.forward
    reverse = cost.backward(outputs)
    engine: Engine = Forward() if forward < reverse else Reverse()
    if is_pointwise(program) and min(inputs, outputs) > 1:
        engine = Pointwise()
    return Choice(engine, inputs, outputs, forward, reverse)


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

    def jacobian(self, f: Function, x: Tensor) -> Derivative:
        """Return the Jacobian of f at x."""
        return choose(f, x).engine.jacobian(f, x)
