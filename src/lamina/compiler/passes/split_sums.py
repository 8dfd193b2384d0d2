"""Add up long sums in two stages: parts first, which threads share, and then those.

A sum to one number has no loop of the result that could be divided, and every addition waits for
the one before. The parts are a loop like any other. Results are equal to rounding.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from lamina.compiler.passes.rewriting import Operands, made, rebuilt, rewrite
from lamina.compiler.passes.sums import is_sum, loops_of
from lamina.core.node import Node
from lamina.core.program import Program
from lamina.ops.affine import AffineIndex, unit
from lamina.ops.contraction import Contraction, Read

LONG = 2**14
"""Terms from which on a sum is split."""

FEWEST_PARTS, MOST_PARTS = 8, 256

VECTORS = 64
"""A part of a multiple of this many terms is one of whole vectors on every machine."""


def split_sums(program: Program) -> Program:
    """Split sums of many terms to one number."""
    return rewrite(program, _split)


def _split(node: Node, operands: Operands) -> Node:
    same = rebuilt(node, operands)
    spec = same.operation
    if not is_sum(same) or not isinstance(spec, Contraction):
        return same
    if prod(spec.out_shape) != 1 or prod(spec.extents) < LONG:
        return same
    by_axis = [loop for loop in loops_of(spec) if loop >= spec.out_rank]
    loop = next((n for n in by_axis if spec.extents[n] >= FEWEST_PARTS), None)
    several = sum(spec.extents[n] > 1 for n in by_axis) > 1
    staged = _to_result(spec, loop) if several and loop is not None else _with_parts(spec)
    if staged is None:
        return same
    parts = made(staged, operands, same)
    last = len(parts.shape) - 1
    every = tuple(unit(axis, last + 1) for axis in range(last + 1))
    whole = Contraction(parts.shape, last, (Read(parts.shape, every),))
    return made(whole, (parts,), same)


def _to_result(spec: Contraction, loop: int) -> Contraction:
    """Return the contraction with a summed loop as the result's last axis."""
    order = [*range(spec.out_rank), loop]
    order += [n for n in range(spec.out_rank, len(spec.extents)) if n != loop]
    (read,) = spec.reads
    extents = tuple(spec.extents[n] for n in order)
    return Contraction(extents, spec.out_rank + 1, (read.changed(lambda i: i.take(order)),))


def _with_parts(spec: Contraction) -> Contraction | None:
    """Return the contraction with its one long loop as two, if its length can be divided."""
    loop = max(range(spec.out_rank, len(spec.extents)), key=lambda n: spec.extents[n])
    length = spec.extents[loop]
    found = [n for n in range(FEWEST_PARTS, MOST_PARTS + 1) if length % n == 0]
    if not found:
        return None
    parts = max(found, key=lambda n: (length // n % VECTORS == 0, n))
    extents = list(spec.extents)
    extents[loop] = length // parts
    extents.insert(spec.out_rank, parts)
    (read,) = spec.reads
    split = read.changed(lambda i: _two_loops(i, spec.out_rank, loop, length // parts))
    return Contraction(tuple(extents), spec.out_rank + 1, (split,))


def _two_loops(index: AffineIndex, first: int, loop: int, length: int) -> AffineIndex:
    """Return the index with a new loop, at ``first``, that counts the parts of another."""
    old = index.coefficients
    return replace(index, coefficients=(*old[:first], length * old[loop], *old[first:]))
