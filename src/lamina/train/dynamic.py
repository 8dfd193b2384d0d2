"""The training step by NumPy, operation by operation: the reference."""

from __future__ import annotations

from typing import Any

from lamina.core.node import Node
from lamina.tensors import Tensor
from lamina.train.diagnosis import finite
from lamina.train.step import StepResult, TrainingStep


class DynamicStep:
    """A `TrainingStep` that can be undone: values never change, so the nodes before are enough."""

    def __init__(self, step: TrainingStep) -> None:
        self.step = step
        self._loss: Tensor | None = None
        self._nodes: list[Node] = []
        self._state: dict[Tensor, Any] = {}

    def __call__(self, inputs: Tensor, targets: Tensor, key: Tensor) -> StepResult:
        """Run one step."""
        self._nodes = [handle.node for handle in self.step.handles()]
        self._state = dict(self.step.optimiser.state)
        result = self.step(inputs, targets, key)
        self._loss = result.loss
        return result

    def finite(self) -> bool:
        """Return whether the loss, gradients, updated weights and buffers are finite."""
        handles = self.step.handles()
        gradients = [h.grad for h in handles if h.grad is not None]
        loss = [] if self._loss is None else [self._loss]
        return all(finite(tensor.value) for tensor in (*loss, *handles, *gradients))

    def undo(self) -> bool:
        """Put weights, buffers and the optimiser's state back to before the last step."""
        self.step.optimiser.state = self._state
        for handle, node in zip(self.step.handles(), self._nodes, strict=True):
            handle.node = node
        return True
