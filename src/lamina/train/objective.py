"""What a step minimises: a loss of outputs and targets, and penalties on the parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeAlias

from lamina import functions as F
from lamina.core.errors import ArgumentError, ShapeError
from lamina.nn import Module
from lamina.tensors import Tensor

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
Penalty: TypeAlias = Callable[[Module], Tensor]


def _shaped(loss: Loss) -> Loss:
    """`loss` with targets in the outputs' shape and dtype.

    Targets ``[N]`` beside outputs ``[N, 1]`` would otherwise broadcast to ``[N, N]``.
    """

    def shaped(outputs: Tensor, targets: Tensor) -> Tensor:
        if targets.numel() != outputs.numel() or targets.shape[:1] != outputs.shape[:1]:
            raise ShapeError(
                f"loss: expected one target for each output, got outputs {outputs.shape} and "
                f"targets {targets.shape}; give the model as many outputs as there are targets, "
                "or, if they are class labels, use cross_entropy"
            )
        return loss(outputs, targets.reshape(outputs.shape).to(outputs.dtype))

    return shaped


CLASSIFICATION: dict[str, Loss] = {"cross_entropy": F.cross_entropy, "nll": F.nll_loss}
ELEMENTWISE: dict[str, Loss] = {
    "bce": _shaped(F.binary_cross_entropy),
    "bce_with_logits": _shaped(F.binary_cross_entropy_with_logits),
    "huber": _shaped(F.huber_loss),
    "l1": _shaped(F.l1_loss),
    "mse": _shaped(F.mse_loss),
    "smooth_l1": _shaped(F.smooth_l1_loss),
}
LOSSES = {**CLASSIFICATION, **ELEMENTWISE}


def resolve(loss: str | Loss) -> Loss:
    """The loss that a name stands for; a callable (or a loss layer) as it is.

    Raises `ArgumentError` for an unknown name.
    """
    if not isinstance(loss, str):
        return loss
    if loss not in LOSSES:
        near = get_close_matches(loss, LOSSES, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ArgumentError(f"loss: no loss {loss!r}; {hint}there are {', '.join(LOSSES)}")
    return LOSSES[loss]


@dataclass(frozen=True)
class Objective:
    """The structural risk: the mean loss over a batch plus the penalty."""

    loss: Loss
    penalty: Penalty | None = None

    def __call__(self, model: Module, outputs: Any, targets: Tensor) -> Tensor:
        risk = self.loss(outputs, targets)
        if risk.numel() != 1:
            raise ShapeError(
                f"loss: expected a scalar, got shape {risk.shape}; use reduction='mean'"
            )
        return risk if self.penalty is None else risk + self.penalty(model)
