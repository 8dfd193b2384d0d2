"""One step of training, as a function of weights, optimiser state, batch and key.

Nothing here looks at a value: the step only makes nodes and rebinds the handles of weights, buffers
and optimiser state to new ones, so it can be traced as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from lamina.nn import Module
from lamina.optim import Optimizer, clip_grad_norm_
from lamina.random import use_keys
from lamina.tensors import Tensor
from lamina.train.objective import Objective


class StepResult(NamedTuple):
    """What a step tells about its batch, with the weights before the update."""

    loss: Tensor
    outputs: Tensor


@dataclass(frozen=True)
class TrainingStep:
    """Forward, backward, clip, update.

    Randomness in the model depends on the step's key alone.
    """

    model: Module
    objective: Objective
    optimiser: Optimizer
    clip_norm: float | None = None

    def __call__(self, inputs: Tensor, targets: Tensor, key: Tensor) -> StepResult:
        result = self.forward(inputs, targets, key)
        self.optimiser.zero_grad()
        result.loss.backward()
        if self.clip_norm is not None:
            clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.optimiser.step()
        return result

    def forward(self, inputs: Tensor, targets: Tensor, key: Tensor) -> StepResult:
        """Loss and outputs of the batch, with their graph."""
        with use_keys(key):
            outputs = self.model(inputs)
            return StepResult(self.objective(self.model, outputs, targets), outputs)
