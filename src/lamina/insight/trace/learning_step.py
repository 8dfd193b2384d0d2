"""One update of gradient descent, parameter by parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lamina import optim
from lamina.core.errors import ArgumentError
from lamina.core.types import Array
from lamina.insight.derivation.mathematics import Fenced, Math, Symbol, Word, derivative, row
from lamina.insight.derivation.step import Quantity, Section, Step
from lamina.insight.derivation.text import Text
from lamina.insight.trace.capture import Capture
from lamina.tensors import tensor

TERMS = {
    "old": Text("old value", "旧值"),
    "data": Text("gradient of the data term", "数据项的梯度"),
    "penalty": Text("gradient of the Frobenius term", "Frobenius范数项的梯度"),
    "step": Text("step", "更新量"),
}


@dataclass(frozen=True, eq=False)
class ParameterUpdate:
    """θ ← θ - α (∂L/∂θ + λ θ), with every part.

    Attributes:
        name: the parameter's name in the model.
        symbol: its symbol, such as W⁽ˡ⁾.
        old: θ before.
        data: ∂L/∂θ, the gradient of the data term.
        penalty: λ θ, the gradient of λ/2 ‖θ‖²_F; zeros where the parameter does not decay.
        step: -α (data + penalty).
        new: old + step.
    """

    name: str
    symbol: Math
    old: Array
    data: Array
    penalty: Array
    step: Array
    new: Array

    def verified(self, reference: Array, tolerance: float) -> Step:
        """Return the update as a step; raises `DerivationError` if ``reference`` differs."""
        gradient, rate = derivative(self.symbol), Symbol("α")
        inner: Math = gradient
        if self.penalty.any():
            inner = Fenced(row(gradient, "+", Symbol("λ"), self.symbol))
        given = [Quantity(self.symbol, self.old, TERMS["old"]),
                 Quantity(gradient, self.data, TERMS["data"])]  # fmt: skip
        if self.penalty.any():
            penalty = row(Symbol("λ"), self.symbol)
            given.append(Quantity(penalty, self.penalty, TERMS["penalty"]))
        given.append(Quantity(row("−", rate, inner), self.step, TERMS["step"]))
        result = Quantity(
            self.symbol, self.new, Text(f"{self.name}: new value", f"{self.name}：新值")
        )
        right = row(self.symbol, "−", rate, inner)
        return Step(result.words, (right,), result, reference, self.symbol, tuple(given), tolerance,
                    sign="←")  # fmt: skip


@dataclass(frozen=True, eq=False)
class LearningStep:
    """What one step of gradient descent does to every parameter (nndl §4.4, eq. 4.70).

    The new values are those that `lamina.optim.SGD` gives, which is verified: ``steps`` are the
    equations.
    """

    lr: float
    weight_decay: float
    updates: tuple[ParameterUpdate, ...]
    steps: tuple[Step, ...]

    def __getitem__(self, name: str) -> ParameterUpdate:
        for update in self.updates:
            if update.name == name:
                return update
        known = ", ".join(update.name for update in self.updates)
        raise ArgumentError(f"learning_step: no parameter {name!r}; there are {known}")

    @property
    def section(self) -> Section:
        """The step as a section of a derivation."""
        title = Text(
            f"Learning step: learning rate α = {self.lr:g}, weight decay λ = {self.weight_decay:g}",
            f"学习步：学习率 α = {self.lr:g}，权重衰减 λ = {self.weight_decay:g}",
        )
        return Section(title, self.steps, "learning-step")

    def to_text(self, language: str = "en", limit: int = 36) -> str:
        """Return the update as text; of parameters of more than ``limit`` elements a corner."""
        from lamina.insight.derivation.as_text import section_text

        return "\n".join(section_text(self.section, language, limit)) + "\n"

    def __str__(self) -> str:
        return self.to_text()


def learning_step(
    capture: Capture, symbols: Mapping[int, Math], lr: float, weight_decay: float, decay: str
) -> LearningStep:
    """Return one update. The book's penalty is on weights; ``decay="all"`` takes biases too.

    ``symbols`` are those of parameters by ``id`` of node. Parameters that the loss does not depend
    on stay, as with `SGD`. Raises `DerivationError` if `SGD` gives other values, `ArgumentError`
    for an unknown ``decay``.
    """
    if decay not in ("weights", "all"):
        raise ArgumentError(f"learning_step: decay must be 'weights' or 'all', got {decay!r}")
    updates, steps = [], []
    for name, node in capture.parameters.items():
        if id(node) not in capture.cotangents or node.value is None:
            continue
        rate = weight_decay if decay == "all" or len(node.shape) > 1 else 0.0
        gradient = capture.gradient(node)
        update = _updated(name, symbols.get(id(node), Word(name)), node.value, gradient, lr, rate)
        updates.append(update)
        precise = node.dtype == np.float64
        reference = _by_sgd(node.value, gradient, lr, rate)
        steps.append(update.verified(reference, 1e-12 if precise else 1e-5))
    return LearningStep(lr, weight_decay, tuple(updates), tuple(steps))


def _updated(
    name: str, symbol: Math, value: Array, gradient: Array, lr: float, weight_decay: float
) -> ParameterUpdate:
    old, data = (np.asarray(a, np.float64) for a in (value, gradient))
    penalty = weight_decay * old
    step = -lr * (data + penalty)
    return ParameterUpdate(name, symbol, old, data, penalty, step, old + step)


def _by_sgd(value: Array, gradient: Array, lr: float, weight_decay: float) -> Array:
    """Return where `SGD` moves a copy of a parameter."""
    copy = tensor(value, requires_grad=True)
    copy.grad = tensor(gradient)
    optim.SGD([copy], lr=lr, weight_decay=weight_decay).step()
    return copy.value
