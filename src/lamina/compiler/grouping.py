"""Which operations share a kernel: a contraction or pointwise function, and what follows it.

A pointwise function joins the kernel of one of its operands if they have one shape: it reads
there what is still in a register, and what nobody else needs is never stored. Its other
operands must not depend on that kernel. A result may take the memory of an input that it
replaces: then everything else that reads the input comes first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from lamina.compiler.passes.formulas import size
from lamina.compiler.passes.numbers import as_const
from lamina.compiler.passes.rewriting import consumers
from lamina.compiler.passes.sums import adds_up
from lamina.compiler.passes.views import as_view
from lamina.compiler.winograd.operations import Convolved, Joined, RowSums
from lamina.core.node import Node, Operation
from lamina.core.program import Program
from lamina.ops.contraction import Contraction
from lamina.ops.pointwise import Pointwise
from lamina.ops.scalar import Arg, Call
from lamina.ops.structure import Alias, Reshape

LONGEST = 160
"""The most calls of scalar functions in a kernel."""

MOST_SUMMED = 3
"""The most whole arrays that a sum reads in the stead of one that a kernel would write."""

MOST_OPERANDS = 14
"""The most arrays that a kernel's pointwise functions read."""


@dataclass(eq=False)
class Unit:
    """Nodes that are computed together, the first one's result the base of the rest.

    A ``lead`` is a pointwise function whose elements the base only sums.
    """

    nodes: list[Node]
    place: int
    lead: Node | None = None
    before: set[Unit] = field(default_factory=set)
    sums: list[Node] = field(default_factory=list)
    """Sums over rows that a convolution's kernel adds up, of its nodes."""

    @property
    def base(self) -> Node:
        """The node that the others build on."""
        return self.nodes[0]

    def operands(self) -> dict[int, Node]:
        """Return what the unit reads from elsewhere, by id."""
        nodes = self.nodes if self.lead is None else [self.lead, *self.nodes]
        own = {id(node) for node in nodes}
        return {id(o): o for n in nodes for o in n.operands if id(o) not in own}


def is_renaming(node: Node) -> bool:
    """Return whether a node is its operand's memory under another shape."""
    return node.value is None and isinstance(node.operation, Alias | Reshape)


