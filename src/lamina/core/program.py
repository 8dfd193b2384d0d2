"""A program: a graph with named ends, that can be printed, verified and evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.graph import topological
from lamina.core.node import Node
from lamina.core.types import Array

Rule = Callable[[Node, Sequence[Array]], Array]
"""From a node and its operands' values to its own."""


@dataclass(frozen=True, eq=False)
class Program:
    """Inputs, outputs and the nodes between them.

    Nodes that have a value are the program's constants: nothing behind them belongs to it.
    ``print(program)`` gives a listing that reads like a textbook's.
    """

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    name: str = "f"
    nodes: tuple[Node, ...] = field(init=False)

    def __post_init__(self) -> None:
        order = topological((*self.inputs, *self.outputs), _abstract_operands)
        object.__setattr__(self, "nodes", tuple(order))

    def __str__(self) -> str:
        from lamina.core.printer import listing

        return listing(self)

    def evaluate(self, *arguments: Array, order: Sequence[Node] | None = None) -> list[Array]:
        """Return the outputs' values for the inputs' values, by the NumPy reference.

        ``order`` is another order than that of ``nodes`` in which to compute them, each after its
        operands; inputs and constants may be left out.
        """
        self._check(arguments)
        return self.evaluate_by(_evaluated, arguments, order)

    def evaluate_by(
        self, rule: Rule, arguments: Sequence[Array], order: Sequence[Node] | None = None
    ) -> list[Array]:
        """Return the outputs' values, each node's by a rule from those of its operands.

        Arguments may be of any types. Values are freed after their last use.
        """
        values = self._known(arguments)
        order = self.nodes if order is None else order
        last = {id(operand): node for node in order for operand in node.operands}
        kept = {id(node) for node in self.outputs}
        with np.errstate(all="ignore"):
            for node in order:
                if id(node) not in values:
                    values[id(node)] = rule(node, [values[id(o)] for o in node.operands])
                for operand in node.operands:
                    if last[id(operand)] is node and id(operand) not in kept:
                        values.pop(id(operand), None)
        return [values[id(node)] for node in self.outputs]

    def _known(self, arguments: Sequence[Array]) -> dict[int, Array]:
        """Return the values of inputs and constants."""
        values = {id(node): node.value for node in self.nodes if node.value is not None}
        return values | {id(n): a for n, a in zip(self.inputs, arguments, strict=True)}

    def _check(self, arguments: tuple[Array, ...]) -> None:
        if len(arguments) != len(self.inputs):
            raise ArgumentError(
                f"program {self.name} takes {len(self.inputs)} inputs, got {len(arguments)}"
            )
        for node, array in zip(self.inputs, arguments, strict=True):
            if array.shape != node.shape or array.dtype != node.dtype:
                raise ShapeError(
                    f"program {self.name}, input {node.name or ''}: expected {node.type}, "
                    f"got {array.dtype}{list(array.shape)}; trace again for other types"
                )


def _abstract_operands(node: Node) -> Iterable[Node]:
    return node.operands if node.value is None else ()


def _evaluated(node: Node, operands: Sequence[Array]) -> Array:
    return node.operation.evaluate(*operands)
