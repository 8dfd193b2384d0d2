"""A trace's equations in order, each as a verified step."""

from __future__ import annotations

import numpy as np

from lamina.core.node import Node
from lamina.core.types import Array
from lamina.insight.derivation.mathematics import (
    Math,
    OfLayer,
    block,
    derivative,
    factor,
    indexed,
    row,
)
from lamina.insight.derivation.step import Quantity, Section, Step
from lamina.insight.derivation.text import Text
from lamina.insight.trace.capture import Capture
from lamina.insight.trace.layers import (
    PARAMETER_WORDS,
    Layer,
    Naming,
    Placed,
    gradient_words,
    parameter_symbol,
)
from lamina.insight.trace.rules import Claim
from lamina.insight.trace.rules.activation import Elementwise, slope_symbol
from lamina.insight.trace.rules.base import columns
from lamina.insight.trace.rules.joining import Rearrangement


class Prover:
    """Writes the steps of a trace's layers and loss."""

    def __init__(self, capture: Capture, naming: Naming, layers: list[Layer], loss: Placed) -> None:
        self.capture, self.naming, self.layers, self.loss = capture, naming, layers, loss
        self.readers: dict[int, list[tuple[Placed, int]]] = {}
        for placed in [*self._placed(), loss]:
            for index, node in enumerate(placed.unit.inputs):
                self.readers.setdefault(id(node), []).append((placed, index))
        self.uses: dict[int, int] = {}
        for placed in self._placed():
            for node in placed.unit.parameters.values():
                self.uses[id(node)] = self.uses.get(id(node), 0) + 1

    def _placed(self) -> list[Placed]:
        found = []
        for layer in self.layers:
            found += [layer.main] + ([layer.activation] if layer.activation else [])
        return found

    def sections(self) -> list[Section]:
        """Return the forward pass, the loss, and the backward pass."""
        shown = [layer for layer in self.layers if not layer.trivial]
        forward = [self._forward(layer, n) for n, layer in enumerate(shown)]
        backward = [self._backward(layer, n) for n, layer in enumerate(shown)]
        return [*forward, self._loss(), *reversed(backward), *self._input()]

    # Forward -------------------------------------------------------------------------------

    def _forward(self, layer: Layer, number: int) -> Section:
        words = Text("net input", "净输入")
        if layer.rearranges:
            words = Text("activation in another shape", "改变形状的活性值")
        steps = [self._computed(layer.main, words)]
        if layer.activation is not None:
            steps.append(self._computed(layer.activation, Text("activation", "活性值")))
        return Section(_title("Forward", "前向", layer), tuple(steps), f"forward-{number}")

    def _computed(self, placed: Placed, words: Text) -> Step:
        claim, view = placed.rule.forward(placed.view), placed.view
        reference = np.asarray(placed.unit.output.value)
        return self._step(words, (claim.right,), view.output, claim, reference, True)

    def _loss(self) -> Section:
        step = self._computed(self.loss, Text("loss", "损失"))
        words = self.loss.rule.words_of(self.loss.unit)
        return Section(Text(f"Loss: {words.en}", f"损失：{words.zh}"), (step,), "loss")

    # Backward ------------------------------------------------------------------------------

    def _backward(self, layer: Layer, number: int) -> Section:
        main, activation = layer.main, layer.activation
        end = activation or main
        reached, right = self._reached(end.unit.output)
        steps = [reached] if reached is not None else []
        if activation is not None:
            steps += self._through(activation, right, main)
        steps += [self._parameter(main, name) for name in main.unit.parameters]
        return Section(_title("Backward", "反向", layer), tuple(steps), f"backward-{number}")

    def _reached(self, node: Node) -> tuple[Step | None, Math | None]:
        """Return the step that gives ∂L/∂(node) from all that read it, and its right side."""
        node = self._followed(node)
        readers = self.readers.get(id(node), [])
        claims = [placed.rule.pull(placed.view, index) for placed, index in readers]
        if not claims:
            return None, None
        claim = claims[0] if len(claims) == 1 else _summed(claims)
        symbol = self.naming.delta(node)
        words = _derivative_words(self.naming, node)
        reference = self.capture.gradient(node)
        return self._step(words, (claim.right,), symbol, claim, reference, True), claim.right

    def _followed(self, node: Node) -> Node:
        """Return what a value is called after all calls that only hand it on."""
        readers = self.readers.get(id(node), [])
        if len(readers) == 1 and isinstance(readers[0][0].rule, Rearrangement):
            output = readers[0][0].unit.output
            return self._followed(output) if output.shape == node.shape else node
        return node

    def _through(self, activation: Placed, behind: Math | None, main: Placed) -> list[Step]:
        steps = []
        if isinstance(activation.rule, Elementwise):
            steps.append(self._slope(activation))
        claim = activation.rule.pull(activation.view, 0)
        rights: tuple[Math, ...] = (claim.right,)
        if behind is not None and isinstance(activation.rule, Elementwise):
            slope = slope_symbol(activation.unit, activation.view.inputs[0])
            rights = (claim.right, row(slope, "⊙", block(behind)))
        words = Text("error term", "误差项")
        reference = self.capture.gradient(main.unit.output)
        return [*steps, self._step(words, rights, main.view.delta, claim, reference, True)]

    def _slope(self, activation: Placed) -> Step:
        assert isinstance(activation.rule, Elementwise)
        unit, view = activation.unit, activation.view
        claim = activation.rule.slope(view)
        ones = np.ones(unit.output.shape, unit.output.dtype)
        reference = unit.pull(ones)[id(unit.inputs[0])]
        words = Text("slope of the activation function", "激活函数的导数")
        return self._step(words, (claim.right,), slope_symbol(unit, view.inputs[0]), claim,
                          reference, True)  # fmt: skip

    def _parameter(self, placed: Placed, name: str) -> Step:
        node = placed.unit.parameters[name]
        claim = placed.rule.gradient(placed.view, name)
        words = PARAMETER_WORDS.get(name, Text(f"parameter {name}", f"参数 {name}"))
        symbol = derivative(parameter_symbol(placed, name))
        reference = self.capture.gradient(node)
        if self.uses[id(node)] > 1:  # each use has its part of a shared parameter's gradient
            reference = placed.unit.pull(placed.view.cotangent)[id(node)]
        return self._step(gradient_words(words), (claim.right,), symbol, claim, reference, False)

    def _input(self) -> list[Section]:
        step, _ = self._reached(self.capture.inputs.node)
        title = Text("Backward to the input", "反向到输入")
        return [] if step is None else [Section(title, (step,), "input")]

    # One step ------------------------------------------------------------------------------

    def _step(
        self, words: Text, rights: tuple[Math, ...], symbol: Math, claim: Claim,
        reference: Array, units: bool,
    ) -> Step:  # fmt: skip
        value, expected = np.asarray(claim.value, np.float64), reference
        precise = expected.dtype == np.float64
        if value.shape == expected.shape and units and value.ndim:
            value, expected = columns(value), columns(expected)
        return Step(
            words,
            rights,
            Quantity(symbol, value, words),
            expected,
            indexed(symbol, *claim.indices) if claim.indices else symbol,
            claim.given,
            tolerance=1e-9 if precise else 2e-4,
            scale=claim.scale,
        )


