"""Sums over images that a convolution's kernel adds up beside its outputs, while it has them.

Batch normalisation sums a convolution's outputs, and its gradients are sums of error terms that
the next layer's convolution has just computed. Read from memory again, they take as long as it
takes to read them.
"""

from __future__ import annotations

from lamina.compiler.passes.rewriting import Operands, consumers, made, rebuilt, rewrite
from lamina.compiler.passes.sums import is_sum, loops_of
from lamina.compiler.winograd.operations import Convolved, RowSums
from lamina.core.node import Node
from lamina.core.program import Program
from lamina.ops.contraction import Contraction
from lamina.ops.loops import Loop, contraction
from lamina.ops.pointwise import Pointwise

DEEPEST = 4
"""Functions between a convolution and a sum, at most."""


def sum_beside(program: Program, samples: int) -> Program:
    """Return the program with sums in two steps, where a convolution's kernel can do the first.

    ``samples`` lie side by side in memory.
    """
    readers = consumers(program)

    def rule(node: Node, operands: Operands) -> Node:
        if not is_sum(node) or not _by_channel(node, operands[0]):
            return rebuilt(node, operands)
        if all(is_sum(reader) for reader in readers[id(node.operands[0])].values()):
            return rebuilt(node, operands)  # what it reads would come late, one after another
        rows = made(RowSums(samples), operands, node)
        row, channel, sample = (Loop("", n) for n in rows.shape)
        spec = contraction((channel,), (rows.shape, (row, channel, sample)))
        return made(spec, (rows,), node)

    return rewrite(program, rule)


def _by_channel(node: Node, images: Node) -> bool:
    """Return whether a sum leaves the channels of images that follow from a convolution."""
    spec = node.operation
    assert isinstance(spec, Contraction)
    plain = len(images.shape) == 4 and images.shape[2] % 2 == 0 and spec.out_rank == 1
    return plain and loops_of(spec)[1] == 0 and _base(images, DEEPEST) is not None


def _base(node: Node, steps: int) -> Node | None:
    """Return the convolution that a node is, or a function of with what it does not lead to."""
    if isinstance(node.operation, Convolved):
        return node
    if not steps or node.value is not None or not isinstance(node.operation, Pointwise):
        return None
    for operand in node.operands:
        found = _base(operand, steps - 1) if operand.shape == node.shape else None
        if found is not None and not any(
            _needs(other, found) for other in node.operands if other is not operand
        ):
            return found
    return None


def _needs(node: Node, other: Node) -> bool:
    """Return whether a node is computed from another."""
    waiting, seen = [node], {id(node)}
    while waiting:
        for operand in (now := waiting.pop()).operands:
            if id(operand) not in seen:
                seen.add(id(operand))
                waiting.append(operand)
        if now is other:
            return True
    return False
