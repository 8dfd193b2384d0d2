"""Units as the layers of the book: l, z, a, δ."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lamina.core.node import Node
from lamina.core.types import Array
from lamina.insight.derivation.mathematics import (
    Math,
    OfLayer,
    Symbol,
    applied,
    derivative,
    with_layer,
)
from lamina.insight.derivation.step import Quantity
from lamina.insight.derivation.text import Text
from lamina.insight.trace.capture import Capture
from lamina.insight.trace.rules import Rule, View, rule_of
from lamina.insight.trace.rules.activation import Elementwise, LogSoftmax, Softmax, slope_symbol
from lamina.insight.trace.rules.base import columns
from lamina.insight.trace.rules.joining import Rearrangement
from lamina.insight.trace.units import Unit

PARAMETER_WORDS = {
    "weight": Text("weights", "权重"),
    "bias": Text("bias", "偏置"),
}


@dataclass(eq=False)
class Placed:
    """A unit with its rule and its place in the network."""

    unit: Unit
    rule: Rule
    view: View


@dataclass(eq=False)
class Layer:
    """A layer l: what computes z⁽ˡ⁾, and the activation function after it, if there is one.

    A layer without an activation function has a⁽ˡ⁾ = z⁽ˡ⁾. Values are laid out as in the book: a
    column a sample (maps keep the framework's axes, (N, C, *)). ``kind`` says what it is.

    Attributes:
        number: l; the rearrangement of values (flattening) between layers has its layer's.
        name: the qualified name of the module, or of the function.
        kind: what the layer is called.
        main: what computes z.
        activation: what computes a from z.
        quantities: everything known, by key: z, a, f_prime, delta, W, dW, b, db, da, …
    """

    number: int
    name: str
    kind: Text
    main: Placed
    activation: Placed | None = None
    quantities: dict[str, Quantity] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Quantity:
        return self.quantities[key]

    def _value(self, key: str) -> Array | None:
        found = self.quantities.get(key)
        return None if found is None else found.value

    @property
    def trivial(self) -> bool:
        """Whether the layer rearranges nothing: a value is given the shape that it has."""
        unit = self.main.unit
        return self.rearranges and unit.inputs[0].shape == unit.output.shape

    @property
    def rearranges(self) -> bool:
        """Whether the layer only gives its input another shape."""
        return isinstance(self.main.rule, Rearrangement)

    @property
    def z(self) -> Array:
        """The net input (净输入) z⁽ˡ⁾."""
        return self.quantities["z"].value

    @property
    def a(self) -> Array:
        """The activation (活性值) a⁽ˡ⁾ = f(z⁽ˡ⁾)."""
        return self.quantities["a"].value

    @property
    def f_prime(self) -> Array | None:
        """f′(z⁽ˡ⁾); ones without an activation function, None for softmax (a matrix)."""
        return self._value("f_prime")

    @property
    def delta(self) -> Array:
        """The error term (误差项) δ⁽ˡ⁾ = ∂L/∂z⁽ˡ⁾."""
        return self.quantities["delta"].value

    @property
    def da(self) -> Array:
        """∂L/∂a⁽ˡ⁾."""
        return self.quantities["da"].value

    @property
    def W(self) -> Array | None:
        """The weights (权重), if the layer has any."""
        return self._value("W")

    @property
    def b(self) -> Array | None:
        """The bias (偏置), if the layer has one."""
        return self._value("b")

    @property
    def dW(self) -> Array | None:
        """∂L/∂W⁽ˡ⁾, if the layer has weights."""
        return self._value("dW")

    @property
    def db(self) -> Array | None:
        """∂L/∂b⁽ˡ⁾, if the layer has a bias."""
        return self._value("db")

    def __repr__(self) -> str:
        return f"<layer {self.number} {self.name}: {self.kind.en}, z {self.z.shape}>"


class Naming:
    """Numbers for layers, and symbols for the values between them."""

    def __init__(self, capture: Capture, units: list[Unit]) -> None:
        self.capture = capture
        self.symbols: dict[int, Math] = {}
        self.deltas: dict[int, Math] = {}
        self.readers: dict[int, int] = {}
        for unit in units:
            for node in unit.inputs:
                self.readers[id(node)] = self.readers.get(id(node), 0) + 1
        first = capture.inputs.node
        self._name(first, with_layer(_letter("a", first), 0, True))
        self.samples = first.shape[0] if first.shape else 1

    def layers(self, units: list[Unit]) -> list[Layer]:
        """Return the layers of all units but the loss."""
        made: list[Layer] = []
        for unit in units:
            rule = rule_of(unit)
            if made and self._continues(made[-1], unit, rule):
                made[-1].activation = self._activate(made[-1], unit, rule)
            else:
                made.append(self._begin(made[-1].number if made else 0, unit, rule))
        for layer in made:
            layer.quantities = _quantities(layer, self)
        return made

    def place(self, unit: Unit, rule: Rule, number: int, output: Math, delta: Math) -> Placed:
        """Return a unit whose result goes by a symbol."""
        self.symbols[id(unit.output)] = output
        self.deltas[id(unit.output)] = delta
        inputs = tuple(self.symbol(node) for node in unit.inputs)
        cotangent = self.capture.gradient(unit.output)
        view = View(unit, str(number), inputs, output, delta, cotangent, self.samples)
        return Placed(unit, rule, view)

    def symbol(self, node: Node) -> Math:
        """Return the symbol of a value."""
        return self.symbols.get(id(node), Symbol(node.name or "x"))

    def delta(self, node: Node) -> Math:
        """Return the symbol of ∂L/∂(value)."""
        return self.deltas.get(id(node), derivative(self.symbol(node)))

    def _name(self, node: Node, symbol: Math) -> None:
        self.symbols[id(node)] = symbol
        self.deltas[id(node)] = derivative(symbol)

    def _continues(self, layer: Layer, unit: Unit, rule: Rule) -> bool:
        """Whether a unit is the activation function of the layer before it."""
        if not isinstance(rule, Elementwise | Softmax | LogSoftmax) or layer.activation:
            return False
        if isinstance(layer.main.rule, Rearrangement) or "dropout" in unit.kind.lower():
            return False
        result = layer.main.unit.output
        return unit.inputs == [result] and self.readers[id(result)] == 1

    def _activate(self, layer: Layer, unit: Unit, rule: Rule) -> Placed:
        self.symbols[id(layer.main.unit.output)] = layer.main.view.output  # z after all
        symbol = with_layer(_letter("a", unit.output), layer.number, True)
        return self.place(unit, rule, layer.number, symbol, derivative(symbol))

    def _begin(self, last: int, unit: Unit, rule: Rule) -> Layer:
        if isinstance(rule, Rearrangement):
            symbol, delta = self._rearranged(unit)
            placed = self.place(unit, rule, last, symbol, delta)
            return Layer(last, unit.name, rule.words_of(unit), placed)
        number = last + 1
        symbol = with_layer(_letter("z", unit.output), number, True)
        delta = with_layer("δ", number, True)
        placed = self.place(unit, rule, number, symbol, delta)
        self.symbols[id(unit.output)] = with_layer(_letter("a", unit.output), number, True)
        return Layer(number, unit.name, rule.words_of(unit), placed)

    def _rearranged(self, unit: Unit) -> tuple[Math, Math]:
        node = unit.inputs[0]
        if node.shape == unit.output.shape:
            return self.symbol(node), self.delta(node)
        symbol = applied("vec", self.symbol(node))
        return symbol, derivative(symbol)


def _letter(letter: str, node: Node) -> str:
    """Return the book's letter: Z and X where a layer's units are in maps."""
    return {"z": "Z", "a": "X"}[letter] if len(node.shape) > 2 else letter


def _quantities(layer: Layer, naming: Naming) -> dict[str, Quantity]:
    view, end = layer.main.view, layer.activation or layer.main
    delta = columns(view.g)
    a = with_layer(_letter("a", end.unit.output), layer.number, True)
    made = {
        "z": Quantity(view.output, columns(view.y), Text("net input", "净输入")),
        "a": Quantity(a, columns(end.view.y), Text("activation", "活性值")),
        "delta": Quantity(view.delta, delta, Text("error term", "误差项")),
        "da": Quantity(derivative(a), columns(end.view.g),
                       Text("derivative by the activation", "对活性值的导数")),
    }  # fmt: skip
    return made | _slope(layer) | _parameters(layer, naming) | layer.main.rule.extras(view)


def _slope(layer: Layer) -> dict[str, Quantity]:
    words = Text("slope of the activation function", "激活函数的导数")
    if layer.activation is None:
        ones = np.ones_like(columns(layer.main.view.y))
        return {"f_prime": Quantity(applied("f′", layer.main.view.output), ones, words)}
    rule, view = layer.activation.rule, layer.activation.view
    if not isinstance(rule, Elementwise):
        return {}
    symbol = slope_symbol(layer.activation.unit, view.inputs[0])
    return {"f_prime": Quantity(symbol, columns(rule.slope(view).value), words)}


def _parameters(layer: Layer, naming: Naming) -> dict[str, Quantity]:
    """Return parameters and their derivatives: W and dW, b and db, or by their own names."""
    made: dict[str, Quantity] = {}
    keys = {"weight": "W", "bias": "b"}
    for name, node in layer.main.unit.parameters.items():
        words = PARAMETER_WORDS.get(name, Text(f"parameter {name}", f"参数 {name}"))
        symbol = parameter_symbol(layer.main, name)
        gradient = np.asarray(naming.capture.gradient(node), np.float64)
        key = keys.get(name, name)
        made[key] = Quantity(symbol, np.asarray(node.value, np.float64), words)
        made[f"d{key}"] = Quantity(derivative(symbol), gradient, gradient_words(words))
    return made


def gradient_words(words: Text) -> Text:
    """Return what the derivative by something is called."""
    return Text(f"gradient of the {words.en}", f"{words.zh}的梯度")


def parameter_symbol(placed: Placed, name: str) -> Math:
    """Return W⁽ˡ⁾ and the like."""
    return OfLayer(Symbol(placed.rule.letter(name), True), placed.view.place)
