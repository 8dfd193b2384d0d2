"""Compose views: transposes, slices, pads and broadcasts vanish into contractions.

Equal to rounding for finite operands: the products and sums are the same, but NumPy may sum in
another order. (Where everything that is read lies outside, 0 · ∞ may have been NaN.)
"""

from __future__ import annotations

from dataclasses import replace

from lamina.compiler.passes.rewriting import Operands, consumers, made, rebuilt, rewrite
from lamina.compiler.passes.views import as_view, normal, read_through, seen_through
from lamina.core.node import Node
from lamina.core.program import Program
from lamina.ops.contraction import Contraction, Read


def compose_reads(program: Program) -> Program:
    """Make contractions read what stands behind the views among their operands."""
    return rewrite(program, _compose)


def _compose(node: Node, operands: Operands) -> Node:
    operation = node.operation
    if not isinstance(operation, Contraction):
        return rebuilt(node, operands)
    pairs = [
        _behind(read, operand, operation)
        for read, operand in zip(operation.reads, operands, strict=True)
    ]
    reads = tuple(read for read, _ in pairs)
    sources = tuple(source for _, source in pairs)
    composed = normal(replace(operation, reads=reads))
    if composed == operation and sources == operands:
        return rebuilt(node, operands)
    return made(composed, sources, node)


def _behind(read: Read, operand: Node, contraction: Contraction) -> tuple[Read, Node]:
    """Go behind one view after another, as far as the reads can be composed."""
    view = as_view(operand)
    while view is not None:
        found = read_through(read, view, contraction.extents)
        if found is None:
            break
        read, operand = found, operand.operands[0]
        view = as_view(operand)
    return read, operand


def absorb_views(program: Program) -> Program:
    """Make contractions that are seen only through one view produce what the view shows.

    Only where the view shows elements of the result alone, and no element more than there are.
    """
    readers = consumers(program)
    kept = {id(node) for node in program.outputs}

    def absorb(node: Node, operands: Operands) -> Node:
        view = as_view(node)
        if view is None or view is not node.operation:
            return rebuilt(node, operands)
        old, (new,) = node.operands[0], operands
        inner = new.operation
        lonely = len(readers[id(old)]) == 1 and id(old) not in kept
        if not lonely or new.value is not None or not isinstance(inner, Contraction):
            return rebuilt(node, operands)
        merged = seen_through(view, inner)
        return made(normal(merged), new.operands, node) if merged else rebuilt(node, operands)

    return rewrite(program, absorb)
