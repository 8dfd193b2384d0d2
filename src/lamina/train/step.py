"""One step of training, as a function of weights, optimiser state, batch and key.

Nothing here looks at a value: the step only makes nodes and rebinds the handles of weights, buffers
and optimiser state to new ones, so it can be traced as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from lamina.nn import Module
from lamina.optim import Optimizer, clip_grad_norm_
from lamina.random import use_keys
from lamina.tensors import Tensor
from lamina.train.objective import Objective


class StepResult(NamedTuple):
    """What a step tells about its batch, with the weights before the update.

    There are no outputs if a compiled step was not asked for them.
    """

    loss: Tensor
    outputs: Tensor | None


class Runner(Protocol):
    """A way to run steps, one of the engines."""

    def __call__(self, inputs: Tensor, targets: Tensor, key: Tensor) -> StepResult:
        """Run one step."""

    def finite(self) -> bool:
        """Whether the last step's loss, updated weights and buffers are finite."""

    def undo(self) -> bool:
        """Put weights, buffers and the optimiser's state back to before the last step.

        False if that is impossible, because the data were changed in place; they are then those of
        some step before.
        """


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

    def handles(self) -> list[Tensor]:
        """Parameters and buffers of the model and the loss, and whatever else is optimised."""
        loss = self.objective.loss
        parts = [self.model, *([loss] if isinstance(loss, Module) else [])]
        found = [t for m in parts for t in (*m.parameters(), *m.buffers())]
        found += [p for group in self.optimiser.param_groups for p in group["params"]]
        return list({id(tensor): tensor for tensor in found}.values())

    def forward(self, inputs: Tensor, targets: Tensor, key: Tensor) -> StepResult:
        """Loss and outputs of the batch, with their graph."""
        with use_keys(key):
            outputs = self.model(inputs)
            return StepResult(self.objective(self.model, outputs, targets), outputs)
