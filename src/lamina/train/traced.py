"""A training step as a program: weights, state and hyperparameters in, what changes of them out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import ref

import lamina.tensors as tensors
from lamina.autodiff.levels import TAPE
from lamina.core.context import Check, compiling
from lamina.core.graph import topological
from lamina.core.node import Node
from lamina.core.program import Program
from lamina.core.types import Array, is_float
from lamina.tensors import Tensor
from lamina.train.held import slots
from lamina.train.hyperparameters import Hyperparameters
from lamina.train.step import TrainingStep


@dataclass(frozen=True)
class TracedStep:
    """A step's program.

    Inputs are the values (of parameters, buffers and state, in this order), the hyperparameters
    that change, inputs, targets and key. Outputs are the loss, the model's outputs if they are
    wanted, a sum that is finite if all new values are, and new values: `donated` says of which.
    """

    program: Program
    donated: dict[int, int]
    checks: BatchChecks


class BatchChecks:
    """What functions require of inputs and targets: labels in range, say.

    Native code takes it on trust, so it is checked before a step that is guarded.
    """

    def __init__(self, batch: Sequence[Node], checks: Sequence[Check]) -> None:
        self._batch = tuple(batch)
        self._direct = [(c.require, self._batch.index(c.node)) for c in checks if self._given(c)]
        self._computed = [
            (check.require, Program(self._batch, (check.node,)))
            for check in checks
            if not self._given(check) and self._depends_on_nothing_else(check.node)
        ]

    def __call__(self, batch: Sequence[Array]) -> None:
        """Raise what a function would raise for this batch."""
        for require, number in self._direct:
            require(batch[number])
        for require, program in self._computed:
            require(program.evaluate(*batch)[0])

    def fit(self, batch: Sequence[Array | None]) -> bool:
        """Return whether these are checks for arrays of such types."""
        return all(
            array is not None and array.shape == node.shape and array.dtype == node.dtype
            for node, array in zip(self._batch, batch, strict=True)
        )

    def _given(self, check: Check) -> bool:
        return check.node in self._batch

    def _depends_on_nothing_else(self, node: Node) -> bool:
        behind = topological([node])
        return all(n.operands or n.value is not None or n in self._batch for n in behind)


def traced_step(
    step: TrainingStep,
    numbers: Hyperparameters,
    batch: Sequence[Tensor],
    outputs: bool,
    guarded: bool,
) -> TracedStep:
    """Return the step's program for batches of these types, with the state that there is now."""

    def flat(values: list[Tensor], rates: list[Tensor], *batch: Tensor) -> list[Tensor]:
        with _borrowed(step, numbers, values, rates):
            result = step(*batch)
            held = [*(Tensor(h.node) for h in step.handles()), *_slots(step)]
            wanted = [result.loss]
            if outputs and result.outputs is not None:
                wanted.append(result.outputs)
            return [*wanted, *([_sum(result.loss, held)] if guarded else []), *held]

    values = [*step.handles(), *_slots(step)]
    with compiling() as checks:
        program = tensors.trace(flat, values, numbers.arrays, *batch)
    return _with_what_changes(
        program, len(values), BatchChecks(program.inputs[-len(batch) :], checks)
    )


def _with_what_changes(program: Program, held: int, checks: BatchChecks) -> TracedStep:
    """Leave out new values that are the old ones."""
    results = list(program.outputs[:-held])
    new = program.outputs[-held:]
    changed = [n for n in range(held) if new[n] is not program.inputs[n]]
    donated = {len(results) + k: n for k, n in enumerate(changed)}
    outputs = (*results, *(new[n] for n in changed))
    return TracedStep(Program(program.inputs, outputs, "step"), donated, checks)


def _sum(loss: Tensor, held: list[Tensor]) -> Tensor:
    """Return a number that is finite if all are; if it is not, one may still be too large a sum.

    Gradients need no look: where one is not finite, the weight after the update is not either.
    """
    total = loss.detach().to("float64")
    for tensor in held:
        if is_float(tensor.dtype):
            total = total + tensor.detach().sum().to("float64")
    return total


def _slots(step: TrainingStep) -> list[Tensor]:
    return [entries[name] for entries, name in slots(step.optimiser)]


@contextmanager
def _borrowed(
    step: TrainingStep, numbers: Hyperparameters, values: list[Tensor], rates: list[Tensor]
) -> Iterator[None]:
    """Put traced tensors in the place of weights, state and rates for the block's duration."""
    handles, optimiser = step.handles(), step.optimiser
    nodes = [(handle, handle.node, handle.grad) for handle in handles]
    state = optimiser.state
    replaced: list[tuple[dict[str, Any], str, Any]] = []
    try:
        given = iter(values)
        for handle in handles:
            handle.grad = None
            handle.node = _traced_leaf(next(given), handle)
        optimiser.state = {p: dict(entries) for p, entries in state.items()}
        for entries, name in slots(optimiser):
            entries[name] = next(given)
        replaced = numbers.replace(rates)
        yield
    finally:
        for handle, node, gradient in nodes:
            handle.node = node
            handle.grad = gradient
        optimiser.state = state
        for group, name, value in replaced:
            group[name] = value


def _traced_leaf(given: Tensor, handle: Tensor) -> Node:
    if handle.requires_grad:
        given.node.tracks = TAPE
        given.node.handle = ref(handle)
    return given.node
