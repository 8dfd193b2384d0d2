"""The invariants of a graph, checked."""

from __future__ import annotations

from lamina.core.errors import GraphError, LaminaError
from lamina.core.node import Leaf, Node
from lamina.core.program import Program


def verify(program: Program) -> None:
    """Raise `GraphError` unless the program keeps every invariant of a graph.

    Operands come before results (no cycles); every leaf is an input or has a value; every
    node's type is what its operation infers from its operands; values have their node's type.
    """
    inputs = {id(node) for node in program.inputs}
    if len(inputs) != len(program.inputs):
        raise GraphError(f"program {program.name}: an input occurs twice")
    seen: set[int] = set()
    for node in program.nodes:
        _check_node(node, program, inputs, seen)
        seen.add(id(node))


def _check_node(node: Node, program: Program, inputs: set[int], seen: set[int]) -> None:
    where = f"program {program.name}, {node!r}"
    if node.value is not None:
        if (node.value.shape, node.value.dtype) != (node.shape, node.dtype):
            raise GraphError(
                f"{where}: value is {node.value.dtype}{list(node.value.shape)}, not {node.type}"
            )
        return
    if isinstance(node.operation, Leaf):
        if id(node) not in inputs:
            raise GraphError(f"{where}: a leaf that is neither an input nor a constant")
        return
    if any(id(operand) not in seen for operand in node.operands):
        raise GraphError(f"{where}: used before its operands (a cycle)")
    try:
        inferred = node.operation.infer(*[operand.type for operand in node.operands])
    except LaminaError as error:
        raise GraphError(f"{where}: its operands do not fit: {error}") from error
    if inferred != node.type:
        raise GraphError(f"{where}: its operation infers {inferred}")
