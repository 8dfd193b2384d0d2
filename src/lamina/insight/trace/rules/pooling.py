"""Pooling and trainable subsampling."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

import numpy as np

from lamina.core.types import Array
from lamina.functions.spatial import sizes
from lamina.insight.derivation.mathematics import (
    Math,
    Symbol,
    Total,
    applied,
    indexed,
    row,
    with_layer,
)
from lamina.insight.derivation.step import Quantity
from lamina.insight.derivation.text import Text
from lamina.insight.trace.rules.base import Claim, Rule, View, data
from lamina.nn import Module

SHOWN = Text("error term", "误差项")


class _Pooling(Rule):
    """Windows of a map."""

    down = ""

    def forward(self, view: View) -> Claim:
        given = (data(view.inputs[0], view.x(), "input maps", "输入特征映射"),)
        return Claim(applied(self.down, view.inputs[0]), self._pooled(view), given)

    def _pooled(self, view: View) -> Array:
        raise NotImplementedError


class MaxPooling(_Pooling):
    """Z = the maximum of each window; δ goes to the first maximum (nndl §5.2.2)."""

    words = Text("max pooling layer", "最大汇聚层")
    down = "max"

    def _pooled(self, view: View) -> Array:
        greatest: Array = _windows(view, -np.inf).max(-1)
        return greatest

    def pull(self, view: View, index: int) -> Claim:
        value = np.zeros(prod(view.x().shape))
        np.add.at(value, self._places(view).reshape(-1), view.g.reshape(-1))
        words = Text("place of the maximum in its map", "最大值在映射中的位置")
        shown = Quantity(Symbol("argmax"), self._places(view) % _plane(view), words)
        given = (data(view.delta, view.g, SHOWN.en, SHOWN.zh), shown)
        return Claim(applied("up", view.delta), value.reshape(view.x().shape), given)

    def extras(self, view: View) -> dict[str, Quantity]:
        words = Text("place of the maximum in its map", "最大值在映射中的位置")
        return {"argmax": Quantity(Symbol("argmax"), self._places(view) % _plane(view), words)}

    def _places(self, view: View) -> Array:
        """Return the flat index, in the whole input, of each window's first maximum."""
        indices = np.arange(view.x().size, dtype=float).reshape(view.x().shape)
        best = _windows(view, -np.inf).argmax(-1)[..., None]
        places = np.take_along_axis(_windows(view, -1.0, indices), best, -1)[..., 0]
        return places.astype(np.int64)


class MeanPooling(_Pooling):
    """Z = the mean of each window; δ spreads evenly over it (nndl §5.2.2)."""

    words = Text("mean pooling layer", "平均汇聚层")
    down = "mean"

    def _pooled(self, view: View) -> Array:
        mean: Array = _windows(view, 0.0).sum(-1) / _divisor(view)
        return mean

    def pull(self, view: View, index: int) -> Claim:
        value = _spread(view, view.g / _divisor(view))
        given = (data(view.delta, view.g, SHOWN.en, SHOWN.zh),)
        return Claim(applied("up", view.delta), value, given)


