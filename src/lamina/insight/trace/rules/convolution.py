"""Convolution layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.core.types import Array
from lamina.functions.spatial import sizes
from lamina.insight.derivation.mathematics import (
    Math,
    Total,
    applied,
    indexed,
    row,
    with_layer,
)
from lamina.insight.derivation.step import Quantity
from lamina.insight.derivation.text import Text
from lamina.insight.trace.convolving import Geometry, by_input, by_kernel, forward, rot180
from lamina.insight.trace.rules.base import Claim, Rule, View, columns, data, rounding_scale
from lamina.nn import Module


class Convolution(Rule):
    """Zᵖ = Σ_d Wᵖᵈ ⊗ Xᵈ + bᵖ, with derivatives as in nndl §5.2.

    ∂L/∂Wᵖᵈ = δᵖ ⊗ Xᵈ, ∂L/∂bᵖ = Σ δᵖ, ∂L/∂Xᵈ = Σ_p rot180(Wᵖᵈ) ⊗̃ δᵖ (wide).
    """

    words = Text("convolution layer", "卷积层")

    def forward(self, view: View) -> Claim:
        z = forward(batched(view.x(), view), self._kernels(view), geometry_of(view))
        right: Math = Total("d", row(view.mapped("W", "p", "d"), "⊗", indexed(view.inputs[0], "d")))
        bias = view.parameter("bias")
        shown = data(view.inputs[0], view.x(), "input maps", "输入特征映射")
        given: tuple[Quantity, ...] = (self._shown(view), shown)
        if bias is not None:
            z = z + bias.reshape(-1, *(1,) * (z.ndim - 2))
            right = row(right, "+", view.mapped("b", "p", bold=False))
            given = (*given, Quantity(with_layer("b", view.place, True), bias[:, None],
                                      Text("bias", "偏置")))  # fmt: skip
        scale = self._scale(view, view.x())
        return Claim(right, z.reshape(view.y.shape), given, scale, ("p",))

    def pull(self, view: View, index: int) -> Claim:
        geometry, x = geometry_of(view), batched(view.x(), view)
        value = by_input(batched(view.g, view), self._kernels(view), geometry, x.shape[2:])
        turned = applied("rot180", view.mapped("W", "p", "d"))
        right: Math = Total("p", row(turned, "⊗̃", with_holes(indexed(view.delta, "p"), geometry)))
        if any(before or after for before, after in geometry.padding):
            right = applied("crop", right)
        symbol = applied("rot180", with_layer("W", view.place, True))
        words = Text("kernels turned by 180°", "旋转180度的卷积核")
        given = (Quantity(symbol, rot180(self._kernels(view)), words), shown_delta(view))
        scale = self._scale(view, view.g)
        return Claim(right, value.reshape(view.x().shape), given, scale, ("d",))

    def gradient(self, view: View, name: str) -> Claim:
        delta, spatial = batched(view.g, view), tuple(range(2, batched(view.g, view).ndim))
        if name == "bias":
            right: Math = Total("i,j" if len(spatial) == 2 else "i", indexed(view.delta, "p"))
            right = right if view.samples == 1 else Total("n", right)
            scale = float(np.abs(delta).max()) if delta.size else 0.0
            return Claim(right, delta.sum((0, *spatial)), (shown_delta(view),), scale, ("p",))
        geometry, kernels = geometry_of(view), self._kernels(view)
        value = by_kernel(delta, batched(view.x(), view), geometry, kernels.shape[2:])
        right = row(
            with_holes(indexed(view.delta, "p"), geometry), "⊗", indexed(view.inputs[0], "d")
        )
        right = right if view.samples == 1 else Total("n", right)
        given = (shown_delta(view), data(view.inputs[0], view.x(), "input maps", "输入特征映射"))
        scale = rounding_scale(view.x(), delta, delta.size // delta.shape[1])
        return Claim(right, self._kept(view, value), given, scale, ("p", "d"))

    def _scale(self, view: View, maps: Array) -> float:
        kernels = self._kernels(view)
        return rounding_scale(kernels, maps, kernels.size // min(kernels.shape[:2]))

    def _kernels(self, view: View) -> Array:
        """Return the kernels that slide, (O, C, *)."""
        weight = view.parameter("weight")
        assert weight is not None
        return rot180(weight) if getattr(view.unit.module, "flip", False) else weight

    def _kept(self, view: View, gradient: Array) -> Array:
        """Return the derivative by the parameter from that by the kernels that slide."""
        return rot180(gradient) if getattr(view.unit.module, "flip", False) else gradient

    def _shown(self, view: View) -> Quantity:
        return Quantity(with_layer("W", view.place, True), self._kernels(view),
                        Text("kernels", "卷积核"))  # fmt: skip


class ConnectionTable(Convolution):
    """A convolution of which some connections of maps are missing (LeCun et al. 1998, C3)."""

    words = Text("convolution layer with a connection table", "带连接表的卷积层")

    def _kernels(self, view: View) -> Array:
        table, weight = _table(view.unit.module), view.parameter("weight")
        assert weight is not None
        channels = getattr(view.unit.module, "in_channels")  # noqa: B009
        dense = np.zeros((len(table), channels, *weight.shape[1:]))
        dense[_connections(table)] = weight
        return dense

    def _kept(self, view: View, gradient: Array) -> Array:
        kept: Array = gradient[_connections(_table(view.unit.module))]
        return kept


def _table(module: Any) -> Sequence[Sequence[int]]:
    found: Sequence[Sequence[int]] = module.table
    return found


def _connections(table: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    """Return output and input map of every connection, in the order of the weights."""
    pairs = [(p, d) for p, inputs in enumerate(table) for d in inputs]
    return [p for p, _ in pairs], [d for _, d in pairs]


def convolves_zeros(module: Module) -> bool:
    """Whether a convolution pads with zeros, as `Convolution` assumes."""
    return getattr(module, "padding_mode", "zeros") == "zeros"


def geometry_of(view: View) -> Geometry:
    """Return how the kernels of a layer move."""
    module: Any = view.unit.module
    rank = len(module.kernel_size)
    stride = tuple(sizes("trace", "stride", module.stride, rank))
    dilation = tuple(sizes("trace", "dilation", getattr(module, "dilation", 1), rank))
    spans = [d * (k - 1) for d, k in zip(dilation, module.kernel_size, strict=True)]
    padding = _padding(module.padding, spans)
    return Geometry(stride, padding, dilation, getattr(module, "groups", 1))


def _padding(padding: Any, spans: list[int]) -> tuple[tuple[int, int], ...]:
    match padding:
        case "narrow" | "valid":
            return tuple((0, 0) for _ in spans)
        case "same":
            return tuple((span // 2, span - span // 2) for span in spans)
        case "wide" | "full":
            return tuple((span, span) for span in spans)
    return tuple((p, p) for p in sizes("trace", "padding", padding, len(spans)))


def batched(value: Array, view: View) -> Array:
    """Return maps with a batch axis."""
    rank = len(getattr(view.unit.module, "kernel_size"))  # noqa: B009
    return value[None] if value.ndim == rank + 1 else value


def with_holes(delta: Math, geometry: Geometry) -> Math:
    """Write the zeros between the elements of δ that a stride gives."""
    return delta if set(geometry.stride) == {1} else applied("dilate", delta)


def shown_delta(view: View) -> Quantity:
    """Return δ, to be shown."""
    return Quantity(view.delta, columns(view.g), Text("error term", "误差项"))
