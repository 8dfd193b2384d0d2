"""Rebuilding programs with some nodes replaced.

Nodes never change, so a node whose operands are replaced is made anew. New nodes are made
after their operands and never hold a value: nothing is evaluated here.
"""

from __future__ import annotations

from collections.abc import Callable

from lamina.core.node import CONSTANT, Node, Operation
from lamina.core.program import Program
from lamina.core.types import Array, Type
from lamina.ops.structure import Reshape

Operands = tuple[Node, ...]
Rule = Callable[[Node, Operands], Node]
"""From a node and the replacements of its operands to the node's own replacement."""


def rewrite(
    program: Program, rule: Rule, constants: Callable[[Node], Node] | None = None
) -> Program:
    """Return ``program`` with ``rule`` applied to every node, operands first.

    ``constants`` is applied to the nodes that have a value; inputs stay. What the outputs no
    longer need is gone. The program itself is returned where nothing was replaced.
    """
    done = {id(node): node for node in program.inputs}
    for node in program.nodes:
        if id(node) in done:
            continue
        if node.value is None:
            done[id(node)] = rule(node, tuple(done[id(operand)] for operand in node.operands))
        else:
            done[id(node)] = constants(node) if constants else node
    outputs = tuple(done[id(node)] for node in program.outputs)
    if outputs == program.outputs:
        return program
    return Program(program.inputs, outputs, program.name)


def rebuilt(node: Node, operands: Operands) -> Node:
    """Return ``node`` applied to other operands of the same types; itself if they are its own."""
    if operands == node.operands:  # nodes are equal if they are the same
        return node
    return _placed(Node(node.operation, operands, node.type, None, 0, node.frame), node)


def made(operation: Operation, operands: Operands, place: Node) -> Node:
    """Return a new node that stands in ``place``'s stead: with its frame and name."""
    type_ = operation.infer(*[operand.type for operand in operands])
    return _placed(Node(operation, operands, type_, None, 0, place.frame), place)


def known(value: Array, place: Node) -> Node:
    """Return a constant that stands in ``place``'s stead."""
    type_ = Type(value.shape, value.dtype)
    return _placed(Node(CONSTANT, (), type_, value, 0, place.frame), place)


def _placed(node: Node, place: Node) -> Node:
    node.name = place.name
    return node


def consumers(program: Program) -> dict[int, dict[int, Node]]:
    """Return, by the node's id, the distinct nodes that read it (by their ids)."""
    found: dict[int, dict[int, Node]] = {id(node): {} for node in program.nodes}
    for node in program.nodes:
        if node.value is None:
            for operand in node.operands:
                found[id(operand)][id(node)] = node
    return found


def count_operations(program: Program) -> int:
    """Return how many nodes there are to compute.

    What is given or known is not, and neither are reshapes: they only name axes.
    """
    given = {id(node) for node in program.inputs}
    computed = (n for n in program.nodes if n.value is None and id(n) not in given)
    return sum(not isinstance(node.operation, Reshape) for node in computed)