class Subsampling(Rule):
    """Z = w Y + b, Y the sum or mean of each window; ∂w = Σ δ ⊙ Y, ∂b = Σ δ."""

    words = Text("trainable subsampling layer", "可训练的下采样层")
    letters: ClassVar[dict[str, str]] = {"weight": "w", "bias": "b"}

    def forward(self, view: View) -> Claim:
        weight, bias = (_channels(view, name) for name in ("weight", "bias"))
        right = row(view.mapped("w", "p", bold=False), view.mapped("Y", "p"), "+",
                    view.mapped("b", "p", bold=False))  # fmt: skip
        value = weight * self._y(view) + bias
        return Claim(right, value, (self._shown(view),), indices=("p",))

    def pull(self, view: View, index: int) -> Claim:
        right = applied("up", row(view.mapped("w", "p", bold=False), "·", indexed(view.delta, "p")))
        value = _spread(view, _channels(view, "weight") * view.g / self._divisor(view))
        shown = data(view.delta, view.g, SHOWN.en, SHOWN.zh)
        return Claim(right, value, (shown,), indices=("p",))

    def gradient(self, view: View, name: str) -> Claim:
        terms = view.g * (self._y(view) if name == "weight" else 1.0)
        axes = tuple(axis for axis in range(terms.ndim) if axis != terms.ndim - 3)
        delta = data(view.delta, view.g, SHOWN.en, SHOWN.zh)
        each: Math = indexed(view.delta, "p")
        each = row(each, "⊙", view.mapped("Y", "p")) if name == "weight" else each
        right: Math = Total("i,j", each)
        right = right if view.samples == 1 else Total("n", right)
        given = (delta, self._shown(view)) if name == "weight" else (delta,)
        scale = float(np.abs(terms).max(initial=0.0))
        return Claim(right, terms.sum(axes), given, scale, ("p",))

    def extras(self, view: View) -> dict[str, Quantity]:
        return {"Y": self._shown(view)}

    def _y(self, view: View) -> Array:
        pooled: Array = _windows(view, 0.0).sum(-1) / self._divisor(view)
        return pooled

    def _divisor(self, view: View) -> int:
        module: Any = view.unit.module
        return prod(module.kernel_size) if module.pooled == "mean" else 1

    def _shown(self, view: View) -> Quantity:
        module: Any = view.unit.module
        words = {"sum": Text("sums of the windows", "窗口之和"),
                 "mean": Text("means of the windows", "窗口均值")}[module.pooled]  # fmt: skip
        return Quantity(with_layer("Y", view.place, True), self._y(view), words)


def pools_plainly(module: Module) -> bool:
    """Whether a pooling layer is one that these rules know."""
    holder: Any = module
    plain = not getattr(holder, "ceil_mode", False) and not getattr(holder, "return_indices", False)
    padding = getattr(holder, "padding", 0)
    counted = getattr(holder, "count_include_pad", True)
    return plain and (counted or not np.any(padding))


def _channels(view: View, name: str) -> Array:
    value = view.parameter(name)
    assert value is not None
    return value.reshape(-1, 1, 1)


def _divisor(view: View) -> int:
    override = getattr(view.unit.module, "divisor_override", None)
    return override or prod(_settings(view)[0])


def _settings(view: View) -> tuple[tuple[int, ...], ...]:
    """Return size, stride, padding and dilation of the windows along every spatial axis."""
    module: Any = view.unit.module
    kind = type(module).__name__
    rank = int(kind[-2]) if kind[-1] == "d" else 2
    kernel = sizes("trace", "kernel_size", module.kernel_size, rank)
    step = module.kernel_size if module.stride is None else module.stride
    rest = [getattr(module, "padding", 0), getattr(module, "dilation", 1)]
    made = [sizes("trace", "size", value, rank) for value in (step, *rest)]
    return (tuple(kernel), *map(tuple, made))


def _windows(view: View, outside: float, values: Array | None = None) -> Array:
    """Return the elements of every window, (…, *places, elements)."""
    values = view.x() if values is None else values
    kernel, stride, padding, dilation = _settings(view)
    rank = len(kernel)
    around = [(0, 0)] * (values.ndim - rank) + [(p, p) for p in padding]
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    filled = np.pad(values, around, constant_values=outside)
    axes = tuple(range(values.ndim - rank, values.ndim))
    windows = np.lib.stride_tricks.sliding_window_view(filled, spans, axis=axes)
    picked = [slice(None, None, step) for step in (*stride, *dilation)]
    outer = [slice(None)] * (values.ndim - rank)
    windows = windows[(*outer, *picked)]
    return windows.reshape(*windows.shape[:-rank], -1)


def _spread(view: View, shares: Array) -> Array:
    """Return the input's error when every window gives each element its share."""
    indices = np.arange(view.x().size, dtype=float).reshape(view.x().shape)
    places = _windows(view, -1.0, indices).astype(np.int64)
    total = np.zeros(view.x().size + 1)
    np.add.at(total, places, np.broadcast_to(shares[..., None], places.shape))
    return total[:-1].reshape(view.x().shape)


def _plane(view: View) -> int:
    """Return the number of elements of one map of the input."""
    return prod(view.x().shape[-len(_settings(view)[0]) :])
