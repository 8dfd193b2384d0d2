"""A step like the one before, all in native code: the look at what somebody may have touched too.

Python's own look (`lamina.train.held`, `lamina.train.hyperparameters`) takes longer than a small
network's step does. While it finds everything as before, native code is told what that is, and
looks itself from then on. It also gives the same results again and again, if nobody refers to
those of before: two in turn, as a loop that keeps the last result until it has the next needs two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lamina.compiler.objects import slot
from lamina.compiler.watching import Looks, Table
from lamina.nn import registry
from lamina.optim import Optimizer
from lamina.tensors import Tensor
from lamina.tensors.handle import known
from lamina.train.held import Held
from lamina.train.hyperparameters import Hyperparameters
from lamina.train.step import StepResult

if TYPE_CHECKING:
    from lamina.compiler.binding import Binding
    from lamina.compiler.builtin import Entry

WAIT, RETRY = 8, 256
"""After how many steps by Python native code is told, and after how many more told anew.

Telling it takes as long as it saves in some tens of steps, so it must not be done for a few; and
what is refused once may be refused in every step.
"""
GRADIENT = slot(Tensor, "_grad")


def _never(*_: Any) -> None:
    """Stand for native code that has not been told, or cannot be."""


class Ready:
    """What native code has been told of a step; of nothing at first.

    What it was told holds for the optimiser's ``state`` and ``groups`` of then: whoever calls looks
    at those. It must be made to forget before weights or state get new arrays.
    """

    def __init__(self, optimiser: Optimizer) -> None:
        self._optimiser = optimiser
        self.forget()

    def forget(self) -> None:
        """Let go of everything."""
        self._looks = 0
        self._table: Table | None = None
        self.state: Any = None
        #: Whether weights, state and modules are as before.
        self.look: Entry = _never
        self.forget_numbers()

    def forget_numbers(self) -> None:
        """Let go of hyperparameters, and of results."""
        self._repeats = 0
        self.groups: Any = None
        #: The step, if all is as before and one of two results is free: else None.
        self.first: Entry = _never
        self.second: Entry = _never

    def watch(self, held: Held, changes: int) -> None:
        """Take it that weights and state are untouched, and modules were changed so often."""
        self._looks += 1
        if self._looks % RETRY != WAIT:
            return
        from lamina.compiler import entries

        table = held.table()
        table.holds(registry.address(), changes)
        looks = Looks(table)
        look = entries.entry("look", looks, tables=looks.words)
        # Python looks once more, as another thread may have come between.
        if look is not None and table.fits and held.untouched():
            self._table, self.look, self.state = table, look, self._optimiser.state

    def repeat(self, binding: Binding, numbers: Hyperparameters, learned: list[Tensor]) -> None:
        """Take it that hyperparameters are unchanged too, and make results to be given again."""
        self._repeats += 1
        if self._table is None or self._repeats % RETRY != WAIT:
            return
        groups = numbers.table()
        for handle in learned:
            groups.slot(handle, GRADIENT, None)
        first, second = (_repeated(binding, [self._table, groups]) for _ in range(2))
        if first is not None and second is not None and numbers.unchanged():
            self.first, self.second = first, second
            self.groups = self._optimiser.param_groups


def _repeated(binding: Binding, tables: list[Table]) -> Entry | None:
    from lamina.compiler.repeating import repeated

    return repeated(binding, Tensor, [_result(binding)], _parts, tables)


def _result(binding: Binding) -> StepResult:
    (loss,) = binding.outputs()
    return StepResult(known(loss, binding.returned[0]), None)


def _parts(result: StepResult) -> list[object]:
    loss = result.loss
    return [result, loss, loss.node, loss.node.value]
