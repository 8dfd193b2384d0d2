"""The graph of a pass in pieces that have a name: layers, functions, single operations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from lamina.autodiff.levels import TAPE, over
from lamina.autodiff.rules import plus
from lamina.core.context import Frame, suppress
from lamina.core.graph import topological
from lamina.core.node import Node, constant
from lamina.core.types import Array, is_float
from lamina.insight.trace.capture import Capture
from lamina.nn import Module


@dataclass(eq=False)
class Unit:
    """A piece of the graph with one result.

    Attributes:
        name: where it stands: a module's qualified name, or a function's or operation's.
        kind: the class of the module, or the name of the function or operation.
        module: the module of which it is a call, if it is one.
        nodes: what was computed, operands before results.
        inputs: the nodes that come from other units or are the network's input.
        output: the result.
        parameters: parameters that are read, by the name they have in the module.
    """

    name: str
    kind: str
    module: Module | None
    nodes: list[Node]
    inputs: list[Node] = field(default_factory=list)
    parameters: dict[str, Node] = field(default_factory=dict)

    @property
    def output(self) -> Node:
        return self.nodes[-1]

    def pull(self, cotangent: Array) -> dict[int, Array]:
        """Return what the unit alone adds to the cotangent of each operand, by ``id``.

        This is reverse mode through the unit's own nodes.
        """
        found = {id(self.output): constant(cotangent)}
        with suppress(TAPE | over()):
            for node in reversed(self.nodes):
                if id(node) in found:
                    _pull_through(node, found)
        return {key: node.value for key, node in found.items() if node.value is not None}

    def push(self, tangents: dict[int, Array]) -> Array:
        """Return the result's tangent, by forward mode through the unit's own nodes."""
        found = {key: constant(value) for key, value in tangents.items()}
        with suppress(TAPE | over()):
            for node in self.nodes:
                _push_through(node, found)
        tangent = found.get(id(self.output))
        if tangent is None or tangent.value is None:
            return np.zeros(self.output.shape, self.output.dtype)
        return tangent.value


def _pull_through(node: Node, found: dict[int, Node]) -> None:
    for index, operand in enumerate(node.operands):
        if operand.tracks & TAPE and is_float(operand.dtype):
            part = node.operation.vjp(node, index, found[id(node)])
            if part is not None:
                found[id(operand)] = plus(found.get(id(operand)), part)


def _push_through(node: Node, found: dict[int, Node]) -> None:
    total: Node | None = None
    for index, operand in enumerate(node.operands):
        if id(operand) in found:
            part = node.operation.jvp(node, index, found[id(operand)])
            total = total if part is None else plus(total, part)
    if total is not None:
        found[id(node)] = total


def units_of(capture: Capture, ruled: tuple[type[Module], ...]) -> list[Unit]:
    """Return the units of a pass in order of execution, the loss last.

    A call of a module of a class in ``ruled`` is one unit; outside of these, so is a call of a
    composite function, and each operation outside of both.
    """
    nodes = [n for n in topological([capture.loss.node]) if n.operands and n.tracks & TAPE]
    nodes.sort(key=lambda node: node.serial)
    groups = _Grouping(capture, ruled).groups(nodes)
    found = [unit for group in groups for unit in _single_results(group, nodes)]
    found.sort(key=lambda unit: unit.output.serial)
    parameters = {id(node): name for name, node in capture.parameters.items()}
    for unit in found:
        _connect(unit, parameters)
    return found


class _Grouping:
    """Which nodes belong to which unit, by the frames that they carry."""

    def __init__(self, capture: Capture, ruled: tuple[type[Module], ...]) -> None:
        self.loss = capture.loss_frame
        self.calls = {
            call.frame: call
            for call in capture.calls
            if isinstance(call.module, ruled) and call.frame is not None
        }

    def groups(self, nodes: list[Node]) -> list[Unit]:
        made: dict[object, Unit] = {}
        for node in nodes:
            key, name, kind, module = self._place(node)
            made.setdefault(key, Unit(name, kind, module, [])).nodes.append(node)
        return list(made.values())

    def _place(self, node: Node) -> tuple[object, str, str, Module | None]:
        own = node.name or node.operation.name
        found: tuple[object, str, str, Module | None] = (node, own, own, None)
        for frame in _chain(node.frame):
            if frame is self.loss:
                return frame, "loss", "loss", None
            if frame in self.calls:
                call = self.calls[frame]
                found = frame, call.name, type(call.module).__name__, call.module
            elif frame.kind == "function":
                found = frame, frame.name, frame.name, None
        return found


def _chain(frame: Frame | None) -> Iterator[Frame]:
    """Yield a frame and those around it, from the innermost."""
    while frame is not None:
        yield frame
        frame = frame.parent


def _single_results(unit: Unit, nodes: list[Node]) -> list[Unit]:
    """Return the unit, or its nodes one by one if more than one of them is read elsewhere."""
    own = {id(node) for node in unit.nodes}
    read = {id(o) for node in nodes if id(node) not in own for o in node.operands}
    results = [node for node in unit.nodes if id(node) in read]
    if len(results) > 1 or (results and results[0] is not unit.nodes[-1]):
        return [Unit(n.operation.name, n.operation.name, None, [n]) for n in unit.nodes]
    return [unit]


def _connect(unit: Unit, parameters: dict[int, str]) -> None:
    """Find what the unit reads."""
    own = {id(node) for node in unit.nodes}
    for node in unit.nodes:
        for operand in node.operands:
            if id(operand) in own or not operand.tracks & TAPE or operand in unit.inputs:
                continue
            if id(operand) in parameters:
                name = parameters[id(operand)]
                unit.parameters[name.rpartition(".")[2] if unit.module else name] = operand
            else:
                unit.inputs.append(operand)
