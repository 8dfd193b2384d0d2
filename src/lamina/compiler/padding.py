"""Zeros after weights whose outputs make no blocks of vectors.

A product of one vector with a matrix takes as long as the matrix takes to come from memory, and
that is fastest in long pieces: in the blocks of `splitting`. A thousand classes make none. With a
few rows of zeros they do, and the outputs of these are cut off again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from lamina.compiler.grouping import lasting, lasting_operand
from lamina.compiler.passes.rewriting import Operands, made, rebuilt, rewrite
from lamina.compiler.splitting import own_axes
from lamina.core.node import Node
from lamina.core.program import Program
from lamina.core.types import Shape
from lamina.ops.affine import unit
from lamina.ops.contraction import Contraction, Read

T = TypeVar("T")

LARGE = 1024 * 1024
"""Bytes of weights that no near cache keeps from one call to the next."""

VECTORS = (2, 3)
"""How many vectors make a good block."""


def pad_weights(program: Program, static: Collection[int], lanes: int) -> Program:
    """Return the program with zeros after large weights that stay (inputs by number)."""
    fixed = lasting(program, static)

    def rule(node: Node, operands: Operands) -> Node:
        weights = lasting_operand(node, fixed)
        found = None if weights is None else _outputs(node, weights, lanes)
        return rebuilt(node, operands) if found is None else found.padded(node, operands)

    return rewrite(program, rule)


@dataclass(frozen=True, slots=True)
class _Outputs:
    """A loop over outputs that is an axis of weights (an operand), and how long it should be."""

    loop: int
    weights: int
    axis: int
    length: int

    def padded(self, node: Node, operands: Operands) -> Node:
        """Return the node that computes the same from weights with zeros."""
        spec, weights = node.operation, operands[self.weights]
        assert isinstance(spec, Contraction)
        shape = _with(weights.shape, self.axis, self.length)
        longer = made(_part(weights.shape, shape), (weights,), weights)
        reads = _with(spec.reads, self.weights, replace(spec.reads[self.weights], shape=shape))
        extents = _with(spec.extents, self.loop, self.length)
        given = _with(operands, self.weights, longer)
        found = made(replace(spec, extents=extents, reads=reads), given, node)
        return made(_part(found.shape, node.shape), (found,), node)


def _outputs(node: Node, weights: int, lanes: int) -> _Outputs | None:
    """Return the outputs of a product of one vector with large weights, if they make no blocks."""
    spec, given = node.operation, node.operands[weights]
    if (
        not isinstance(spec, Contraction)
        or len(spec.reads) != 2
        or given.type.size * given.dtype.itemsize < LARGE
    ):
        return None
    for loop, axis in own_axes(spec, weights, 1 - weights):
        extent, blocks = spec.extents[loop], [n * lanes for n in VECTORS]
        if extent == node.type.size and all(extent % block for block in blocks):
            return _Outputs(loop, weights, axis, min(-(-extent // b) * b for b in blocks))
    return None


def _part(shape: Shape, wanted: Shape) -> Contraction:
    """Return what cuts an array to a shape, or puts zeros after it."""
    rank = len(wanted)
    return Contraction(wanted, rank, (Read(shape, tuple(unit(n, rank) for n in range(rank))),))


def _with(values: Sequence[T], place: int, value: T) -> tuple[T, ...]:
    return (*values[:place], value, *values[place + 1 :])
