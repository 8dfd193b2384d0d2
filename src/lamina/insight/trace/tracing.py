"""`trace`: every symbol of the book, of a network at work on given data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.types import Array
from lamina.insight.derivation.derivation import Derivation
from lamina.insight.derivation.mathematics import Symbol
from lamina.insight.derivation.text import Text
from lamina.insight.trace.capture import Capture, Loss, capture
from lamina.insight.trace.layers import Layer, Naming, Placed, parameter_symbol
from lamina.insight.trace.learning_step import LearningStep, learning_step
from lamina.insight.trace.proving import Prover
from lamina.insight.trace.rules import RULED
from lamina.insight.trace.rules.losses import loss_rule
from lamina.insight.trace.units import units_of
from lamina.nn import Module


@dataclass(eq=False)
class Trace:
    """A forward and a backward pass in the book's notation.

    Attributes:
        capture: the passes themselves.
        naming: the symbols of values.
        calls: the layers, with those that do nothing.
        loss_unit: what computes L.
    """

    capture: Capture
    naming: Naming
    calls: list[Layer]
    loss_unit: Placed

    @property
    def layers(self) -> list[Layer]:
        """The layers in order of execution."""
        return [layer for layer in self.calls if not layer.trivial]

    @property
    def loss(self) -> float:
        """L, the loss."""
        return float(self.capture.loss.item())

    @property
    def dx(self) -> Array:
        """∂L/∂x, in the shape of x."""
        return np.asarray(self.capture.gradient(self.capture.inputs.node), np.float64)

    def __getitem__(self, key: str | int) -> Layer:
        """Return a layer by its number l or by the name of its module."""
        for layer in self.layers:
            if key in (layer.number, layer.name):
                return layer
        known = ", ".join(f"{layer.number} {layer.name}" for layer in self.layers)
        raise ArgumentError(f"trace: no layer {key!r}; the layers are {known}")

    @cached_property
    def _derivation(self) -> Derivation:
        prover = Prover(self.capture, self.naming, self.calls, self.loss_unit)
        kind = type(self.capture.model).__name__
        title = Text(f"The backward pass of {kind}, derived", f"{kind} 的反向传播推导")
        return Derivation(title, tuple(prover.sections()), self.naming.samples)

    def derivation(self) -> Derivation:
        """Return the backward pass as a derivation, with the live numbers.

        The right side of every step is evaluated from its formula by NumPy and compared with what
        the framework computed. Raises `DerivationError` at the first step that does not agree.

        >>> from lamina import insight, nn, tensor
        >>> model = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())
        >>> t = insight.trace(model, tensor([[1.0, 2.0]]), tensor([[1.0]]), "mse")
        >>> print(t.derivation().to_text().splitlines()[0])
        The backward pass of Sequential, derived
        """
        return self._derivation

    def learning_step(
        self, lr: float, weight_decay: float = 0.0, decay: str = "weights"
    ) -> LearningStep:
        """Return one update of gradient descent, parameter by parameter (see `LearningStep`)."""
        symbols = {
            id(node): parameter_symbol(layer.main, name)
            for layer in self.calls
            for name, node in layer.main.unit.parameters.items()
        }
        return learning_step(self.capture, symbols, lr, weight_decay, decay)

    def __str__(self) -> str:
        from lamina.insight.trace.listing import listing

        return listing(self)


def trace(model: Module, x: Any, y: Any, loss: Loss) -> Trace:
    """Run a model forward and backward, and return every quantity of the book by layer.

    For each layer l there are the net input z, the activation a = f(z), f′(z), the error term
    δ = ∂L/∂z, ∂L/∂a, and ∂L/∂W, ∂L/∂b, with names in English and Chinese, in the book's layout: a
    column a sample (nndl §4.4, §5.2). Parameters' ``grad`` and running statistics stay as they are.

    Args:
        model: any module; layers are the calls of modules, functions and operations inside it, in
            order of execution, so branches are layers too.
        x: what the model takes, with a batch axis.
        y: targets.
        loss: a function of outputs and targets, a loss layer, or a name such as ``"mse"``.

    Raises `ShapeError` unless the loss is a scalar.

    >>> from lamina import insight, nn, tensor
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    >>> t = insight.trace(model, tensor([[1.0, 2.0]]), tensor([[1.0]]), "mse")
    >>> [(layer.number, layer.name, layer.delta.shape, layer.dW.shape) for layer in t.layers]
    [(1, '0', (3, 1), (3, 2)), (2, '2', (1, 1), (1, 3))]
    """
    passes = capture(model, x, y, loss)
    units = units_of(passes, RULED)
    naming = Naming(passes, units)
    layers = naming.layers(units[:-1])
    number = layers[-1].number + 1 if layers else 1
    symbol = Symbol("L")
    placed = naming.place(units[-1], loss_rule(passes), number, symbol, Symbol("1"))
    return Trace(passes, naming, layers, placed)
