"""Dense layers and radial basis outputs."""

from __future__ import annotations

import numpy as np

from lamina.core.types import Array
from lamina.insight.derivation.mathematics import (
    Fenced,
    Math,
    Power,
    Sub,
    Symbol,
    Total,
    Transposed,
    Word,
    factor,
    row,
    with_layer,
)
from lamina.insight.derivation.step import Quantity
from lamina.insight.derivation.text import Text
from lamina.insight.trace.rules.base import Claim, Rule, View, data, rounding_scale


class Dense(Rule):
    """z = W a + b; ∂L/∂W = δ aᵀ, ∂L/∂b = δ, ∂L/∂a = Wᵀ δ (nndl §4.4)."""

    words = Text("dense layer", "全连接层")

    def forward(self, view: View) -> Claim:
        weight, bias = _weight(view), view.parameter("bias")
        z = view.x() @ weight.T
        scale = rounding_scale(weight, view.x(), weight.shape[1])
        right = row(with_layer("W", view.place, True), factor(view.inputs[0]))
        given = (_shown_weight(view), data(view.inputs[0], view.x(), "activation", "活性值"))
        if bias is None:
            return Claim(right, z, given, scale)
        symbol = with_layer("b", view.place, True)
        shown = Quantity(symbol, bias[:, None], Text("bias", "偏置"))
        return Claim(row(right, "+", symbol), z + bias, (*given, shown), scale)

    def pull(self, view: View, index: int) -> Claim:
        right = row(Transposed(with_layer("W", view.place, True)), view.delta)
        shown = data(view.delta, view.g, "error term", "误差项")
        weight = _weight(view)
        scale = rounding_scale(weight, view.g, len(weight))
        given = (_shown_weight(view, transposed=True), shown)
        return Claim(right, view.g @ weight, given, scale)

    def gradient(self, view: View, name: str) -> Claim:
        delta = view.g.reshape(-1, view.g.shape[-1])
        shown = data(view.delta, view.g, "error term", "误差项")
        if name == "bias":
            single = len(delta) == 1
            right = view.delta if single else Total("n", Sub(view.delta, Symbol("n")))
            scale = rounding_scale(delta, np.ones(1), len(delta))
            return Claim(right, delta.sum(0), () if single else (shown,), scale)
        a = view.x().reshape(-1, view.x().shape[-1])
        given = (shown, data(view.inputs[0], view.x(), "activation", "活性值"))
        right = row(view.delta, Transposed(view.inputs[0]))
        return Claim(right, delta.T @ a, given, rounding_scale(delta, a, len(a)))


def _weight(view: View) -> Array:
    weight = view.parameter("weight")
    assert weight is not None
    return weight


def _shown_weight(view: View, transposed: bool = False) -> Quantity:
    symbol: Math = with_layer("W", view.place, True)
    value = _weight(view)
    if transposed:
        return Quantity(Transposed(symbol), value.T, Text("weights, transposed", "权重的转置"))
    return Quantity(symbol, value, Text("weights", "权重"))


class RadialBasis(Rule):
    """z_i = -‖a - c_i‖²; ∂L/∂a = -2 Σ_i δ_i (a - c_i) (LeCun et al. 1998, §II.B)."""

    words = Text("radial basis output", "径向基输出层")

    def forward(self, view: View) -> Claim:
        difference = view.inputs[0], "−", _code("i", view)
        right = row("−", Power(Fenced(row(*difference), "‖‖"), Word("2")))
        return Claim(right, -(self._differences(view) ** 2).sum(-1))

    def pull(self, view: View, index: int) -> Claim:
        value = -2 * np.einsum("no,nok->nk", view.g, self._differences(view))
        each = Fenced(row(view.inputs[0], "−", _code("i", view)))
        right = row("−", Word("2"), Total("i", row(Sub(view.delta, Symbol("i")), each)))
        size = 2 * float(np.abs(view.g).max() * np.abs(self._differences(view)).max())
        shown = data(view.delta, view.g, "error term", "误差项")
        return Claim(right, value, (shown,), size)

    def _differences(self, view: View) -> Array:
        codes = view.parameter("codes")
        assert codes is not None
        return view.x()[:, None, :] - codes


def _code(index: str, view: View) -> Math:
    return Sub(with_layer("c", view.place, True), Symbol(index))
