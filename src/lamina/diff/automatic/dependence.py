"""Which elements of a program's values depend on which elements of its input.

A value of shape s has a pattern of shape (*s, n) for an input of n elements: true where an element
may depend on that of the input. An operation's pattern follows from its indices: a contraction's
is the same contraction of its operands' patterns, with ones for the other operands. Constants
count as they are, so a zero of a constant matrix lets nothing through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from lamina.core.node import Node, Operation
from lamina.core.program import Program
from lamina.core.types import Array, Shape, is_float
from lamina.ops.adjoint import adjoint
from lamina.ops.affine import AffineIndex, unit
from lamina.ops.contraction import Contraction, Read
from lamina.ops.gather import Gather, ScatterAdd
from lamina.ops.kinds import Constantlike
from lamina.ops.pointwise import Cast, Pointwise
from lamina.ops.scalar_calculus import ZERO, partial
from lamina.ops.structure import Alias, Concatenate, Reshape
from lamina.ops.window import WindowMax, WindowSelect, WindowSpread

Pattern = Array
"""Booleans of shape (*value.shape, n)."""

Known = Sequence[Pattern | None]
"""The patterns of a node's operands; None where one depends on nothing."""


def dependence(program: Program, given: Pattern) -> Pattern:
    """Return the pattern of a program's output, for that of its input.

    It says nothing false, but may say too much: a maximum depends on its whole window.
    """
    found: dict[int, Pattern | None] = {id(program.inputs[0]): given}
    for node in program.nodes:
        if id(node) not in found:
            found[id(node)] = _pattern(node, [found.get(id(o)) for o in node.operands])
    output = program.outputs[0]
    pattern = found[id(output)]
    return np.zeros((*output.shape, given.shape[-1]), bool) if pattern is None else pattern


def _pattern(node: Node, operands: Known) -> Pattern | None:
    nothing = all(pattern is None for pattern in operands)
    if node.value is not None or nothing or not is_float(node.dtype):
        return None
    if isinstance(node.operation, Constantlike):
        return None
    rule = next((r for kind, r in RULES.items() if isinstance(node.operation, kind)), _everything)
    return rule(node, operands)


def _everything(node: Node, operands: Known) -> Pattern:
    """Let every element depend on whatever any element of an operand depends on."""
    found = [
        pattern.reshape(-1, pattern.shape[-1]).any(0) for pattern in operands if pattern is not None
    ]
    return np.broadcast_to(np.any(found, axis=0), (*node.shape, found[0].size))


def _pointwise(node: Node, operands: Known) -> Pattern | None:
    operation = node.operation
    assert isinstance(operation, Pointwise)
    found = [
        pattern
        for n, pattern in enumerate(operands)
        if pattern is not None and partial(operation.function, n) != ZERO
    ]
    return _union(found)


def _union(patterns: Sequence[Pattern]) -> Pattern | None:
    return np.asarray(np.logical_or.reduce(patterns)) if patterns else None


def _first(node: Node, operands: Known) -> Pattern | None:
    return operands[0]


def _reshape(node: Node, operands: Known) -> Pattern:
    assert operands[0] is not None
    return operands[0].reshape(*node.shape, operands[0].shape[-1])


def _concatenate(node: Node, operands: Known) -> Pattern:
    operation = node.operation
    assert isinstance(operation, Concatenate)
    n = next(pattern.shape[-1] for pattern in operands if pattern is not None)
    parts = [
        np.zeros((*operand.shape, n), bool) if pattern is None else pattern
        for operand, pattern in zip(node.operands, operands, strict=True)
    ]
    return np.concatenate(parts, operation.axis)


def _gather(node: Node, operands: Known) -> Pattern:
    """Read the pattern at the positions, if they are known."""
    indices = [operand.value for operand in node.operands[1:]]
    pattern = operands[0]
    if pattern is None or any(index is None for index in indices):
        return _everything(node, operands)
    operation: Operation = node.operation
    if isinstance(operation, ScatterAdd):
        operation = replace(operation, shape=(*operation.shape, pattern.shape[-1]))
    return np.asarray(operation.evaluate(pattern.astype(np.float32), *indices)) > 0  # type: ignore[arg-type]


def _window(node: Node, operands: Known) -> Pattern | None:
    operation = node.operation
    assert isinstance(operation, WindowMax | WindowSelect | WindowSpread)
    spec = operation.window
    if isinstance(operation, WindowSpread):
        spec = adjoint(spec, 0)
    return _through(spec, 0, operands[0], [None])


def _contraction(node: Node, operands: Known) -> Pattern | None:
    operation = node.operation
    assert isinstance(operation, Contraction)
    values = [operand.value for operand in node.operands]
    parts = (_through(operation, n, pattern, values) for n, pattern in enumerate(operands))
    return _union([part for part in parts if part is not None])


def _through(
    spec: Contraction, index: int, pattern: Pattern | None, values: Sequence[Array | None]
) -> Pattern | None:
    """Return a contraction's pattern by one operand: true where a term reads an element."""
    if pattern is None:
        return None
    wide = _widened(spec, index, pattern.shape[-1])
    arrays = [_indicator(read.shape, value) for read, value in zip(spec.reads, values, strict=True)]
    arrays[index] = pattern.astype(np.float32)
    return np.greater(wide.evaluate(*arrays), 0)


def _indicator(shape: Shape, value: Array | None) -> Array:
    if value is None:
        return np.broadcast_to(np.float32(1), shape)
    return np.not_equal(value, 0).astype(np.float32)


def _widened(spec: Contraction, index: int, n: int) -> Contraction:
    """Return the contraction with one more output loop, that runs along an operand's new axis."""
    rank = spec.out_rank

    def wide(old: AffineIndex) -> AffineIndex:
        coefficients = (*old.coefficients[:rank], 0, *old.coefficients[rank:])
        return replace(old, coefficients=coefficients)

    extents = (*spec.extents[:rank], n, *spec.extents[rank:])
    own = unit(rank, len(extents))
    found = spec.changed(wide, extents=extents, out_rank=rank + 1, loop_names=())
    reads = list(found.reads)
    reads[index] = Read((*reads[index].shape, n), (*reads[index].indices, own))
    return replace(found, reads=tuple(reads))


RULES: dict[type[Operation], Callable[[Node, Known], Pattern | None]] = {
    Pointwise: _pointwise,
    Cast: _first,
    Alias: _first,
    Reshape: _reshape,
    Concatenate: _concatenate,
    Contraction: _contraction,
    WindowMax: _window,
    WindowSelect: _window,
    WindowSpread: _window,
    Gather: _gather,
    ScatterAdd: _gather,
}
