"""Transposed convolution layers."""

from __future__ import annotations

from lamina.core.types import Array
from lamina.insight.derivation.mathematics import Math, Total, applied, indexed, row, with_layer
from lamina.insight.derivation.step import Quantity
from lamina.insight.derivation.text import Text
from lamina.insight.trace.convolving import by_input, by_kernel, forward
from lamina.insight.trace.rules.base import Claim, View, data, rounding_scale
from lamina.insight.trace.rules.convolution import (
    Convolution,
    batched,
    geometry_of,
    shown_delta,
    with_holes,
)


class TransposedConvolution(Convolution):
    """Zᵈ = Σ_p rot180(Wᵖᵈ) ⊗̃ Xᵖ + bᵈ: what a convolution does to errors, done to values.

    So δ goes through the convolution itself: ∂L/∂Xᵖ = Σ_d Wᵖᵈ ⊗ δᵈ, and ∂L/∂Wᵖᵈ = Xᵖ ⊗ δᵈ
    (nndl §5.5.1).
    """

    words = Text("transposed convolution layer", "转置卷积层")

    def forward(self, view: View) -> Claim:
        x, geometry = batched(view.x(), view), geometry_of(view)
        lengths = batched(view.y, view).shape[2:]
        z = by_input(x, self._kernels(view), geometry, lengths)
        turned = applied("rot180", view.mapped("W", "p", "d"))
        right: Math = Total(
            "p", row(turned, "⊗̃", with_holes(indexed(view.inputs[0], "p"), geometry))
        )
        right = applied("crop", right) if any(map(any, geometry.padding)) else right
        bias = view.parameter("bias")
        given: tuple[Quantity, ...] = (self._shown(view), _inputs(view))
        if bias is not None:
            z = z + bias.reshape(-1, *(1,) * (z.ndim - 2))
            right = row(right, "+", view.mapped("b", "d", bold=False))
            symbol = with_layer("b", view.place, True)
            given = (*given, Quantity(symbol, bias[:, None], Text("bias", "偏置")))
        return Claim(right, z.reshape(view.y.shape), given, self._scale(view, x), ("d",))

    def pull(self, view: View, index: int) -> Claim:
        value = forward(batched(view.g, view), self._kernels(view), geometry_of(view))
        right = Total("d", row(view.mapped("W", "p", "d"), "⊗", indexed(view.delta, "d")))
        given = (self._shown(view), shown_delta(view))
        return Claim(right, value.reshape(view.x().shape), given, self._scale(view, view.g), ("p",))

    def gradient(self, view: View, name: str) -> Claim:
        if name == "bias":
            return super().gradient(view, name)
        geometry, sizes = geometry_of(view), self._kernels(view).shape[2:]
        delta: Array = batched(view.g, view)
        value = by_kernel(batched(view.x(), view), delta, geometry, sizes)
        right: Math = row(with_holes(indexed(view.inputs[0], "p"), geometry), "⊗",
                          indexed(view.delta, "d"))  # fmt: skip
        right = right if view.samples == 1 else Total("n", right)
        scale = rounding_scale(view.x(), delta, delta.size // delta.shape[1])
        return Claim(right, value, (_inputs(view), shown_delta(view)), scale, ("p", "d"))


def _inputs(view: View) -> Quantity:
    return data(view.inputs[0], view.x(), "input maps", "输入特征映射")
