"""From a program to a plan: which kernels there are, and where each value lies."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from lamina.compiler.arena import Storage, place_in_arena
from lamina.compiler.arranging import arranged
from lamina.compiler.channels import Channels
from lamina.compiler.grouping import Grouping, Unit, is_renaming, source
from lamina.compiler.ir import Kernel
from lamina.compiler.kernels import Base, Work, can_be_finished, can_be_led, kernel, plain_kernel
from lamina.compiler.layouts import (
    Layout,
    batch_innermost,
    innermost,
    repeated,
    reshaped,
    row_major,
)
from lamina.compiler.lowering.contraction import fills_lanes, sums_over_lanes
from lamina.compiler.lowering.finish import BASE, Stage
from lamina.compiler.lowering.order import FIRST_LEVEL
from lamina.compiler.machines import Machine
from lamina.compiler.plan import Place, Plan, renumber
from lamina.compiler.splitting import Split, split_along
from lamina.compiler.winograd.gradients import Correlated
from lamina.compiler.winograd.operations import Convolved, Joined, Tiled
from lamina.core.node import Node, Operation
from lamina.core.program import Program
from lamina.ops.contraction import Contraction
from lamina.ops.pointwise import Pointwise
from lamina.ops.random import FoldIn, RandomBits
from lamina.ops.scalar import Scalar
from lamina.ops.structure import Alias, ArgSort


class Planner:
    """Walks a program's units in order and collects kernels and memory.

    ``replaced`` says which outputs (by number) shall take the memory of which inputs.
    """

    def __init__(
        self,
        program: Program,
        machine: Machine,
        replaced: Mapping[int, int] | None = None,
        static: Collection[int] = (),
    ) -> None:
        self.machine = machine
        self.replaced = dict(replaced or {})
        weights = {*static, *self.replaced.values()}
        program, self.batch = arranged(program, machine, weights, static)
        self.program = program
        self.plan = Plan()
        self.places: dict[int, Place] = {}
        self.turned: dict[tuple[int, Layout], Place] = {}
        self.made: list[Storage] = []
        self.steps: list[tuple[Kernel, list[Storage], str]] = []
        self.ready: list[tuple[Kernel, list[Storage], str]] = []
        self.channels = None if self.batch.length else Channels(program, machine, weights)
        self.splits = {} if self.channels is None else dict(self.channels.splits)
        self.grouping = Grouping(program, self.replaced)
        self.needed = self._needed()
        for number, node in enumerate(program.inputs):
            storage = self._external()
            storage.fixed = number in static
            self.places[id(node)] = Place(row_major(node.type), storage)
        for node in program.nodes:
            if node.value is not None:
                self._constant(node)
        self.targets = self._targets()
        self.owners = self._owners()
        for node in program.inputs:
            self._relayout(node)
        for unit in self.grouping.order:
            self._unit(unit)
        self._copy_outputs()
        self._finish()

    # Memory ----------------------------------------------------------------------------

    def _external(self) -> Storage:
        storage = Storage(len(self.made), 0, external=True)
        self.made.append(storage)
        return storage

    def _temporary(self, layout: Layout) -> Storage:
        now = len(self.steps)
        storage = Storage(len(self.made), layout.size, now, now, kept=any(layout.halo))
        self.made.append(storage)
        return storage

    def _constant(self, node: Node) -> None:
        assert node.value is not None
        single = node.value.size > 0 and not any(node.value.strides)
        layout = repeated(node.type) if single else row_major(node.type)
        value = np.array(node.value.flat[0]) if single else np.ascontiguousarray(node.value)
        self.plan.constants.append(value)
        storage = self._external()
        storage.fixed = True
        self.places[id(node)] = Place(layout, storage)

    def _targets(self) -> list[Storage]:
        """Return the memory of every output: an input's, or its own."""
        found = []
        for number, node in enumerate(self.program.outputs):
            if number in self.replaced:
                given = self.program.inputs[self.replaced[number]]
                found.append(self.places[id(given)].storage)
                continue
            self.plan.outputs.append(node.type)
            found.append(self._external())
        return found

    def _owners(self) -> dict[int, Storage]:
        """Return the nodes that are computed right into an output's memory."""
        owners: dict[int, Storage] = {}
        for number, node in enumerate(self.program.outputs):
            if number not in self.replaced or number in self.grouping.in_place:
                owners.setdefault(id(source(node)), self.targets[number])
        return owners

    def _needed(self) -> set[int]:
        """Return the nodes that others than their own unit read, or that are outputs."""
        needed = {id(node) for node in self.program.outputs}
        for unit in self.grouping.order:
            needed |= unit.operands().keys()
        return needed

    def _layout(self, *nodes: Node) -> Layout:
        """Return the layout of temporaries that a kernel writes: that of the first's type.

        The batch is innermost wherever there is one; where it is too small for vectors, the
        channel is.
        """
        first = nodes[0]
        if self.channels is None:
            inner = len(first.shape) > 1 and first in self.batch
            return batch_innermost(first.type, self.batch.lanes) if inner else row_major(first.type)
        axes = [a for node in nodes if (a := self.channels.axis(node)) is not None]
        halos = [halo for node in nodes if (halo := self.channels.halo(node))]
        halo = tuple(map(max, zip(*halos, strict=True))) if halos else ()
        if not first.shape:
            return row_major(first.type)
        return innermost(first.type, axes[0] if axes else len(first.shape) - 1, halo)

    def _relayout(self, node: Node) -> None:
        """Copy what is laid out otherwise than temporaries are."""
        place, new = self.places[id(node)], self._layout(node)
        if place.layout != new:
            self.turned[id(node), place.layout] = place
            self.places[id(node)] = self._copied(place, new, node)

    def _copied(self, place: Place, layout: Layout, node: Node) -> Place:
        storage = self._temporary(layout)
        made = plain_kernel(Alias(), layout, (place.layout,), self.machine)
        self._step(made, [storage, place.storage], node)
        return Place(layout, storage)

    # Units -----------------------------------------------------------------------------

    def _unit(self, unit: Unit) -> None:
        base = unit.base
        if is_renaming(base):
            self._rename(base)
        elif isinstance(base.operation, Pointwise):
            self._pointwise(unit.nodes)
        elif isinstance(base.operation, Joined | Convolved):
            given = [self._operand(n, o, base.operation) for n, o in enumerate(base.operands)]
            self._kernel(base, given, unit.nodes[1:], unit.nodes, sums=unit.sums)
        elif not isinstance(base.operation, Contraction):
            self._single(base)
        elif not self._view(base):
            self._contraction(unit)

    def _single(self, node: Node) -> None:
        """Plan an operation that has a kernel to itself."""
        in_order = isinstance(node.operation, RandomBits | FoldIn)
        layout = row_major(node.type) if in_order else self._layout(node)
        given = [self._operand(n, o, node.operation) for n, o in enumerate(node.operands)]
        storage = self._home(node, layout)
        extra = [self._temporary(layout)] if isinstance(node.operation, ArgSort) else []
        layouts = tuple(place.layout for place in given)
        made = plain_kernel(node.operation, layout, layouts, self.machine)
        self._step(made, [storage, *(place.storage for place in given), *extra], node)
        self.places[id(node)] = Place(layout, storage)

    def _operand(self, number: int, node: Node, reader: Operation) -> Place:
        """Return where an operand lies: for tiles, channels innermost and zeros around images."""
        place = self.places[id(node)]
        if isinstance(reader, Correlated) and number == 0:
            return self._turned(node, innermost(node.type, len(node.shape) - 3))
        if isinstance(reader, Convolved | Correlated) and node in self.batch:
            return self._turned(node, batch_innermost(node.type, self.batch.lanes))
        if not isinstance(reader, Tiled | Joined):
            return place
        axis, zeros = reader.channels(node.shape), reader.around(node.shape)
        if place.layout.strides[axis] == 1 and place.layout.surrounded(zeros):
            return place
        return self._turned(node, innermost(node.type, axis, zeros))

    def _pointwise(self, nodes: Sequence[Node]) -> None:
        self._kernel(None, [], nodes, nodes)

    def _contraction(self, unit: Unit) -> None:
        """Plan a contraction, with what follows in the same kernel where it can be finished."""
        base, *rest = unit.nodes
        assert isinstance(base.operation, Contraction)
        layout = self._layout(*unit.nodes)
        lead = self._lead(unit, base.operation, layout)
        given = self._operands(base, layout) if lead is None else lead
        function = None if lead is None or unit.lead is None else _function(unit.lead)
        if rest and function is None and self._finishes(base, layout, given, rest):
            self._kernel(base, given, rest, unit.nodes)
            return
        self._kernel(base, given, [], [base], function)
        if rest:
            self._pointwise(rest)

    def _finishes(
        self, base: Node, layout: Layout, given: Sequence[Place], rest: Sequence[Node]
    ) -> bool:
        operation = base.operation
        assert isinstance(operation, Contraction)
        own = {id(node): 0 for node in (base, *rest)}
        arrays = [self.places[id(node)].layout for node in self._arrays(rest, own)]
        layouts = [place.layout for place in given]
        split = self._split(base)
        if split is not None:
            operation, layout = split.contraction(operation), split.result(layout)
            arrays = [split.result(each) for each in arrays]
        return can_be_finished(operation, layout, layouts, arrays, self.machine)

    def _lead(self, unit: Unit, base: Contraction, out: Layout) -> list[Place] | None:
        """Return what a sum's function reads, in its order; None if it has a kernel itself."""
        if unit.lead is None:
            return None
        given = [self.places[id(o)] for o in unit.lead.operands]
        layouts = [place.layout for place in given]
        if can_be_led(base, out, layouts, self.machine):
            return given
        if id(unit.lead) not in self.places:
            self._pointwise([unit.lead])
        return None

    def _kernel(
        self,
        base: Node | None,
        factors: Sequence[Place],
        stages: Sequence[Node],
        nodes: Sequence[Node],
        lead: Scalar | None = None,
        sums: Sequence[Node] = (),
    ) -> None:
        """Plan one kernel: a base, stages after it, and stores of what others need.

        Sums are of rows of its nodes.
        """
        layout = self._layout(*nodes)
        numbers = {id(node): -2 - n for n, node in enumerate(stages)}
        if base is not None:
            numbers[id(base)] = BASE
        arrays = self._arrays(stages, numbers)
        places = {id(node): n for n, node in enumerate(arrays)}
        listed = tuple(
            Stage(_function(node), tuple({**places, **numbers}[id(o)] for o in node.operands))
            for node in stages
        )
        alone = len(nodes) == 1
        kept = [node for node in nodes if alone or id(node) in self.needed]
        homes = [self._home(node, layout) for node in kept]
        given = [self.places[id(node)] for node in arrays]
        over = tuple(_overwritten(home, given) for home in homes)
        outs = tuple(replace(layout, dtype=node.dtype) for node in kept)
        seen, read = outs, tuple(place.layout for place in given)
        operation: Base | None = None if base is None else base.operation  # type: ignore[assignment]
        split = None if base is None or lead is not None else self._split(base)
        if split is not None and isinstance(operation, Contraction):
            operation, layout = split.contraction(operation), split.result(layout)
            seen, read = tuple(map(split.result, seen)), tuple(map(split.result, read))
        result = {id(n): BASE if n is base else -2 - numbers[id(n)] for n in nodes}
        work = Work(
            operation,
            listed,
            tuple(result[id(node)] for node in kept),
            over,
            lead,
            tuple(result[id(node.operands[0])] for node in sums),
        )
        totals = [self._temporary(row_major(node.type)) for node in sums]
        seen = (*seen, *(row_major(node.type) for node in sums))
        factor_layouts = tuple(place.layout for place in factors)
        made = kernel(work, layout, seen, factor_layouts, read, self.machine)
        others = [place.storage for n, place in enumerate(given) if n not in over]
        self._step(made, [*homes, *totals, *(p.storage for p in factors), *others], kept[-1])
        for node, total in zip(sums, totals, strict=True):
            self.places[id(node)] = Place(row_major(node.type), total)
        for node, home, out in zip(kept, homes, outs, strict=True):
            self.places[id(node)] = Place(out, home)

    def _arrays(self, stages: Sequence[Node], own: Mapping[int, int]) -> list[Node]:
        found: dict[int, Node] = {}
        for node in stages:
            for operand in node.operands:
                if id(operand) not in own:
                    found.setdefault(id(operand), operand)
        return list(found.values())

    def _home(self, node: Node, layout: Layout) -> Storage:
        """Return where a node's value goes: an output's memory if it lies there as it should."""
        owner = self.owners.get(id(node))
        if owner is not None and layout.strides == row_major(node.type).strides:
            return owner
        return self._temporary(replace(layout, dtype=node.dtype))

    # Contractions ----------------------------------------------------------------------

    def _operands(self, node: Node, out: Layout) -> list[Place]:
        """Return how and where a contraction's operands lie.

        One is turned to row-major order if lanes can then run along the result: that costs a
        pass over it and saves adding up lanes for every sum.
        """
        given = [self.places[id(o)] for o in node.operands]
        split = self._split(node)
        if split is not None:
            given[split.operand] = self._packed(node.operands[split.operand], split)
            return given
        alone = len(given) == 1  # to turn it would take longer than to add it up
        if alone or node.dtype.kind != "f" or not self._lanes(sums_over_lanes, node, out, given):
            return given
        for place, operand in enumerate(node.operands):
            turned = list(given)
            turned[place] = Place(row_major(operand.type), given[place].storage)
            changed = turned[place].layout != given[place].layout
            if changed and self._lanes(fills_lanes, node, out, turned):
                given[place] = self._blocked(node, place, turned[place].layout)
                break
        return given

    def _blocked(self, node: Node, place: int, layout: Layout) -> Place:
        """Return a copy of an operand for lanes along its last axis: in blocks, if it can be."""
        operand, operation = node.operands[place], node.operation
        assert isinstance(operation, Contraction)
        split = split_along(operation, place, self.machine.lanes(node.dtype.itemsize))
        near = (id(operand), layout) in self.turned and layout.size <= FIRST_LEVEL
        if split is None or near:
            return self._turned(operand, layout)
        self.splits[id(node)] = split
        return self._packed(operand, split)

    def _split(self, node: Node) -> Split | None:
        """Return how a contraction's loop over output channels is split, if it is."""
        return self.splits.get(id(node))

    def _packed(self, node: Node, split: Split) -> Place:
        """Return a copy of weights in which blocks lie in one piece, made once."""
        place = self.places[id(node)]
        layout = split.packed(place.layout)
        key = id(node), layout
        if key not in self.turned:
            old = Place(split.layout(place.layout, split.axis), place.storage)
            self.turned[key] = self._copied(old, layout, node)
        return self.turned[key]

    def _lanes(
        self, question: Callable[..., bool], node: Node, out: Layout, operands: Sequence[Place]
    ) -> bool:
        """Ask something about a contraction's lanes, with operands that lie so."""
        buffers = [place.layout.buffer(f"x{n}") for n, place in enumerate(operands)]
        return question(node.operation, out.buffer("out"), buffers, self.machine)

    def _turned(self, node: Node, layout: Layout) -> Place:
        """Return a copy of a node's value that lies otherwise, made once."""
        place = self.places[id(node)]
        if place.layout == layout:
            return place
        key = id(node), layout
        if key not in self.turned:
            self.turned[key] = self._copied(place, layout, node)
        return self.turned[key]

    def _rename(self, node: Node) -> None:
        """Give a node its operand's memory, if strides say how its elements lie there."""
        (operand,) = node.operands
        place = self.places[id(operand)]
        new = reshaped(place.layout, node.shape)
        if new is None:
            place = self._copied(place, row_major(operand.type), operand)
            new = row_major(node.type)
        self.places[id(node)] = Place(new, place.storage)
        if node in self.batch and new.strides[self.batch.lanes] != 1:
            self._relayout(node)

    def _view(self, node: Node) -> bool:
        """Let a repetition or permutation of an operand read its memory, if the node is one."""
        view = node.operation
        assert isinstance(view, Contraction)
        if not view.is_view or view.guards or 0 in view.extents:
            return False
        (read,), place = view.reads, self.places[id(node.operands[0])]
        pairs = list(zip(read.indices, read.shape, strict=True))
        if any(i.constant or not i.stays_inside(view.extents, size) for i, size in pairs):
            return False
        if any(c < 0 for i, _ in pairs for c in i.coefficients):
            return False
        strides = tuple(
            sum(
                i.coefficients[n] * s
                for i, s in zip(read.indices, place.layout.strides, strict=True)
            )
            for n in range(len(view.extents))
        )
        seen = Layout(node.shape, node.dtype, strides, (), place.layout.offset)
        self.places[id(node)] = Place(seen, place.storage)
        return True

    # Results ---------------------------------------------------------------------------

    def _copy_outputs(self) -> None:
        """Copy what is not in its output's memory yet; what is overwritten first goes aside."""
        waiting = []
        replaced = {id(self.targets[number]) for number in self.replaced}
        for node, target in zip(self.program.outputs, self.targets, strict=True):
            place = self.places[id(node)]
            if place.storage is target:
                continue
            if id(place.storage) in replaced:
                place = self._copied(place, row_major(node.type), node)
            waiting.append((node, place, target))
        for node, place, target in waiting:
            made = plain_kernel(Alias(), row_major(node.type), (place.layout,), self.machine)
            self._step(made, [target, place.storage], node)

    def _step(self, made: Kernel, storages: list[Storage], node: Node) -> None:
        step = made, storages, node.frame.path if node.frame else ""
        written, read = storages[: made.written], storages[made.written :]
        if read and all(s.fixed for s in read) and not any(s.external for s in written):
            for storage in written:
                storage.fixed = storage.kept = True
            self.ready.append(step)
            return
        for storage in storages:
            storage.last = len(self.steps)
        self.steps.append(step)

    def _finish(self) -> None:
        numbers: dict[Kernel, int] = {}
        self.plan.prepared = len(self.ready)
        for storage in self.made:
            if storage.kept:
                storage.first, storage.last = -1, len(self.steps)
        for made, storages, name in (*self.ready, *self.steps):
            self.plan.which.append(numbers.setdefault(made, len(numbers)))
            self.plan.calls.append([s.number for s in storages])
            self.plan.names.append(name)
        self.plan.kernels = [
            replace(k, name=f"{k.name.strip('_')}_{n}") for k, n in numbers.items()
        ]
        self.plan.temporaries = [s for s in self.made if not s.external]
        self.plan.arena = place_in_arena(self.plan.temporaries)
        renumber(self.made, self.plan.calls)


def _function(node: Node) -> Scalar:
    assert isinstance(node.operation, Pointwise)
    return node.operation.function


def _overwritten(home: Storage, given: Sequence[Place]) -> int:
    """Return which array lies in the memory that is written; -1 if none does."""
    return next((n for n, place in enumerate(given) if place.storage is home), -1)
