"""The batch in blocks: samples of one block are neighbours in memory, then pixels and channels.

With the whole batch innermost, a tile of a convolution reads a little of every pixel's samples,
far from the next little: lines of the cache are fetched in part, and every channel and row is on
a page of its own. In blocks of the few vectors that a tile is wide, it reads whole neighbouring
lines. The program is rewritten so that its batch axis is two, over blocks and inside one; the
rest of the compiler has nothing to know of it but which of the two lanes run along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lamina.compiler.batching import Batch
from lamina.compiler.layouts import LINE
from lamina.compiler.machines import Machine
from lamina.compiler.passes.numbers import is_uniform, repeated
from lamina.compiler.passes.rewriting import Operands, known, made, rebuilt
from lamina.compiler.splitting import in_blocks, is_loop, split_loop
from lamina.compiler.winograd.gradients import Correlated
from lamina.compiler.winograd.operations import Convolved, RowSums
from lamina.core.node import Node, Operation
from lamina.core.program import Program
from lamina.core.types import Array, Shape
from lamina.ops.contraction import Contraction
from lamina.ops.gather import Gather, ScatterAdd
from lamina.ops.pointwise import Cast, Pointwise
from lamina.ops.random import RandomBits
from lamina.ops.structure import Alias, ArgSort, Concatenate, Reshape
from lamina.ops.window import Window

VECTORS = 2
"""Vectors that a block has at least, beside a line: as many as tiles that load least are wide."""

FEWEST_AXES = 3
"""Images have so many axes with the batch's. Without images there is nothing to bring together."""


def block_batch(program: Program, batch: Batch, machine: Machine) -> tuple[Program, Batch]:
    """Return a program that computes the same with its batch in blocks, where that is worth it."""
    size = samples_together(batch, machine)
    images = any(node in batch and len(node.shape) >= FEWEST_AXES for node in program.nodes)
    if not images or batch.length == size:
        return program, batch
    blocking = _Blocking(program, batch, size)
    found = blocking.result()
    return found, Batch(batch.length, blocking.members(found), 1)


