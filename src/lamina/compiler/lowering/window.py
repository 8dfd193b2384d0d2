"""Loops for window maxima and the routing to and from the place of the maximum.

All four visit every place of every window. The lanes of vectors run over windows, along an
output loop in which memory is contiguous (the batch, as a rule), so that choices between places
are selections lane by lane and nothing branches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from lamina.compiler.ir import (
    Accumulate,
    Affine,
    Assign,
    Buffer,
    Expression,
    For,
    If,
    Limit,
    Load,
    Local,
    Number,
    Op,
    Store,
    op,
)
from lamina.compiler.lowering.building import Body, in_lanes, inside, moved, zero
from lamina.compiler.lowering.clips import clips_of
from lamina.compiler.lowering.division import Division, divide
from lamina.compiler.machines import Machine
from lamina.core.types import DType, bool_, int64
from lamina.ops.affine import AffineIndex, unit
from lamina.ops.window import Window

FOUND, PLACE = Local("found", bool_), Local("place", int64)
BETTER, HERE = Local("better", bool_), Local("here", bool_)
TRUE, FALSE = Number(True, bool_), Number(False, bool_)
Places = dict[int, Affine]
Visit = Callable[[Places], Body]


def lower_maximum(
    operation: Window, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops that keep the greatest element so far."""
    return _search(operation, out, operands[0], machine, wants_place=False)


