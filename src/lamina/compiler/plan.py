"""From a program to kernels and memory: which buffers there are, and where each one lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import prod

import numpy as np

from lamina.compiler.ir import Buffer, Kernel, contiguous
from lamina.compiler.lowering import lower
from lamina.compiler.lowering.contraction import sums_over_lanes
from lamina.compiler.lowering.sort import scratch
from lamina.compiler.machines import Machine
from lamina.core.node import Node, Operation
from lamina.core.program import Program
from lamina.core.types import Array, DType, Shape, Type
from lamina.ops.contraction import Contraction
from lamina.ops.random import FoldIn, RandomBits
from lamina.ops.structure import Alias, ArgSort, Reshape

ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class Layout:
    """What a kernel is made for: an array's shape, dtype and strides (in elements)."""

    shape: Shape
    dtype: DType
    strides: Shape

    def buffer(self, name: str) -> Buffer:
        """Return a buffer laid out so."""
        return Buffer(name, self.shape, self.dtype, self.strides)


@dataclass(slots=True)
class Storage:
    """A piece of memory: given from outside, or ``size`` bytes of the arena from ``offset`` on."""

    number: int
    size: int
    first: int = 0
    last: int = 0
    external: bool = False
    offset: int = 0


@dataclass(slots=True)
class Plan:
    """Kernels, what each is called with, and the memory they need.

    Pointers are numbered: inputs first, then constants, then outputs, then temporaries.
    """

    kernels: list[Kernel] = field(default_factory=list)
    calls: list[list[int]] = field(default_factory=list)
    which: list[int] = field(default_factory=list)
    constants: list[Array] = field(default_factory=list)
    outputs: list[Type] = field(default_factory=list)
    temporaries: list[Storage] = field(default_factory=list)
    arena: int = 0


@lru_cache(maxsize=2048)
def kernel(
    operation: Operation, out: Layout, operands: tuple[Layout, ...], machine: Machine
) -> Kernel:
    """Return the kernel of an operation on arrays laid out so (equal ones are made once)."""
    target = out.buffer("out")
    sources = [layout.buffer(f"x{n}") for n, layout in enumerate(operands)]
    if isinstance(operation, ArgSort):
        sources.append(scratch(target))
    body, chunks = lower(operation, target, sources, machine)
    return Kernel(operation.name, (target, *sources), body, chunks)


def row_major(type_: Type) -> Layout:
    """Return the layout in which the last axis runs fastest."""
    return Layout(type_.shape, type_.dtype, contiguous("", type_.shape, type_.dtype).strides)


def batch_innermost(type_: Type) -> Layout:
    """Return the layout in which the first axis, the batch, runs fastest."""
    rest = row_major(Type(type_.shape[1:], type_.dtype)).strides
    strides = (1, *(stride * type_.shape[0] for stride in rest))
    return Layout(type_.shape, type_.dtype, strides)


def batch_of(program: Program, machine: Machine) -> int:
    """Return the length of the batch's axis, or 0 if vectors do not fit along it.

    It is the first length of the program's results and inputs that most of its nodes share.
    """
    lengths = [n.shape[0] for n in program.nodes if len(n.shape) > 1 and n.value is None]
    given = {n.shape[0] for n in program.inputs if len(n.shape) > 1}
    enough = sorted(n for n in given if n >= machine.lanes(4))
    return max(enough, key=lengths.count, default=0)