def samples_together(batch: Batch, machine: Machine) -> int:
    """Return how many samples of images lie side by side: those of a block, or all."""
    size = max(LINE // 4, VECTORS * machine.lanes(4))
    return batch.length if batch.length % size else size


Blocked = tuple[Operation, tuple[bool, ...]]
"""An operation on blocks, and which of its operands are in blocks."""


class _Blocking:
    """Every node in its own shape or in blocks, made when first asked for."""

    def __init__(self, program: Program, batch: Batch, size: int) -> None:
        self.program, self.batch, self.size = program, batch, size
        self.plain: dict[int, Node] = {id(node): node for node in program.inputs}
        self.blocked: dict[int, Node] = {}

    def result(self) -> Program:
        """Return the program, from the same inputs to outputs of the same shapes."""
        for node in self.program.nodes:
            (self._in_blocks if node in self.batch else self._in_own_shape)(node)
        outputs = tuple(self._in_own_shape(node) for node in self.program.outputs)
        return Program(self.program.inputs, outputs, self.program.name)

    def members(self, program: Program) -> frozenset[int]:
        """Return the ids of the new program's nodes that are in blocks."""
        made_here = {id(node) for node in self.blocked.values()}
        return frozenset(id(node) for node in program.nodes if id(node) in made_here)

    def _made_in_own_shape(self, node: Node) -> Node:
        """Return a node that has not got the batch's axis; it may be a sum along it."""
        if node.value is not None:
            return node
        found = self._sum(node)
        if found is not None:
            return self._applied(found, node)
        return rebuilt(node, tuple(map(self._in_own_shape, node.operands)))

    def _made_in_blocks(self, node: Node) -> Node | None:
        """Return a node with the batch's axis in blocks; None where it has to be made without."""
        if node.value is not None:
            return known(_in_shape(node.value, self._shape(node.shape)), node)
        found = self._operation(node)
        return None if found is None else self._applied(found, node)

    def _applied(self, found: Blocked, node: Node) -> Node:
        operation, which = found
        operands: Operands = tuple(
            self._in_blocks(operand) if blocked else self._in_own_shape(operand)
            for operand, blocked in zip(node.operands, which, strict=True)
        )
        return made(operation, operands, node)

    def _in_own_shape(self, node: Node) -> Node:
        if id(node) not in self.plain:
            there = self.blocked.get(id(node))
            self.plain[id(node)] = (
                self._made_in_own_shape(node)
                if there is None
                else made(Reshape(node.shape), (there,), node)
            )
        return self.plain[id(node)]

    def _in_blocks(self, node: Node) -> Node:
        if id(node) not in self.blocked:
            found = self._made_in_blocks(node)
            if found is None:
                found = made(Reshape(self._shape(node.shape)), (self._in_own_shape(node),), node)
            self.blocked[id(node)] = found
        return self.blocked[id(node)]

    def _shape(self, shape: Shape) -> Shape:
        return in_blocks(shape, 0, self.size)

    def _has_axis(self, nodes: Sequence[Node]) -> bool:
        return all(node.shape[:1] == (self.batch.length,) for node in nodes)

    # Operations ------------------------------------------------------------------------

    def _operation(self, node: Node) -> Blocked | None:
        """Return the operation on blocks; None where it has to be done without."""
        operation, operands = node.operation, node.operands
        if isinstance(operation, Contraction):
            return self._split(node, operation, 0)
        if isinstance(operation, RandomBits):
            return replace(operation, shape=self._shape(operation.shape)), (False,)
        if isinstance(operation, Gather | ScatterAdd):
            return self._indexed(operation, operands)
        if isinstance(operation, Convolved) and self._has_axis(operands[1:]):
            return operation, (False, True)
        if not self._has_axis(operands):
            return None
        every = (True,) * len(operands)
        if isinstance(operation, Pointwise | Cast | Alias):
            return operation, every
        if isinstance(operation, Reshape):
            return Reshape(self._shape(operation.shape)), every
        if isinstance(operation, Window):
            return self._window(operation, every)
        if isinstance(operation, Concatenate | ArgSort) and operation.axis > 0:
            return replace(operation, axis=operation.axis + 1), every
        return None

    def _sum(self, node: Node) -> Blocked | None:
        """Return a contraction on blocks that are summed, if it sums along the batch."""
        spec = node.operation
        if isinstance(spec, Correlated | RowSums):
            every = (True,) * len(node.operands)
            return (spec, every) if self._has_axis(node.operands) else None
        if not isinstance(spec, Contraction):
            return None
        loops = range(spec.out_rank, len(spec.extents))
        members = [r for r, o in zip(spec.reads, node.operands, strict=True) if o in self.batch]
        found = (n for read in members for n in loops if is_loop(read.indices[0], n))
        loop = next(found, None)
        return None if loop is None else self._split(node, spec, loop)

    def _split(self, node: Node, spec: Contraction, loop: int) -> Blocked | None:
        """Return the contraction with a loop along the batch in two."""
        owners = _owners(spec, loop)
        if owners is None or not self._has_axis([node.operands[n] for n in owners]):
            return None
        split = split_loop(spec, loop, self.size, dict.fromkeys(owners, 0))
        return split, tuple(n in owners for n in range(len(node.operands)))

    def _window(self, operation: Window, every: tuple[bool, ...]) -> Blocked | None:
        if _owners(operation.window, 0) != [0]:
            return None
        return replace(operation, window=split_loop(operation.window, 0, self.size, {0: 0})), every

    def _indexed(self, operation: Gather | ScatterAdd, operands: Operands) -> Blocked | None:
        if operation.axis == 0 or not self._has_axis(operands[:1]):
            return None
        moved: Operation = replace(operation, axis=operation.axis + 1)
        if isinstance(moved, ScatterAdd):
            moved = replace(moved, shape=self._shape(moved.shape))
        return moved, tuple(n == 0 for n in range(len(operands)))


def _in_shape(value: Array, shape: Shape) -> Array:
    """Return a constant in another shape, what is repeated still stored once."""
    if is_uniform(value):
        return repeated(value.flat[0], value.dtype, shape)
    return value.reshape(shape)


def _owners(spec: Contraction, loop: int) -> list[int] | None:
    """Return the operands whose first axis is a loop that nothing else depends on, or None."""
    found = []
    if any(guard.index.coefficients[loop] for guard in spec.guards):
        return None
    for number, read in enumerate(spec.reads):
        axes = [n for n, index in enumerate(read.indices) if index.coefficients[loop]]
        if axes and (axes != [0] or not is_loop(read.indices[0], loop)):
            return None
        found += [number] * bool(axes)
    return found
