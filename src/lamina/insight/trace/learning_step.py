"""One update of gradient descent, parameter by parameter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lamina import optim
from lamina.core.errors import ArgumentError
from lamina.core.types import Array
from lamina.insight.derivation.step import DerivationError
from lamina.insight.derivation.text import Text
from lamina.insight.trace.capture import Capture
from lamina.tensors import tensor

TERMS = {
    "old": Text("old value", "旧值"),
    "data": Text("gradient of the data term", "数据项的梯度"),
    "penalty": Text("gradient of the Frobenius term", "Frobenius范数项的梯度"),
    "step": Text("step", "更新量"),
    "new": Text("new value", "新值"),
}


@dataclass(frozen=True, eq=False)
class ParameterUpdate:
    """θ ← θ - α (∂L/∂θ + λ θ), with every part.

    Attributes:
        name: the parameter's name in the model.
        old: θ before.
        data: ∂L/∂θ, the gradient of the data term.
        penalty: λ θ, the gradient of λ/2 ‖θ‖²_F; zeros where the parameter does not decay.
        step: -α (data + penalty).
        new: old + step.
    """

    name: str
    old: Array
    data: Array
    penalty: Array
    step: Array
    new: Array


@dataclass(frozen=True, eq=False)
class LearningStep:
    """What one step of gradient descent does to every parameter (nndl §4.4, eq. 4.70).

    The new values are those that `lamina.optim.SGD` gives, which is verified.
    """

    lr: float
    weight_decay: float
    updates: tuple[ParameterUpdate, ...]

    def __getitem__(self, name: str) -> ParameterUpdate:
        for update in self.updates:
            if update.name == name:
                return update
        known = ", ".join(update.name for update in self.updates)
        raise ArgumentError(f"learning_step: no parameter {name!r}; there are {known}")

    def to_text(self, language: str = "en", limit: int = 36) -> str:
        """Return the update as text; parameters of more than ``limit`` elements as norms."""
        from lamina.insight.derivation.numbers import shown_lines

        heading = Text("Learning step", "学习步").spoken(language)
        rate = Text("learning rate", "学习率").spoken(language)
        decay = Text("weight decay", "权重衰减").spoken(language)
        lines = [f"{heading}: θ ← θ − α (∂L/∂θ + λ θ), {rate} α = {self.lr:g}, "
                 f"{decay} λ = {self.weight_decay:g}"]  # fmt: skip
        for update in self.updates:
            lines += ["", f"{update.name} {list(update.old.shape)}"]
            for key, words in TERMS.items():
                lines.append(f"  {words.spoken(language)}:")
                lines += [f"    {line}" for line in shown_lines(getattr(update, key), limit)]
        return "\n".join(lines) + "\n"

    def __str__(self) -> str:
        return self.to_text()


def learning_step(
    capture: Capture, lr: float, weight_decay: float = 0.0, decay: str = "weights"
) -> LearningStep:
    """Return one update. The book's penalty is on weights; ``decay="all"`` takes biases too.

    Parameters that the loss does not depend on stay, as with `SGD`. Raises `DerivationError` if
    `SGD` gives other values, `ArgumentError` for an unknown ``decay``.
    """
    if decay not in ("weights", "all"):
        raise ArgumentError(f"learning_step: decay must be 'weights' or 'all', got {decay!r}")
    updates = []
    for name, node in capture.parameters.items():
        if id(node) in capture.cotangents and node.value is not None:
            rate = weight_decay if decay == "all" or len(node.shape) > 1 else 0.0
            updates.append(_updated(name, node.value, capture.gradient(node), lr, rate))
    return LearningStep(lr, weight_decay, tuple(updates))


def _updated(
    name: str, parameter: Array, gradient: Array, lr: float, weight_decay: float
) -> ParameterUpdate:
    old, data = (np.asarray(a, np.float64) for a in (parameter, gradient))
    penalty = weight_decay * old
    step = -lr * (data + penalty)
    _verify(name, parameter, gradient, old + step, lr, weight_decay)
    return ParameterUpdate(name, old, data, penalty, step, old + step)


def _verify(
    name: str, parameter: Array, gradient: Array, new: Array, lr: float, weight_decay: float
) -> None:
    """Raise unless `SGD` moves a copy of the parameter to the same place."""
    copy = tensor(parameter, requires_grad=True)
    copy.grad = tensor(gradient)
    optim.SGD([copy], lr=lr, weight_decay=weight_decay).step()
    precise = copy.dtype == np.float64
    tolerance = (1e-12 if precise else 1e-5) * float(np.abs(new).max(initial=1e-30))
    if not np.allclose(copy.value, new, rtol=0, atol=tolerance):
        raise DerivationError(f"learning_step: SGD moves {name!r} elsewhere than the formula")
