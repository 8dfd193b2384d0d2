"""Losses, with what was minimised read from the loss as it was given."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from lamina.core.types import Array
from lamina.insight.derivation.mathematics import (
    Fenced,
    Fraction,
    Math,
    Power,
    Symbol,
    Total,
    Word,
    applied,
    factor,
    row,
)
from lamina.insight.derivation.step import Quantity
from lamina.insight.derivation.text import Text
from lamina.insight.trace.capture import Capture
from lamina.insight.trace.rules.activation import _logistic, softmax
from lamina.insight.trace.rules.base import Claim, Rule, View, data
from lamina.nn import Module
from lamina.nn.layers.function_layer import FunctionLayer

Y, P = Symbol("y", True), Symbol("ŷ", True)
ALIASES = {
    "bce": "binary_cross_entropy",
    "bce_with_logits": "binary_cross_entropy_with_logits",
    "mse": "mse_loss",
}
DEFAULTS: dict[str, Any] = {"weight": None, "pos_weight": None, "label_smoothing": 0.0}


@dataclass(frozen=True, eq=False)
class LossRule(Rule):
    """What losses of outputs and targets share.

    ``targets`` are y in the shape of the outputs, ``divisor`` is by what the sum of the samples'
    losses is divided.
    """

    targets: Array = field(default_factory=lambda: np.zeros(0))
    divisor: float = 1.0

    def mean(self, right: Math) -> Math:
        """Write the division by the number of terms."""
        return right if self.divisor == 1 else row(self._share(), factor(right))

    def _share(self) -> Math:
        return Fraction(Word("1"), Word(f"{self.divisor:g}"))

    def given(self, view: View) -> tuple[Quantity, ...]:
        """Return the outputs and the targets, to be shown."""
        return (
            data(view.inputs[0], view.x(), "output", "输出"),
            data(Y, self.targets, "target", "标签"),
        )


class SquaredError(LossRule):
    """L = Σ (a - y)²; ∂L/∂a = 2 (a - y)."""

    words = Text("squared error", "平方误差")

    def forward(self, view: View) -> Claim:
        right = self.mean(Power(_norm(row(view.inputs[0], "−", Y)), Word("2")))
        value = ((view.x() - self.targets) ** 2).sum() / self.divisor
        return Claim(right, np.asarray(value).reshape(view.y.shape), self.given(view))

    def pull(self, view: View, index: int) -> Claim:
        two, difference = Word("2"), factor(row(view.inputs[0], "−", Y))
        share = two if self.divisor == 1 else Fraction(two, Word(f"{self.divisor:g}"))
        right = row(share, difference)
        return Claim(right, 2 * (view.x() - self.targets) / self.divisor, self.given(view))


class SoftmaxCrossEntropy(LossRule):
    """L = -yᵀ log ŷ with ŷ = softmax(z); ∂L/∂z = ŷ - y (nndl §3.3, §4.4)."""

    words = Text("softmax with cross-entropy", "Softmax与交叉熵损失")

    def forward(self, view: View) -> Claim:
        z, axis = view.x(), _classes(view.x())
        logs = z - z.max(axis, keepdims=True)
        logs = logs - np.log(np.exp(logs).sum(axis, keepdims=True))
        value = -(self.targets * logs).sum() / self.divisor
        right = self.mean(row("−", Total(_over(view), row(Y, applied("log", P)))))
        return Claim(right, np.asarray(value).reshape(view.y.shape), self._seen(view))

    def pull(self, view: View, index: int) -> Claim:
        value = (softmax(view.x(), _classes(view.x())) - self.targets) / self.divisor
        return Claim(self.mean(row(P, "−", Y)), value, self._seen(view), 1.0 / self.divisor)

    def _seen(self, view: View) -> tuple[Quantity, ...]:
        predicted = softmax(view.x(), _classes(view.x()))
        words = ("predicted probabilities ŷ = softmax(z)", "预测概率 ŷ = softmax(z)")
        return data(P, predicted, *words), data(Y, self.targets, "target", "标签")


class NegativeLogLikelihood(LossRule):
    """L = -yᵀ a for log-probabilities a; ∂L/∂a = -y."""

    words = Text("negative log-likelihood", "负对数似然")

    def forward(self, view: View) -> Claim:
        value = -(self.targets * view.x()).sum() / self.divisor
        right = self.mean(row("−", Total(_over(view), row(Y, view.inputs[0]))))
        return Claim(right, np.asarray(value).reshape(view.y.shape), self.given(view))

    def pull(self, view: View, index: int) -> Claim:
        return Claim(self.mean(row("−", Y)), -self.targets / self.divisor, self.given(view))


class BinaryCrossEntropy(LossRule):
    """L = -Σ y log p + (1 - y) log(1 - p); ∂L/∂p = (1 - y)/(1 - p) - y/p (nndl §3.2).

    The logarithms are at least -100, with the slope 10¹² where they would be less.
    """

    words = Text("binary cross-entropy", "二元交叉熵损失")

    def forward(self, view: View) -> Claim:
        p, y = view.x(), self.targets
        with np.errstate(divide="ignore"):
            yes, no = np.maximum(np.log(p), -100), np.maximum(np.log1p(-p), -100)
        value = -(y * yes + (1 - y) * no).sum() / self.divisor
        right = self.mean(row("−", Total("n", _likelihood(view.inputs[0]))))
        return Claim(right, np.asarray(value).reshape(view.y.shape), self.given(view))

    def pull(self, view: View, index: int) -> Claim:
        p, y, a, one = view.x(), self.targets, view.inputs[0], Word("1")
        no = Fraction(row(one, "−", Y), row(one, "−", a))
        value = ((1 - y) * _steepness(1 - p) - y * _steepness(p)) / self.divisor
        return Claim(self.mean(row(no, "−", Fraction(Y, a))), value, self.given(view))


class LogisticCrossEntropy(LossRule):
    """Binary cross-entropy of ŷ = σ(z); ∂L/∂z = ŷ - y (nndl §3.2)."""

    words = Text("logistic function with binary cross-entropy", "Logistic函数与二元交叉熵损失")

    def forward(self, view: View) -> Claim:
        z, y = view.x(), self.targets
        value = (y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z)).sum() / self.divisor
        right = self.mean(row("−", Total("n", _likelihood(P))))
        return Claim(right, np.asarray(value).reshape(view.y.shape), self._seen(view))

    def pull(self, view: View, index: int) -> Claim:
        value = (_logistic(view.x()) - self.targets) / self.divisor
        return Claim(self.mean(row(P, "−", Y)), value, self._seen(view), 1.0 / self.divisor)

    def _seen(self, view: View) -> tuple[Quantity, ...]:
        words = ("predicted probability ŷ = σ(z)", "预测概率 ŷ = σ(z)")
        return data(P, _logistic(view.x()), *words), data(Y, self.targets, "target", "标签")


KINDS: dict[str, type[LossRule]] = {
    "mse_loss": SquaredError,
    "cross_entropy": SoftmaxCrossEntropy,
    "nll_loss": NegativeLogLikelihood,
    "binary_cross_entropy": BinaryCrossEntropy,
    "binary_cross_entropy_with_logits": LogisticCrossEntropy,
}
OF_CLASSES = (SoftmaxCrossEntropy, NegativeLogLikelihood)


def loss_rule(capture: Capture) -> Rule:
    """Return the rule of the loss that was minimised; the general one for any that is not known."""
    name, settings = _described(capture.loss_function)
    kind = KINDS.get(name)
    plain = all(settings.get(key, usual) == usual for key, usual in DEFAULTS.items())
    reduction = settings.get("reduction", "mean")
    outputs: Any = capture.outputs
    if kind is None or not plain or reduction not in ("mean", "sum"):
        return Rule()
    targets = capture.targets.numpy()
    if issubclass(kind, OF_CLASSES):
        return _of_classes(kind, outputs.shape, targets, reduction, settings)
    if targets.size != outputs.numel():
        return Rule()
    divisor = float(targets.size) if reduction == "mean" else 1.0
    return kind(targets.reshape(outputs.shape).astype(np.float64), divisor)


def _of_classes(
    kind: type[LossRule], shape: tuple[int, ...], targets: Array, reduction: str, settings: Any
) -> Rule:
    axis = 0 if len(shape) == 1 else 1
    positions = float(np.prod(shape) / shape[axis])
    divisor = positions if reduction == "mean" else 1.0
    if targets.dtype.kind == "f":
        return kind(targets.astype(np.float64), divisor)
    if (targets == settings.get("ignore_index", -100)).any():
        return Rule()
    hot = np.eye(shape[axis])[targets]
    return kind(np.moveaxis(hot, -1, axis), divisor)


def _described(loss: Any) -> tuple[str, dict[str, Any]]:
    """Return the name of a loss and its settings."""
    if isinstance(loss, str):
        return ALIASES.get(loss, "nll_loss" if loss == "nll" else loss), {}
    if isinstance(loss, partial):
        name, settings = _described(loss.func)
        return name, {**settings, **loss.keywords}
    if isinstance(loss, FunctionLayer):
        named = {key: getattr(loss, key) for key in type(loss)._settings}
        return type(loss)._function.__name__, named
    return "" if isinstance(loss, Module) else getattr(loss, "__name__", ""), {}


def _over(view: View) -> str:
    """Return the indices of classes and, if there are several, of samples."""
    return "c" if view.samples == 1 or view.x().ndim == 1 else "n,c"


def _classes(z: Array) -> int:
    return 0 if z.ndim == 1 else 1


def _norm(body: Math) -> Math:
    return Fenced(body, "‖‖")


def _steepness(p: Array) -> Array:
    """Return the slope of the bounded logarithm."""
    with np.errstate(divide="ignore"):
        return np.where(np.log(p) > -100, 1 / p, 1e12)


def _likelihood(p: Math) -> Math:
    """Return y log p + (1 - y) log(1 - p)."""
    one = Word("1")
    no = row(factor(row(one, "−", Y)), applied("log", row(one, "−", p)))
    return factor(row(Y, applied("log", p), "+", no))
