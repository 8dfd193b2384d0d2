"""Which arrays of a program have the batch as their first axis."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from lamina.compiler.machines import Machine
from lamina.compiler.splitting import is_loop
from lamina.compiler.winograd.gradients import Correlated
from lamina.compiler.winograd.operations import RowSums
from lamina.core.node import Node
from lamina.core.program import Program
from lamina.ops.contraction import Contraction
from lamina.ops.pointwise import Cast, Pointwise
from lamina.ops.random import RandomBits


@dataclass(frozen=True, slots=True)
class Batch:
    """The batch's length (0 if vectors do not fit along it), and the nodes that have its axis.

    It is the first axis, or in blocks the first two; ``lanes`` is the one along which vectors go.
    """

    length: int
    members: frozenset[int]
    lanes: int = 0

    def __contains__(self, node: Node) -> bool:
        return id(node) in self.members


def find_batch(program: Program, machine: Machine, others: Collection[int]) -> Batch:
    """Return the batch of a program: of samples that come in with inputs.

    ``others`` are inputs (by number) that hold none, as weights.
    """
    given = [node for n, node in enumerate(program.inputs) if n not in others]
    length = _length(program, given, machine)
    if not length:
        return Batch(0, frozenset())
    members = {id(node) for node in given if node.shape[:1] == (length,)}
    for node in program.nodes:
        computed = node.value is None and node.operands and node.shape[:1] == (length,)
        if computed and _carries(node, members):
            members.add(id(node))
    return Batch(length, frozenset(members))


def _carries(node: Node, members: Collection[int]) -> bool:
    if isinstance(node.operation, RandomBits):
        return True
    if isinstance(node.operation, Correlated | RowSums):  # samples are summed
        return False
    if not isinstance(node.operation, Contraction):
        return any(id(operand) in members for operand in node.operands)
    pairs = zip(node.operation.reads, node.operands, strict=True)
    return any(id(o) in members and is_loop(read.indices[0], 0) for read, o in pairs)


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
