"""What a rule of derivation is, and the one for anything that no other rule knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lamina.core.types import Array
from lamina.insight.derivation.mathematics import Fraction, Math, applied, row, with_layer
from lamina.insight.derivation.step import DerivationError, Quantity
from lamina.insight.derivation.text import Text
from lamina.insight.trace.units import Unit


@dataclass(frozen=True, eq=False)
class Claim:
    """The right side of an equation, its value by NumPy, and numbers to show beside it.

    ``scale`` is a magnitude of what was added up, beside which rounding is to be judged.
    ``indices`` are the maps of which the equation speaks, such as p in Z⁽ˡ·ᵖ⁾ = ….
    """

    right: Math
    value: Array
    given: tuple[Quantity, ...] = ()
    scale: float = 0.0
    indices: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class View:
    """A unit with its numbers in float64 and the symbols that its place in the network gives.

    Attributes:
        unit: the piece of the graph.
        place: the layer's number, as in z⁽²⁾.
        inputs: the symbols of the inputs.
        output: the symbol of the result.
        delta: the symbol of ∂L/∂(result).
        cotangent: ∂L/∂(result), as reverse mode found it.
        samples: how many samples the batch has.
    """

    unit: Unit
    place: str
    inputs: tuple[Math, ...]
    output: Math
    delta: Math
    cotangent: Array
    samples: int

    def x(self, index: int = 0) -> Array:
        """Return the value of an input."""
        return _double(self.unit.inputs[index].value)

    @property
    def y(self) -> Array:
        """The value of the result."""
        return _double(self.unit.output.value)

    @property
    def g(self) -> Array:
        """∂L/∂(result)."""
        return _double(self.cotangent)

    def parameter(self, name: str) -> Array | None:
        """Return the value of a parameter, if the module has it (trained or not)."""
        if name in self.unit.parameters:
            return _double(self.unit.parameters[name].value)
        held = getattr(self.unit.module, name, None)
        return None if held is None else _double(held.numpy())

    def mapped(self, name: str, *indices: str, bold: bool = True) -> Math:
        """Return a symbol of this layer, of certain maps: W⁽ˡ·ᵖ·ᵈ⁾."""
        return with_layer(name, ",".join((self.place, *indices)), bold)


def _double(value: Array | None) -> Array:
    return np.asarray(value, np.float64)


class Rule:
    """How a kind of unit computes, and its derivatives, written down and evaluated by NumPy.

    This one holds for every unit: it writes derivatives as Jacobians, takes reverse mode's
    values through the unit, and proves them by forward mode: ⟨δ, J v⟩ = ⟨Jᵀ δ, v⟩ for random v.
    """

    words: ClassVar[Text] = Text("function", "函数")
    letters: ClassVar[dict[str, str]] = {"weight": "W", "bias": "b"}

    def words_of(self, unit: Unit) -> Text:
        """Return what the layer is called."""
        if type(self) is Rule:
            return Text(f"function {unit.kind}", f"函数 {unit.kind}")
        return self.words

    def letter(self, name: str) -> str:
        """Return the letter of a parameter."""
        return self.letters.get(name, name)

    def forward(self, view: View) -> Claim:
        """Return the equation of the result."""
        values = tuple(view.unit.inputs) + tuple(view.unit.parameters.values())
        return Claim(applied(view.unit.kind, *view.inputs), _replayed(view.unit, values))

    def pull(self, view: View, index: int) -> Claim:
        """Return the equation of what the unit contributes to ∂L/∂(input ``index``)."""
        node = view.unit.inputs[index]
        return self._jacobian(view, view.inputs[index], id(node), node.shape)

    def gradient(self, view: View, name: str) -> Claim:
        """Return the equation of the derivative by a parameter."""
        node = view.unit.parameters[name]
        symbol = with_layer(self.letter(name), view.place, bold=True)
        return self._jacobian(view, symbol, id(node), node.shape)

    def extras(self, view: View) -> dict[str, Quantity]:
        """Return further numbers of the layer, such as the places of maxima."""
        return {}

    def _jacobian(self, view: View, by: Math, key: int, shape: tuple[int, ...]) -> Claim:
        dtype = view.unit.output.dtype
        value = view.unit.pull(view.cotangent.astype(dtype)).get(key, np.zeros(shape, dtype))
        rng = np.random.default_rng(0)
        for _ in range(2):
            direction = rng.standard_normal(shape).astype(value.dtype)
            _prove(view, key, direction, value)
        jacobian = Fraction(row("∂", view.output), row("∂", by))
        return Claim(row(jacobian, view.delta), _double(value))


def _prove(view: View, key: int, direction: Array, value: Array) -> None:
    """Raise unless ⟨δ, J v⟩ = ⟨Jᵀ δ, v⟩ for a direction v."""
    pushed = _double(view.unit.push({key: direction}))
    left, right = view.g * pushed, _double(value) * direction
    size = float(np.abs(left).sum() + np.abs(right).sum())
    precise = view.unit.output.dtype == np.float64
    if abs(left.sum() - right.sum()) > (1e-9 if precise else 1e-4) * size:
        raise DerivationError(
            f"derivation: {view.unit.kind}: forward mode gives ⟨δ, J v⟩ = {left.sum():.9g}, "
            f"reverse mode ⟨Jᵀ δ, v⟩ = {right.sum():.9g}; one of the two is wrong"
        )


def _replayed(unit: Unit, given: tuple[object, ...]) -> Array:
    """Evaluate the unit's operations again."""
    values: dict[int, Array] = {}
    for node in unit.nodes:
        operands = [values.get(id(o), o.value) for o in node.operands]
        with np.errstate(all="ignore"):
            values[id(node)] = node.operation.evaluate(*operands)  # type: ignore[arg-type]
    return _double(values[id(unit.output)])


def rounding_scale(a: Array, b: Array, terms: int) -> float:
    """Return the magnitude beside which the rounding of a sum of products a b is judged.

    Terms that cancel leave the rounding of their own magnitude, not of their sum's. A hundredth of
    what the sum may be still tells a wrong formula from rounding.
    """
    largest = float(np.abs(a).max(initial=0.0) * np.abs(b).max(initial=0.0))
    return 0.01 * largest * float(np.sqrt(terms))


def data(symbol: Math, value: Array, en: str, zh: str) -> Quantity:
    """Return a quantity of units, with a column a sample."""
    return Quantity(symbol, columns(value), Text(en, zh))


def columns(value: Array) -> Array:
    """Return rows of samples as columns, as in the book; maps stay as they are."""
    if value.ndim == 1:
        return value[:, None]
    return value.T if value.ndim == 2 else value
