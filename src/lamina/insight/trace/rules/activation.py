"""Activation functions, and other functions that act on every element by itself."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from lamina.core.types import Array
from lamina.insight.derivation.mathematics import (
    Fenced,
    Fraction,
    Math,
    Power,
    Transposed,
    Word,
    applied,
    factor,
    row,
)
from lamina.insight.derivation.step import Quantity
from lamina.insight.derivation.text import Text
from lamina.insight.trace.rules.base import Claim, Rule, View, columns, data
from lamina.insight.trace.units import Unit
from lamina.ops.pointwise import Pointwise


class Elementwise(Rule):
    """a = f(z); ∂L/∂z = f′(z) ⊙ ∂L/∂a, with f′ from a closed form where one is known."""

    words = Text("activation function", "激活函数")

    def words_of(self, unit: Unit) -> Text:
        if "dropout" in unit.kind.lower():
            return Text("dropout (the mask as drawn)", "暂退法（已抽取的掩码）")
        name = "scaled tanh" if _name(unit) == "f" else _name(unit)
        return Text(f"activation function {name}", f"激活函数 {name}")

    def forward(self, view: View) -> Claim:
        if _known(view.unit) is not None:
            return Claim(_written(view.unit, view.inputs[0]), _value(view))
        return super().forward(view)

    def pull(self, view: View, index: int) -> Claim:
        slope = self.slope(view)
        name = applied(f"{_name(view.unit)}′", view.inputs[0])
        right = row(name, "⊙", view.delta)
        shown = (
            Quantity(name, columns(slope.value), Text("slope", "激活函数的导数")),
            data(view.delta, view.g, "derivative by the activation", "对活性值的导数"),
        )
        scale = slope.scale * float(np.abs(view.g).max(initial=0.0))
        return Claim(right, slope.value * view.g, shown, scale)

    def slope(self, view: View) -> Claim:
        """Return f′(z), in terms of z or a."""
        known = _known(view.unit)
        if known is None:
            ones = np.ones(view.unit.inputs[0].shape, view.unit.inputs[0].dtype)
            pushed = view.unit.push({id(view.unit.inputs[0]): ones})
            right = Fraction(row("∂", view.output), row("∂", view.inputs[0]))
            return Claim(right, np.asarray(pushed, np.float64), scale=SATURATED)
        formula, evaluate = known
        value = evaluate(view.x(), view.y)
        return Claim(formula(view.inputs[0], view.output), value, scale=SATURATED)


Slope = tuple[Callable[[Math, Math], Math], Callable[[Array, Array], Array]]
ONE, TWO = Word("1"), Word("2")

CLOSED: dict[str, Slope] = {
    "logistic": (lambda z, a: row(a, "⊙", factor(row(ONE, "−", a))), lambda z, a: a * (1 - a)),
    "tanh": (lambda z, a: row(ONE, "−", Power(a, TWO)), lambda z, a: 1 - a * a),
    "relu": (lambda z, a: _bracket(row(z, ">", Word("0"))), lambda z, a: (z > 0) * 1.0),
    "softplus": (lambda z, a: applied("σ", z), lambda z, a: _logistic(z)),
}
VALUES: dict[str, Callable[[Array], Array]] = {
    "logistic": lambda z: _logistic(z),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "softplus": lambda z: np.logaddexp(0, z),
}
SATURATED = 0.01  # 1 - a² of a saturated unit has the rounding of 1, not of the difference
NAMES = {"logistic": "σ", "relu": "ReLU"}


def is_elementwise(unit: Unit) -> bool:
    """Whether a unit is a function of one input that acts on every element by itself."""
    if len(unit.inputs) != 1 or unit.parameters:
        return False
    shape = unit.inputs[0].shape
    return all(isinstance(n.operation, Pointwise) and n.shape == shape for n in unit.nodes)


def _known(unit: Unit) -> Slope | None:
    if len(unit.nodes) != 1:
        return None
    name = unit.nodes[0].operation.name
    if name in CLOSED:
        return CLOSED[name]
    scaled = _scaled(name)
    if scaled is None:
        return None
    height, slope = scaled
    return _scaled_formula(height, slope), lambda z, a: height * slope * (1 - (a / height) ** 2)


def _written(unit: Unit, z: Math) -> Math:
    """Write f(z)."""
    scaled = _scaled(unit.nodes[0].operation.name)
    if scaled is None:
        return applied(_name(unit), z)
    height, slope = scaled
    return row(Word(f"{height:.5g}"), applied("tanh", row(Word(f"{slope:.5g}"), z)))


def _scaled_formula(height: float, slope: float) -> Callable[[Math, Math], Math]:
    """Write A S (1 - (a/A)²)."""

    def formula(z: Math, a: Math) -> Math:
        inner = Power(Fenced(Fraction(a, Word(f"{height:.5g}"))), TWO)
        return row(Word(f"{height * slope:.5g}"), factor(row(ONE, "−", inner)))

    return formula


def _scaled(name: str) -> tuple[float, float] | None:
    """Return A and S of A tanh(S x), whose name holds them."""
    found = re.fullmatch(r"scaled_tanh\(([^,]+), ([^)]+)\)", name)
    if found is None:
        return None
    height, slope = (float(number) for number in found.groups())
    return height, 2 / 3 if found[2] == "0.666667" else slope


def _value(view: View) -> Array:
    name = view.unit.nodes[0].operation.name
    if name in VALUES:
        return VALUES[name](view.x())
    scaled = _scaled(name)
    assert scaled is not None
    return scaled[0] * np.tanh(scaled[1] * view.x())


def _logistic(z: Array) -> Array:
    value: Array = np.exp(-np.logaddexp(0, -z))
    return value


def _bracket(body: Math) -> Math:
    return Fenced(body, "[]")


def _name(unit: Unit) -> str:
    name = unit.nodes[0].operation.name if len(unit.nodes) == 1 else unit.kind
    return NAMES.get(name, "f" if name.startswith("scaled_tanh") else name)


class Softmax(Rule):
    """a = softmax(z); ∂L/∂z = (diag(a) - a aᵀ) ∂L/∂a, sample by sample."""

    words = Text("softmax", "Softmax函数")

    def forward(self, view: View) -> Claim:
        return Claim(applied("softmax", view.inputs[0]), softmax(view.x(), _axis(view)))

    def pull(self, view: View, index: int) -> Claim:
        a, g = view.y, view.g
        value = a * (g - (a * g).sum(_axis(view), keepdims=True))
        jacobian = factor(row(applied("diag", view.output), "−", view.output,
                              Transposed(view.output)))  # fmt: skip
        shown = (
            data(view.output, a, "activation", "活性值"),
            data(view.delta, g, "derivative by the activation", "对活性值的导数"),
        )
        return Claim(row(jacobian, view.delta), value, shown, float(np.abs(a * g).max(initial=0)))


class LogSoftmax(Rule):
    """a = log softmax(z); ∂L/∂z = ∂L/∂a - softmax(z) Σ ∂L/∂a."""

    words = Text("log-softmax", "对数Softmax函数")

    def forward(self, view: View) -> Claim:
        z = view.x()
        shifted = z - z.max(_axis(view), keepdims=True)
        total = np.log(np.exp(shifted).sum(_axis(view), keepdims=True))
        return Claim(applied("log softmax", view.inputs[0]), shifted - total)

    def pull(self, view: View, index: int) -> Claim:
        sums = view.g.sum(_axis(view), keepdims=True)
        value = view.g - softmax(view.x(), _axis(view)) * sums
        right = row(view.delta, "−", applied("softmax", view.inputs[0]), "·",
                    applied("sum", view.delta))  # fmt: skip
        shown = data(view.delta, view.g, "derivative by the activation", "对活性值的导数")
        return Claim(right, value, (shown,), float(np.abs(view.g).max(initial=0)))


def softmax(z: Array, axis: int) -> Array:
    """Return exp z / Σ exp z along an axis."""
    raised = np.exp(z - z.max(axis, keepdims=True))
    share: Array = raised / raised.sum(axis, keepdims=True)
    return share


def _axis(view: View) -> int:
    axis: int = getattr(view.unit.module, "dim", -3)
    return axis


def slope_symbol(unit: Unit, z: Math) -> Math:
    """Return f′(z)."""
    return applied(f"{_name(unit)}′", z)