def lower_argmax(
    operation: Window, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops that keep the place of the greatest element so far."""
    return _search(operation, out, operands[0], machine, wants_place=True)


def _search(
    operation: Window, out: Buffer, x: Buffer, machine: Machine, wants_place: bool
) -> tuple[Body, int]:
    best, value = Local("best", x.dtype), Local("value", x.dtype)
    windows = _Windows(operation, x, [out], machine, out)
    result = PLACE if wants_place else best
    start: Body = (Assign(best, _least(x.dtype)),)
    if wants_place:
        start = (*start, Assign(FOUND, FALSE), Assign(PLACE, Number(0, int64)))

    def visit(places: Places) -> Body:
        load = Assign(value, Load(x, windows.indices(places)))
        if not wants_place:
            greatest = Op("select", (_replaces(value, best), value, best), x.dtype)
            return load, Assign(best, greatest)
        number = windows.number(places)
        return (
            load,
            Assign(BETTER, op("or", op("not", FOUND), _greater(value, best))),
            Assign(best, Op("select", (BETTER, value, best), x.dtype)),
            Assign(FOUND, TRUE),
            Assign(PLACE, Op("select", (BETTER, number, PLACE), int64)),
        )

    def one(places: Places) -> Body:
        return (*start, *windows.visit(visit, places), Store(out, windows.target(places), result))

    return windows.nest(one), windows.division.chunks


def _replaces(value: Expression, best: Expression) -> Expression:
    """Return ``value > best``, or that value is NaN: what the maximum is then, whatever it was."""
    greater = op("less", best, value)
    if value.dtype.kind != "f":
        return greater
    return op("or", greater, op("not_equal", value, value))


def _greater(value: Expression, best: Expression) -> Expression:
    """Return ``value > best``, or that value is the first NaN."""
    greater = op("less", best, value)
    if value.dtype.kind != "f":
        return greater
    first_nan = op("and", op("not_equal", value, value), op("equal", best, best))
    return op("or", greater, first_nan)


def _least(dtype: DType) -> Number:
    return Number(float("-inf") if dtype.kind == "f" else int(np.iinfo(dtype).min), dtype)


def lower_select(
    operation: Window, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops that read each window's element at its place."""
    x, chosen = operands
    windows = _Windows(operation, x, [out, chosen], machine, out)
    value = Local("value", x.dtype)

    def visit(places: Places) -> Body:
        here = op("equal", PLACE, windows.number(places))
        element = Load(x, windows.indices(places))
        return (Assign(HERE, here), Assign(value, Op("select", (HERE, element, value), x.dtype)))

    def one(places: Places) -> Body:
        start = Assign(PLACE, Load(chosen, windows.target(places)))
        clear = Assign(value, zero(x.dtype))
        return (
            start,
            clear,
            *windows.visit(visit, places),
            Store(out, windows.target(places), value),
        )

    return windows.nest(one), windows.division.chunks


def lower_spread(
    operation: Window, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops that add each window's element to its place."""
    g, chosen = operands
    windows = _Windows(operation, out, [g, chosen], machine, out)
    value = Local("value", g.dtype)

    def visit(places: Places) -> Body:
        here = op("equal", PLACE, windows.number(places))
        part = Op("select", (HERE, value, zero(g.dtype)), g.dtype)
        write = Store if windows.tile_operand() else Accumulate
        return (Assign(HERE, here), write(out, windows.indices(places), part))

    def one(places: Places) -> Body:
        target = windows.target(places)
        start = (Assign(PLACE, Load(chosen, target)), Assign(value, Load(g, target)))
        return (*start, *windows.visit(visit, places))

    start = () if windows.tile_operand() else windows.division.fill(out, zero(out.dtype))
    return (*start, *windows.nest(one)), windows.division.chunks


class _Windows:
    """The loops over windows and over the places in one.

    ``x`` is the buffer that windows lie in, ``each`` those with an element for every window,
    ``out`` the one of them that is written.
    """

    def __init__(
        self,
        operation: Window,
        x: Buffer,
        each: Sequence[Buffer],
        machine: Machine,
        out: Buffer,
    ) -> None:
        self.read, self.extents = operation.read, operation.window.extents
        self.rank = operation.window.out_rank
        self.loops = [f"w{n}" for n in range(len(self.extents))]
        self.width = machine.lanes(each[0].dtype.itemsize)
        self.loose = [
            (axis, size)
            for axis, size in enumerate(self.read.shape)
            if not self.read.indices[axis].stays_inside(self.extents, size)
        ]
        self.lane = self._lane(x, each)
        self.written_by_window = out is not x
        self.division = self._division(x, each, out)

    def _lane(self, x: Buffer, each: Sequence[Buffer]) -> int:
        """Return an output loop over contiguous memory whose windows never end at a border."""
        loose = {
            n for a, _ in self.loose for n, c in enumerate(self.read.indices[a].coefficients) if c
        }
        for n in range(self.rank):
            pairs = zip(self.read.indices, x.strides, strict=True)
            steps = {sum(i.coefficients[n] * s for i, s in pairs), *(b.strides[n] for b in each)}
            if steps == {1} and n not in loose and self.extents[n] >= self.width:
                return n
        return -1

    def _division(self, x: Buffer, each: Sequence[Buffer], out: Buffer) -> Division:
        """Divide along an output loop; one whose windows share no element, if those are written."""
        loops = [n for n in range(self.rank) if n != self.lane]
        free = {n: (1, 1) for n in loops if self.written_by_window or self._axis(n) >= 0}
        touched = sum(b.bytes for b in (x, *each))
        shape = tuple(self.extents[: self.rank])
        division = divide(Buffer("", shape, out.dtype, (0,) * self.rank), [free], touched / 8)
        if out is not x:
            return division
        cuts = tuple(replace(cut, axis=self._axis(cut.axis)) for cut in division.cuts)
        return replace(division, cuts=cuts)

    def _axis(self, loop: int) -> int:
        """Return the axis that windows are read along at just that loop; -1 if there is none."""
        plain = unit(loop, len(self.extents))
        for axis, index in enumerate(self.read.indices):
            whole = self.read.shape[axis] == self.extents[loop]
            if index == plain and whole:
                return axis
        return -1

    def tile_operand(self) -> bool:
        """Return whether every element of the windows' buffer is in just one window."""
        pairs = list(zip(self.read.indices, self.read.shape, strict=True))
        uses = [sum(bool(i.coefficients[n]) for i, _ in pairs) for n in range(len(self.extents))]
        once = all(use == 1 or e == 1 for use, e in zip(uses, self.extents, strict=True))
        return once and all(self._axis_is_tiled(index, size) for index, size in pairs)

    def _axis_is_tiled(self, index: AffineIndex, size: int) -> bool:
        """Return whether the index takes each value once: loop, or window · loop + place."""
        longer = [n for n, extent in enumerate(self.extents) if extent != 1]
        used = sorted((index.coefficients[n], n) for n in longer if index.coefficients[n])
        step = 1
        for coefficient, loop in used:
            if coefficient != step:
                return False
            step *= self.extents[loop]
        return index.constant == 0 and index.divisor == 1 and step == size

    def nest(self, one: Visit) -> Body:
        """Return the loops over all windows around the body for one."""
        places = {n: Affine(0, ((loop, 1),)) for n, loop in enumerate(self.loops)}
        outer = [n for n in range(self.rank) if n != self.lane]
        if self.lane < 0:
            return self._around(outer, one(places))
        extent = self.extents[self.lane]
        body = in_lanes(extent, self.width, lambda at: one({**places, self.lane: at}))
        return self._around(outer, body)

    def _around(self, loops: list[int], body: Body) -> Body:
        for n in reversed(loops):
            axis = n if self.written_by_window else self._axis(n)
            limits = self.division.limits_along(axis if axis >= 0 else -2, self.extents[n])
            body = (For(self.loops[n], *limits, body),)
        return body

    def visit(self, body: Visit, places: Places) -> Body:
        """Return the loops over the places of a window, those outside it left out."""
        inner = body(places)
        loose = [(self.read.indices[axis], size) for axis, size in self.loose]
        clipped = [pair for pair in loose if self._limits_places(pair[0])]
        checks = [inside(moved(i, places), size) for i, size in loose if (i, size) not in clipped]
        if checks:
            inner = (If(reduce(lambda a, b: op("and", a, b), checks), inner),)
        clips = clips_of(clipped, self.loops)
        for n in reversed(range(self.rank, len(self.extents))):
            own = [clip for clip in clips if clip.loop == n]
            starts = (Limit(Affine(0)), *(clip.start for clip in own))
            stops = (Limit(Affine(self.extents[n])), *(clip.stop for clip in own))
            inner = (For(self.loops[n], starts, stops, inner),)
        return inner

    def _limits_places(self, index: AffineIndex) -> bool:
        """Return whether what an index asks can be a limit of a loop over places."""
        return index.divisor == 1 and any(index.coefficients[self.rank :])

    def indices(self, places: Places) -> tuple[Expression, ...]:
        """Return where an element stands in the buffer that windows lie in."""
        return tuple(moved(i, places) for i in self.read.indices)

    def target(self, places: Places) -> tuple[Expression, ...]:
        """Return where a window's own element stands."""
        return tuple(places[n] for n in range(self.rank))

    def number(self, places: Places) -> Affine:
        """Return the number of a place in its window, in row-major order."""
        terms, step = [], 1
        for n in reversed(range(self.rank, len(self.extents))):
            terms.append((self.loops[n], step))
            step *= self.extents[n]
        return Affine(0, tuple(terms))
