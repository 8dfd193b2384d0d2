"""Batch normalisation."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from lamina.core.types import Array
from lamina.insight.derivation.mathematics import (
    Fraction,
    Math,
    Power,
    Total,
    Word,
    applied,
    factor,
    row,
    with_layer,
)
from lamina.insight.derivation.step import Quantity
from lamina.insight.derivation.text import Text
from lamina.insight.trace.rules.base import Claim, Rule, View, columns, data


class BatchNormalisation(Rule):
    """z = γ ⊙ x̂ + β with x̂ = (x - μ) / √(σ² + ε), channel by channel (nndl §7.5.1).

    μ and σ² are the batch's in training, so that δ reaches x through them too:
    ∂L/∂x = γ/√(σ² + ε) ⊙ (δ - mean δ - x̂ ⊙ mean(δ ⊙ x̂)); otherwise they are constants.
    """

    words = Text("batch normalisation", "批量规范化层")
    letters: ClassVar[dict[str, str]] = {"weight": "γ", "bias": "β"}

    def forward(self, view: View) -> Claim:
        z = self._gain(view) * self._standard(view) + self._shift(view)
        right = row(view.mapped("γ"), "⊙", _hat(view), "+", view.mapped("β"))
        return Claim(right, z, (self._shown(view),))

    def pull(self, view: View, index: int) -> Claim:
        gain = self._gain(view) / self._deviation(view)
        fraction = Fraction(view.mapped("γ"), self._root(view))
        shown = (data(view.delta, view.g, "error term", "误差项"), self._shown(view))
        scale = float(np.abs(gain).max() * np.abs(view.g).max(initial=0.0))
        if not self._by_batch(view):
            return Claim(row(fraction, "⊙", view.delta), gain * view.g, shown, scale)
        hat, axes = self._standard(view), _axes(view)
        inner = view.g - view.g.mean(axes, keepdims=True)
        inner = inner - hat * (view.g * hat).mean(axes, keepdims=True)
        products = applied("mean", row(view.delta, "⊙", _hat(view)))
        centred = row(view.delta, "−", applied("mean", view.delta), "−", _hat(view), "⊙", products)
        return Claim(row(fraction, "⊙", factor(centred)), gain * inner, shown, scale)

    def gradient(self, view: View, name: str) -> Claim:
        terms = view.g * (self._standard(view) if name == "weight" else 1.0)
        each: Math = row(view.delta, "⊙", _hat(view)) if name == "weight" else view.delta
        delta = data(view.delta, view.g, "error term", "误差项")
        given = (delta, self._shown(view)) if name == "weight" else (delta,)
        scale = float(np.abs(terms).max(initial=0.0))
        return Claim(Total("n,i,j" if terms.ndim == 4 else "n", each), terms.sum(_axes(view)),
                     given, scale)  # fmt: skip

    def extras(self, view: View) -> dict[str, Quantity]:
        mean, variance = self._statistics(view)
        return {
            "x_hat": self._shown(view),
            "mean": Quantity(view.mapped("μ"), mean.reshape(-1, 1), Text("mean", "均值")),
            "variance": Quantity(Power(view.mapped("σ"), Word("2")), variance.reshape(-1, 1),
                                 Text("variance", "方差")),
        }  # fmt: skip

    def _by_batch(self, view: View) -> bool:
        module: Any = view.unit.module
        return bool(module.training or module.running_mean is None)

    def _statistics(self, view: View) -> tuple[Array, Array]:
        if self._by_batch(view):
            axes = _axes(view)
            return view.x().mean(axes, keepdims=True), view.x().var(axes, keepdims=True)
        module: Any = view.unit.module
        return _wide(view, module.running_mean.numpy()), _wide(view, module.running_var.numpy())

    def _deviation(self, view: View) -> Array:
        module: Any = view.unit.module
        deviation: Array = np.sqrt(self._statistics(view)[1] + module.eps)
        return deviation

    def _standard(self, view: View) -> Array:
        return (view.x() - self._statistics(view)[0]) / self._deviation(view)

    def _gain(self, view: View) -> Array:
        gain = view.parameter("weight")
        return np.ones(1) if gain is None else _wide(view, gain)

    def _shift(self, view: View) -> Array:
        shift = view.parameter("bias")
        return np.zeros(1) if shift is None else _wide(view, shift)

    def _root(self, view: View) -> Math:
        return applied("√", row(Power(view.mapped("σ"), Word("2")), "+", Word("ε")))

    def _shown(self, view: View) -> Quantity:
        return Quantity(_hat(view), columns(self._standard(view)), Text("standardised", "规范化值"))


def _hat(view: View) -> Math:
    return with_layer("x̂", view.place, bold=True)


def _axes(view: View) -> tuple[int, ...]:
    return tuple(axis for axis in range(view.x().ndim) if axis != 1)


def _wide(view: View, channels: Array) -> Array:
    shape = [1] * view.x().ndim
    shape[1] = -1
    return np.asarray(channels, np.float64).reshape(shape)
