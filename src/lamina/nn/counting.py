"""Counting what a layer does: connections and multiply-adds, from the contractions it makes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from math import prod

import numpy as np

from lamina.core.node import Node
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction
from lamina.ops.window import WindowMax

Condition = tuple[AffineIndex, int]
"""An index and the size of the axis in whose range it must lie."""


@dataclass(frozen=True)
class Counts:
    """How many inputs are read by units, and how many products are added up."""

    terms: int
    multiply_adds: int


def count(nodes: Iterable[Node], learned: Collection[int]) -> Counts:
    """Count over contractions that sum or multiply, and maxima over windows.

    Terms at the border that read padding do not count, nor do zeros of constant operands (a
    matrix that resizes, say). ``learned`` holds the ids of nodes that count whatever their value:
    parameters and what is made of them. Multiply-adds are the terms of contractions of two
    operands or more.
    """
    terms = multiply_adds = 0
    for node in nodes:
        spec = _spec(node)
        if spec is not None:
            found = _count(node, spec, learned)
            terms += found
            multiply_adds += found if len(spec.reads) > 1 else 0
    return Counts(terms, multiply_adds)


def _count(node: Node, spec: Contraction, learned: Collection[int]) -> int:
    zeros = [
        operand.value is not None and id(operand) not in learned and not operand.value.all()
        for operand in node.operands
    ]
    if not any(zeros):
        return count_terms(spec)
    indicators = [
        (operand.value != 0).astype(np.float64) if sparse else np.ones(operand.shape)  # type: ignore[union-attr]
        for operand, sparse in zip(node.operands, zeros, strict=True)
    ]
    return int(spec.evaluate(*indicators).sum().round())


def _spec(node: Node) -> Contraction | None:
    operation = node.operation
    if isinstance(operation, WindowMax):
        return operation.window
    if not isinstance(operation, Contraction):
        return None
    moves_only = len(operation.reads) == 1 and operation.out_rank == len(operation.extents)
    return None if moves_only else operation


def count_terms(spec: Contraction) -> int:
    """Return how many terms of a contraction have all their reads in range.

    >>> from lamina.ops.loops import Loop, contraction
    >>> y, k = Loop("y", 4), Loop("k", 3)
    >>> count_terms(contraction((y,), ((4,), (y + k - 1,)), ((3,), (k,))))
    10
    """
    if 0 in spec.extents:
        return 0
    conditions = [
        *((i, n) for read in spec.reads for i, n in zip(read.indices, read.shape, strict=True)),
        *((guard.index, guard.size) for guard in spec.guards),
    ]
    free = set(range(len(spec.extents)))
    total = 1
    for loops, joined in _components(spec, conditions):
        free -= loops
        total *= _count_inside(spec, sorted(loops), joined)
    return total * prod(spec.extents[loop] for loop in free)


def _components(
    spec: Contraction, conditions: list[Condition]
) -> list[tuple[set[int], list[Condition]]]:
    """Group the conditions that can fail so that no two groups share a loop."""
    groups: list[tuple[set[int], list[Condition]]] = []
    for index, size in conditions:
        if index.stays_inside(spec.extents, size):
            continue
        loops = {loop for loop, c in enumerate(index.coefficients) if c}
        touching = [group for group in groups if group[0] & loops]
        groups = [group for group in groups if not group[0] & loops]
        joined = [condition for group in touching for condition in group[1]]
        groups.append((loops.union(*(group[0] for group in touching)), [*joined, (index, size)]))
    return groups


def _count_inside(spec: Contraction, loops: list[int], conditions: list[Condition]) -> int:
    grid = np.indices([spec.extents[loop] for loop in loops])
    inside = np.ones(grid.shape[1:], bool)
    for index, size in conditions:
        coefficients = [index.coefficients[loop] for loop in loops]
        value = index.constant + np.tensordot(coefficients, grid, 1)
        inside &= (value % index.divisor == 0) & (value >= 0) & (value < size * index.divisor)
    return int(inside.sum())