def _summed(claims: list[Claim]) -> Claim:
    """Return the sum of what several readers contribute."""
    parts: list[Math | str] = []
    for claim in claims:
        parts += ["+", factor(claim.right)] if parts else [factor(claim.right)]
    scale = max(float(np.abs(claim.value).max(initial=0.0)) for claim in claims)
    given = tuple(quantity for claim in claims for quantity in claim.given)
    total = sum((claim.value for claim in claims), np.zeros(()))
    kinds = {claim.indices for claim in claims}
    indices = claims[0].indices if len(kinds) == 1 else ()
    return Claim(row(*parts), total, given, scale, indices)


def _derivative_words(naming: Naming, node: Node) -> Text:
    if isinstance(naming.delta(node), OfLayer):
        return Text("error term", "误差项")
    return Text("derivative by the activation", "对活性值的导数")


def _title(en: str, zh: str, layer: Layer) -> Text:
    kinds = [layer.kind]
    if layer.activation is not None:
        kinds.append(layer.activation.rule.words_of(layer.activation.unit))
    english, chinese = ", ".join(k.en for k in kinds), "，".join(k.zh for k in kinds)
    after, then = ("after ", "之后") if layer.rearranges else ("", "")
    return Text(
        f"{en}, {after}layer {layer.number} ({layer.name}): {english}",
        f"{zh}，第{layer.number}层{then}（{layer.name}）：{chinese}",
    )
