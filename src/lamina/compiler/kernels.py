"""Kernels of units: made once for equal operations on arrays that lie in memory equally."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from lamina.compiler.ir import Buffer, Kernel, Local
from lamina.compiler.layouts import Layout
from lamina.compiler.lowering import lower
from lamina.compiler.lowering.building import Body
from lamina.compiler.lowering.contraction import can_finish, can_lead, finish_contraction
from lamina.compiler.lowering.finish import BASE, Finish, Stage
from lamina.compiler.lowering.pointwise import finish_pointwise
from lamina.compiler.lowering.sort import scratch
from lamina.compiler.lowering.winograd import finish_joined
from lamina.compiler.lowering.winograd_batch import finish_convolved
from lamina.compiler.machines import Machine
from lamina.compiler.winograd.operations import Convolved, Joined
from lamina.core.node import Operation
from lamina.ops.contraction import Contraction
from lamina.ops.scalar import Scalar
from lamina.ops.structure import ArgSort

Base = Contraction | Joined | Convolved
"""The operations whose results can be finished before they are stored."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a kernel computes: a base from the first arrays (if there is one), then its stages.

    The base is a contraction, or makes outputs of Winograd's tiles. With ``lead`` the contraction
    is a sum of that function of the first arrays. ``arrays`` are those that the stages read.
    ``stores`` says for each result whether it is the base or which stage, ``over`` the number of
    the array that it overwrites, or -1, and ``sums`` likewise what is added up over rows.
    """

    base: Base | None
    stages: tuple[Stage, ...]
    stores: tuple[int, ...]
    over: tuple[int, ...]
    lead: Scalar | None = None
    sums: tuple[int, ...] = ()


@lru_cache(maxsize=4096)
def plain_kernel(
    operation: Operation, out: Layout, operands: tuple[Layout, ...], machine: Machine
) -> Kernel:
    """Return the kernel of one operation on arrays laid out so."""
    target = out.buffer("out")
    sources = [layout.buffer(f"x{n}") for n, layout in enumerate(operands)]
    if isinstance(operation, ArgSort):
        sources.append(scratch(target))
    body, chunks = lower(operation, target, sources, machine)
    return Kernel(operation.name, (target, *sources), body, chunks)


@lru_cache(maxsize=4096)
def kernel(
    work: Work,
    out: Layout,
    outs: tuple[Layout, ...],
    factors: tuple[Layout, ...],
    arrays: tuple[Layout, ...],
    machine: Machine,
) -> Kernel:
    """Return the kernel of a contraction or pointwise functions, and what follows.

    ``out`` is how a base that is not stored would lie. The kernel's buffers are its results (sums
    are the last of ``outs``), the contraction's operands, and the arrays that are not overwritten.
    """
    results = [layout.buffer(f"out{n}" if n else "out") for n, layout in enumerate(outs)]
    operands = [layout.buffer(f"x{n}") for n, layout in enumerate(factors)]
    read = _arrays(work, results, arrays, len(operands))
    stored, sums = results[: len(work.stores)], results[len(work.stores) :]
    stores = dict(zip(work.stores, stored, strict=True))
    totals = {n: Local(f"total{k}", out.dtype) for k, n in enumerate(work.sums)}
    finish = Finish(work.stages, read, stores, machine.fma, totals)
    if work.base is None:
        body, chunks = finish_pointwise(finish, results, read, machine)
    else:
        target = stores.get(BASE, out.buffer("base"))
        body, chunks = _finished(work, target, operands, finish, machine, sums)
    others = [buffer for buffer in read if buffer not in results]
    buffers = (*results, *operands, *others)
    return Kernel(_name(work), buffers, body, chunks, len(results))


def _finished(
    work: Work,
    target: Buffer,
    operands: Sequence[Buffer],
    finish: Finish,
    machine: Machine,
    sums: Sequence[Buffer],
) -> tuple[Body, int]:
    if isinstance(work.base, Joined):
        return finish_joined(work.base, target, operands, finish, machine)
    if isinstance(work.base, Convolved):
        return finish_convolved(work.base, target, operands, finish, machine, sums)
    assert work.base is not None
    return finish_contraction(work.base, target, operands, finish, machine, work.lead)


def _arrays(
    work: Work, results: Sequence[Buffer], arrays: Sequence[Layout], first: int
) -> list[Buffer]:
    """Return the buffers of the arrays: that of a result where it overwrites one."""
    places = {array: results[n] for n, array in enumerate(work.over) if array >= 0}
    return [places.get(n, layout.buffer(f"x{first + n}")) for n, layout in enumerate(arrays)]


def _name(work: Work) -> str:
    names = [stage.function.name for stage in work.stages]
    if work.base is not None:
        names.insert(0, work.base.name)
    return "_".join(names[:2])


def can_be_led(work: Contraction, out: Layout, arrays: Sequence[Layout], machine: Machine) -> bool:
    """Return whether the contraction can sum a function of arrays instead of one array."""
    operands = [layout.buffer(f"x{n}") for n, layout in enumerate(arrays)]
    return can_lead(work, out.buffer("out"), operands, machine)


def can_be_finished(
    work: Contraction,
    out: Layout,
    factors: Sequence[Layout],
    arrays: Sequence[Layout],
    machine: Machine,
) -> bool:
    """Return whether the contraction's kernel can apply functions of it and other arrays."""
    operands = [layout.buffer(f"x{n}") for n, layout in enumerate(factors)]
    others = [layout.buffer("") for layout in arrays]
    return can_finish(work, out.buffer("out"), operands, others, machine)
