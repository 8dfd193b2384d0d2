"""Which arrays of a program have the batch as their first axis."""

from __future__ import annotations

from collections.abc import Collection

from lamina.compiler.machines import Machine
from lamina.core.node import Node
from lamina.core.program import Program
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction
from lamina.ops.pointwise import Cast, Pointwise
from lamina.ops.random import RandomBits


class Batch:
    """The batch's length (0 if vectors do not fit along it), and the nodes that have its axis.

    Samples come in with inputs; ``others`` are inputs (by number) that hold none, as weights.
    """

    def __init__(self, program: Program, machine: Machine, others: Collection[int]) -> None:
        given = [node for n, node in enumerate(program.inputs) if n not in others]
        self.length = _length(program, given, machine)
        self.members: set[int] = {id(node) for node in given if self._has_length(node)}
        for node in program.nodes if self.length else ():
            if node.value is None and node.operands and self._carries(node):
                self.members.add(id(node))

    def __contains__(self, node: Node) -> bool:
        return id(node) in self.members

    def _has_length(self, node: Node) -> bool:
        return bool(self.length) and node.shape[:1] == (self.length,)

    def _carries(self, node: Node) -> bool:
        if not self._has_length(node):
            return False
        if isinstance(node.operation, RandomBits):
            return True
        if not isinstance(node.operation, Contraction):
            return any(operand in self for operand in node.operands)
        pairs = zip(node.operation.reads, node.operands, strict=True)
        return any(o in self and _along_first_loop(read.indices[0]) for read, o in pairs)


def _along_first_loop(index: AffineIndex) -> bool:
    first, *rest = index.coefficients
    return (index.constant, first, index.divisor) == (0, 1, 1) and not any(rest)


def _length(program: Program, given: list[Node], machine: Machine) -> int:
    """Return the first length of inputs that most of the program's nodes share.

    It is 0 for programs of pointwise functions and sums: they are as fast in any order of memory,
    and to turn what they read would take longer than they do.
    """
    if all(_runs_in_any_order(node) for node in program.nodes):
        return 0
    lengths = [n.shape[0] for n in program.nodes if len(n.shape) > 1 and n.value is None]
    found = {n.shape[0] for n in given if len(n.shape) > 1}
    enough = sorted(n for n in found if 2 * n >= machine.lanes(4))
    return max(enough, key=lengths.count, default=0)


def _runs_in_any_order(node: Node) -> bool:
    operation = node.operation
    single = isinstance(operation, Contraction) and len(operation.reads) == 1
    return (
        node.value is not None
        or not node.operands
        or single
        or isinstance(operation, Pointwise | Cast)
    )
