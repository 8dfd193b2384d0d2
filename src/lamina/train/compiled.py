"""The training step as one native program: forward, backward and update in one call.

Weights, buffers, the optimiser's state and its hyperparameters that change are inputs of the
program; its outputs are what the step returns and the new weights, buffers and state.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

import lamina.tensors as tensors
from lamina.core.node import Node, constant
from lamina.core.types import Array
from lamina.diff.levels import TAPE
from lamina.optim import Optimizer
from lamina.tensors import Tensor
from lamina.tensors.tree import leaves, map_tree
from lamina.train.step import StepResult, TrainingStep

if TYPE_CHECKING:
    from lamina.compiler.executable import Executable

RATE = "lr"
RESULTS = len(StepResult._fields)
"""How many of the program's outputs are the step's results; weights and state follow."""


class CompiledStep:
    """A `TrainingStep` that runs natively, compiled once for each type of batch.

    Until the optimiser has its state (in the first step), it runs dynamically.
    """

    def __init__(self, step: TrainingStep) -> None:
        self.step = step
        self._made: dict[Any, Executable] = {}
        self._changing = {RATE}
        self._seen: dict[tuple[int, str], Any] = {}

    def __call__(self, inputs: Tensor, targets: Tensor, key: Tensor) -> StepResult:
        """Run one step: the weights, buffers and optimiser state change as dynamically."""
        if not self._ready():
            return self.step(inputs, targets, key)
        self._notice_changes()
        signature = self._signature(inputs, targets)
        if signature not in self._made:
            self._made[signature] = self._compile(inputs, targets, key)
        given = [*self._values(), *self._rates(), *(t.numpy() for t in (inputs, targets, key))]
        found = self._made[signature](*given)
        self._put_back(found[RESULTS:])
        loss, outputs = (Tensor(constant(value)) for value in found[:RESULTS])
        return StepResult(loss, outputs)

    # State -----------------------------------------------------------------------------

    @property
    def _optimiser(self) -> Optimizer:
        return self.step.optimiser

    def _ready(self) -> bool:
        """Return whether every parameter that is learned has state (so that its shape is known)."""
        learned = [p for p in self.step.model.parameters() if p.requires_grad]
        return all(p in self._optimiser.state for p in learned)

    def _handles(self) -> list[Tensor]:
        return [*self.step.model.parameters(), *self.step.model.buffers()]

    def _slots(self) -> Iterator[tuple[dict[str, Any], str]]:
        """Yield every place of the optimiser's state that holds a tensor."""
        for slots in self._optimiser.state.values():
            for name, value in slots.items():
                if isinstance(value, Tensor):
                    yield slots, name

    def _values(self) -> list[Array]:
        held = [handle.numpy() for handle in self._handles()]
        return held + [slots[name].numpy() for slots, name in self._slots()]

    def _put_back(self, values: list[Array]) -> None:
        """Give every handle and every place of the state its new value."""
        new = iter(values)
        for handle in self._handles():
            handle.assign(Tensor(constant(next(new))))
            handle.grad = None
        for slots, name in self._slots():
            slots[name] = Tensor(constant(next(new)))

    # Hyperparameters -------------------------------------------------------------------

    def _numbers(self) -> Iterator[tuple[dict[str, Any], tuple[int, str], Any]]:
        """Yield every hyperparameter that is a number or a tuple of them (Adam's betas)."""
        for number, group in enumerate(self._optimiser.param_groups):
            for name, value in group.items():
                if name != "params" and all(isinstance(v, float) for v in leaves(value)):
                    yield group, (number, name), value

    def _notice_changes(self) -> None:
        """What changes between steps becomes an input of the program; the rest is compiled in."""
        for _, key, value in self._numbers():
            if self._seen.setdefault(key, value) != value:
                self._changing.add(key[1])

    def _rates(self) -> list[Array]:
        """Return the hyperparameters that are inputs, in float64."""
        given = [v for _, key, v in self._numbers() if key[1] in self._changing]
        return [np.asarray(number) for number in leaves(given)]

    def _signature(self, inputs: Tensor, targets: Tensor) -> Any:
        fixed = [
            (number, name, repr(value))
            for number, group in enumerate(self._optimiser.param_groups)
            for name, value in group.items()
            if name != "params" and name not in self._changing
        ]
        modes = tuple(m.training for m in self.step.model.modules())
        held = tuple((id(h), h.requires_grad, h.shape, str(h.dtype)) for h in self._handles())
        batch = tuple((t.shape, str(t.dtype)) for t in (inputs, targets))
        return batch, modes, held, tuple(fixed), tuple(sorted(self._changing))

    # Compiling -------------------------------------------------------------------------

    def _compile(self, inputs: Tensor, targets: Tensor, key: Tensor) -> Executable:
        from lamina.compiler.executable import Executable

        def traced(values: list[Tensor], rates: list[Tensor], *batch: Tensor) -> list[Tensor]:
            with self._borrowed(values, rates):
                result = self.step(*batch)
                held = [Tensor(handle.node) for handle in self._handles()]
                return [*result, *held, *(slots[name] for slots, name in self._slots())]

        program = tensors.trace(traced, self._values(), self._rates(), inputs, targets, key)
        return Executable(program)

    @contextmanager
    def _borrowed(self, values: list[Tensor], rates: list[Tensor]) -> Iterator[None]:
        """Put traced tensors in the place of weights, state and rates for the block's duration."""
        handles, optimiser = self._handles(), self._optimiser
        nodes = [(handle, handle.node) for handle in handles]
        state = {p: dict(slots) for p, slots in optimiser.state.items()}
        numbers = [(g, k[1], v) for g, k, v in self._numbers() if k[1] in self._changing]
        try:
            given = iter(values)
            for handle in handles:
                handle.node = _traced_leaf(next(given), handle)
            for slots, name in self._slots():
                slots[name] = next(given)
            remaining = iter(rates)
            for group, name, value in numbers:
                group[name] = map_tree(lambda _: next(remaining), value)
            yield
        finally:
            for handle, node in nodes:
                handle.node = node
                handle.grad = None
            optimiser.state = state
            for group, name, value in numbers:
                group[name] = value


def _traced_leaf(given: Tensor, handle: Tensor) -> Node:
    if handle.requires_grad:
        given.node.tracks = TAPE
        given.node.handle = ref(handle)
    return given.node