class Planner:
    """Walks a program in order and collects kernels and memory."""

    def __init__(self, program: Program, machine: Machine) -> None:
        self.program = program
        self.machine = machine
        self.plan = Plan()
        self.layouts: dict[int, Layout] = {}
        self.turned: dict[int, tuple[Layout, Storage]] = {}
        self.storages: dict[int, Storage] = {}
        self.made: list[Storage] = []
        self.steps: list[tuple[Kernel, list[Storage]]] = []
        self.batch = batch_of(program, machine)
        for node in program.inputs:
            self._place(node, row_major(node.type), self._external())
        constants = [n for n in program.nodes if n.value is not None]
        for node in constants:
            self._constant(node)
        owners = self._outputs()
        for node in program.inputs:
            self._relayout(node)
        for node in program.nodes:
            if id(node) not in self.storages:
                self._node(node, owners.get(id(node)))
        self._copy_outputs(owners)
        self._finish()

    def _external(self) -> Storage:
        storage = Storage(len(self.made), 0, external=True)
        self.made.append(storage)
        return storage

    def _temporary(self, layout: Layout) -> Storage:
        size = prod(layout.shape) * layout.dtype.itemsize
        storage = Storage(len(self.made), size, first=len(self.steps), last=len(self.steps))
        self.made.append(storage)
        return storage

    def _place(self, node: Node, layout: Layout, storage: Storage) -> None:
        self.layouts[id(node)], self.storages[id(node)] = layout, storage

    def _constant(self, node: Node) -> None:
        assert node.value is not None
        single = node.value.size > 0 and not any(node.value.strides)
        if single:
            layout = Layout(node.shape, node.dtype, (0,) * len(node.shape))
            value = np.array(node.value.flat[0])
        else:
            layout, value = row_major(node.type), np.ascontiguousarray(node.value)
        self.plan.constants.append(value)
        self._place(node, layout, self._external())

    def _outputs(self) -> dict[int, Storage]:
        """Give every output memory of its own; the first output of a node is written in place."""
        owners: dict[int, Storage] = {}
        self.output_storages = [self._external() for _ in self.program.outputs]
        for node, storage in zip(self.program.outputs, self.output_storages, strict=True):
            self.plan.outputs.append(node.type)
            owners.setdefault(id(node), storage)
        return owners

    def _layout(self, type_: Type) -> Layout:
        """Return the layout of a temporary: the batch innermost wherever there is one."""
        if self.batch and len(type_.shape) > 1 and type_.shape[0] == self.batch:
            return batch_innermost(type_)
        return row_major(type_)

    def _relayout(self, node: Node) -> None:
        """Copy what is laid out otherwise than temporaries are."""
        old, new = self.layouts[id(node)], self._layout(node.type)
        if old != new:
            self.turned[id(node)] = old, self.storages[id(node)]
            storage = self._temporary(new)
            made = kernel(Alias(), new, (old,), self.machine)
            self._step(made, [storage, self.storages[id(node)]])
            self._place(node, new, storage)

    def _node(self, node: Node, owner: Storage | None) -> None:
        if isinstance(node.operation, Alias | Reshape):
            self._alias(node)
            return
        seen = self._view(node)
        if seen is not None:
            self._place(node, seen, self.storages[id(node.operands[0])])
            return
        plain = row_major(node.type)
        in_order = isinstance(node.operation, RandomBits | FoldIn)
        layout = plain if in_order else self._layout(node.type)
        if layout != plain:
            owner = None
        found = self._operands(node, layout)
        operands, used = [each for each, _ in found], [storage for _, storage in found]
        made = kernel(node.operation, layout, tuple(operands), self.machine)
        storage = owner or self._temporary(layout)
        extra = [self._temporary(layout)] if isinstance(node.operation, ArgSort) else []
        self._place(node, layout, storage)
        self._step(made, [storage, *used, *extra])

    def _operands(self, node: Node, out: Layout) -> list[tuple[Layout, Storage]]:
        """Return how and where a node's operands lie.

        An operand of a contraction is turned to row-major order if lanes can then run along the
        result: that costs a pass over the operand and saves adding up lanes for every sum.
        """
        given = [(self.layouts[id(o)], self.storages[id(o)]) for o in node.operands]
        operation = node.operation
        if not isinstance(operation, Contraction) or node.dtype.kind != "f":
            return given
        if not self._sums_over_lanes(operation, out, [layout for layout, _ in given]):
            return given
        for place, operand in enumerate(node.operands):
            turned = [layout for layout, _ in given]
            turned[place] = row_major(operand.type)
            changed = turned[place] != given[place][0]
            if changed and not self._sums_over_lanes(operation, out, turned):
                given[place] = self._turned(operand)
                break
        return given

    def _sums_over_lanes(self, operation: Contraction, out: Layout, operands: list[Layout]) -> bool:
        buffers = [layout.buffer(f"x{n}") for n, layout in enumerate(operands)]
        return sums_over_lanes(operation, out.buffer("out"), buffers, self.machine)

    def _turned(self, node: Node) -> tuple[Layout, Storage]:
        """Return a copy of a node's value in row-major order, made once."""
        if id(node) not in self.turned:
            layout = row_major(node.type)
            storage = self._temporary(layout)
            made = kernel(Alias(), layout, (self.layouts[id(node)],), self.machine)
            self._step(made, [storage, self.storages[id(node)]])
            self.turned[id(node)] = layout, storage
        return self.turned[id(node)]

    def _alias(self, node: Node) -> None:
        """Give a node its operand's memory, if its elements lie there in the node's order."""
        (operand,) = node.operands
        old, type_ = self.layouts[id(operand)], node.type
        storage = self.storages[id(operand)]
        if not any(old.strides):
            zeros = (0,) * len(node.shape)
            self._place(node, Layout(node.shape, node.dtype, zeros), storage)
        elif node.shape == old.shape:
            self._place(node, old, storage)
        elif old == row_major(operand.type):
            self._place(node, row_major(type_), storage)
        elif node.shape[:1] == old.shape[:1] and old == batch_innermost(operand.type):
            self._place(node, batch_innermost(type_), storage)
        else:
            copy = self._temporary(row_major(operand.type))
            made = kernel(Alias(), row_major(operand.type), (old,), self.machine)
            self._step(made, [copy, storage])
            self._place(node, row_major(type_), copy)

    def _view(self, node: Node) -> Layout | None:
        """Return how a repetition or permutation of the operand reads its memory, if it is one."""
        view = node.operation
        if (
            not isinstance(view, Contraction)
            or not view.is_view
            or view.guards
            or 0 in view.extents
        ):
            return None
        (read,), old = view.reads, self.layouts[id(node.operands[0])]
        pairs = list(zip(read.indices, read.shape, strict=True))
        if any(i.constant or not i.stays_inside(view.extents, size) for i, size in pairs):
            return None
        if any(c < 0 for i, _ in pairs for c in i.coefficients):
            return None
        strides = tuple(
            sum(i.coefficients[n] * s for i, s in zip(read.indices, old.strides, strict=True))
            for n in range(len(view.extents))
        )
        return Layout(node.shape, node.dtype, strides)

    def _copy_outputs(self, owners: dict[int, Storage]) -> None:
        """Copy what is an output twice, or is an input or a constant too."""
        for node, storage in zip(self.program.outputs, self.output_storages, strict=True):
            source = self.storages[id(node)]
            if source is not storage:
                made = kernel(
                    Alias(), row_major(node.type), (self.layouts[id(node)],), self.machine
                )
                self._step(made, [storage, source])

    def _step(self, made: Kernel, storages: list[Storage]) -> None:
        for storage in storages:
            storage.last = len(self.steps)
        self.steps.append((made, storages))

    def _finish(self) -> None:
        numbers: dict[Kernel, int] = {}
        for made, storages in self.steps:
            number = numbers.setdefault(made, len(numbers))
            self.plan.which.append(number)
            self.plan.calls.append([s.number for s in storages])
        self.plan.kernels = [
            replace(k, name=f"{k.name.strip('_')}_{n}") for k, n in numbers.items()
        ]
        self.plan.temporaries = [s for s in self.made if not s.external]
        self.plan.arena = place_in_arena(self.plan.temporaries)
        renumber(self.made, self.plan.calls)


def renumber(storages: Sequence[Storage], calls: list[list[int]]) -> None:
    """Put temporaries after everything external, in the numbering of pointers."""
    order = sorted(storages, key=lambda s: not s.external)
    new = {s.number: n for n, s in enumerate(order)}
    for call in calls:
        call[:] = [new[n] for n in call]


def place_in_arena(storages: Sequence[Storage]) -> int:
    """Give each storage the lowest offset free while it lives; return the bytes needed."""
    placed: list[Storage] = []
    for storage in sorted(storages, key=lambda s: (-s.size, s.first)):
        alive = [p for p in placed if p.first <= storage.last and storage.first <= p.last]
        offset = 0
        for other in sorted(alive, key=lambda s: s.offset):
            if offset + storage.size <= other.offset:
                break
            offset = max(offset, _aligned(other.offset + other.size))
        storage.offset = offset
        placed.append(storage)
    return max((_aligned(s.offset + s.size) for s in storages), default=0)


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