class Grouping:
    """The units of a program in an order in which they can run.

    ``in_place`` holds the outputs (by number) that can be written over the input they replace.
    """

    def __init__(self, program: Program, replaced: Mapping[int, int]) -> None:
        self.program = program
        given = {id(node) for node in program.inputs}
        self.nodes = [n for n in program.nodes if n.value is None and id(n) not in given]
        self.unit_of: dict[int, Unit] = {}
        self.units: list[Unit] = []
        self.readers = consumers(program)
        self.kept = {id(node) for node in program.outputs}
        for place, node in enumerate(self.nodes):
            if not self._only_summed(node) and not self._sums_beside(node):
                self._add(node, place)
        self.names = self._names_of_inputs()
        self.reading = self._readers()
        self.in_place = {
            output: number for output, number in replaced.items() if self._fits(output, number)
        }
        self.order = list(self._ordered())

    def _add(self, node: Node, place: int) -> None:
        unit = self._home(node)
        if unit is None:
            unit = Unit([], place)
            self.units.append(unit)
        unit.nodes.append(node)
        unit.place = place
        self.unit_of[id(node)] = unit
        if adds_up(node) and self._only_summed(node.operands[0]):
            unit.lead = node.operands[0]
        for operand in (*node.operands, *(unit.lead.operands if unit.lead else ())):
            before = self.unit_of.get(id(operand))
            if before is not None and before is not unit:
                unit.before.add(before)

    def _sums_beside(self, node: Node) -> bool:
        """Let a convolution's kernel add up its own results, if that is what a node does."""
        unit = self.unit_of.get(id(node.operands[0])) if node.operands else None
        if unit is None or not isinstance(node.operation, RowSums):
            return False
        if not isinstance(unit.base.operation, Convolved):
            return False
        unit.sums.append(node)
        self.unit_of[id(node)] = unit
        return True

    def _only_summed(self, node: Node) -> bool:
        """Return whether nothing but sums needs a function's elements, and they are soon read."""
        if not isinstance(node.operation, Pointwise) or id(node) in self.kept:
            return False
        readers = self.readers[id(node)].values()
        whole = {id(o) for o in node.operands if as_view(o) is None and as_const(o) is None}
        floats = all(o.dtype == node.dtype for o in node.operands)
        summed = bool(readers) and all(adds_up(reader) for reader in readers)
        return summed and floats and node.dtype.kind == "f" and len(whole) <= MOST_SUMMED

    def _home(self, node: Node) -> Unit | None:
        """Return the unit that a node joins: of the operand computed last, if it can."""
        if not isinstance(node.operation, Pointwise):
            return None
        units = {self.unit_of[id(o)] for o in node.operands if id(o) in self.unit_of}
        for unit in sorted(units, key=lambda u: -u.place):
            if self._joins(node, unit, units):
                return unit
        return None

    def _joins(self, node: Node, unit: Unit, units: set[Unit]) -> bool:
        if not _alike(node, unit.base):
            return False
        calls = sum(_calls(n) for n in (*unit.nodes, node))
        arrays = unit.operands() | {id(o): o for o in node.operands}
        if calls > LONGEST or len(arrays) > MOST_OPERANDS:
            return False
        return not any(_depends(other, unit) for other in units if other is not unit)

    # Memory of inputs --------------------------------------------------------------------

    def _fits(self, output: int, number: int) -> bool:
        """Return whether an output can take an input's memory; if so, put its readers first."""
        node, given = self.program.outputs[output], self.program.inputs[number]
        node, given = source(node), source(given)
        unit = self.unit_of.get(id(node))
        if unit is None or self.program.outputs.count(self.program.outputs[output]) > 1:
            return False
        names = self.names[id(given)]
        if not names.isdisjoint(self.kept):
            return False
        readers = {reader for name in names for reader in self.reading.get(name, ())}
        if any(_depends(reader, unit) for reader in readers if reader is not unit):
            return False
        if unit in readers and not self._reads_in_place(unit, names, node):
            return False
        unit.before |= readers - {unit}
        return True

    def _names_of_inputs(self) -> dict[int, set[int]]:
        """Return, by an input's id, the ids of it and of all nodes that are its memory."""
        names = {id(node): {id(node)} for node in self.program.inputs}
        base = {id(node): id(node) for node in self.program.inputs}
        for node in self.nodes:
            view = isinstance(node.operation, Contraction) and node.operation.is_view
            if (is_renaming(node) or view) and id(node.operands[0]) in base:
                base[id(node)] = base[id(node.operands[0])]
                names[base[id(node)]].add(id(node))
        return names

    def _readers(self) -> dict[int, list[Unit]]:
        """Return, by a node's id, the units that read it."""
        found: dict[int, list[Unit]] = {}
        for unit in self.units:
            for operand in unit.operands():
                found.setdefault(operand, []).append(unit)
        return found

    def _reads_in_place(self, unit: Unit, names: set[int], node: Node) -> bool:
        """Return whether the unit reads the old elements only where it writes the new ones."""
        if unit.lead is not None and not names.isdisjoint(map(id, unit.lead.operands)):
            return False
        for member in unit.nodes:
            for operand in member.operands:
                plain = operand.shape == node.shape and not source(operand).operands
                pointwise = isinstance(member.operation, Pointwise)
                if id(operand) in names and not (plain and pointwise):
                    return False
        return True

    def _ordered(self) -> Iterator[Unit]:
        """Yield the units, each after those it needs, else in the program's order."""
        after: dict[int, list[Unit]] = {}
        missing = {id(unit): len(unit.before) for unit in self.units}
        for unit in self.units:
            for before in unit.before:
                after.setdefault(id(before), []).append(unit)
        ready = [(u.place, n, u) for n, u in enumerate(self.units) if not missing[id(u)]]
        heapify(ready)
        numbers = {id(unit): n for n, unit in enumerate(self.units)}
        while ready:
            _, _, unit = heappop(ready)
            yield unit
            for later in after.get(id(unit), ()):
                missing[id(later)] -= 1
                if not missing[id(later)]:
                    heappush(ready, (later.place, numbers[id(later)], later))


def source(node: Node) -> Node:
    """Return the node whose memory this one is under another shape."""
    while is_renaming(node):
        node = node.operands[0]
    return node


def lasting(program: Program, inputs: Collection[int]) -> set[int]:
    """Return the ids of some inputs (by number) and of all constants."""
    found = {id(program.inputs[number]) for number in inputs}
    return found | {id(node) for node in program.nodes if node.value is not None}


def lasting_operand(node: Node, known: Collection[int]) -> int | None:
    """Return which operand's memory is that of a known node, if one's alone is."""
    where = [n for n, operand in enumerate(node.operands) if id(source(operand)) in known]
    return where[0] if len(where) == 1 else None


def _alike(node: Node, base: Node) -> bool:
    """Return whether a kernel for ``base`` can compute the pointwise node in the same loops."""
    if node.shape != base.shape:
        return False
    if isinstance(base.operation, Pointwise):
        return True
    if not _can_be_base(base.operation):
        return False
    kinds = {o.dtype for o in node.operands} | {node.dtype, base.dtype}
    return len(kinds) == 1 and base.dtype.kind == "f"


def _can_be_base(operation: Operation) -> bool:
    """Return whether functions can be applied to an operation's result before it is stored."""
    if isinstance(operation, Contraction):
        return not operation.is_view
    return isinstance(operation, Joined | Convolved)


def _calls(node: Node) -> int:
    if not isinstance(node.operation, Pointwise):
        return 0
    function = node.operation.function
    body = function.body
    if body is None:
        body = Call(function, tuple(Arg(n) for n in range(function.arity)))
    return size(body)


def _depends(unit: Unit, on: Unit) -> bool:
    """Return whether a unit needs another, directly or not."""
    if unit is on:
        return True
    seen: set[int] = set()
    waiting = [unit]
    while waiting:
        for before in waiting.pop().before:
            if before is on:
                return True
            if id(before) not in seen:
                seen.add(id(before))
                waiting.append(before)
    return False
