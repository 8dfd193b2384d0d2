"""Whole plans in the interpreter: the same kernels and the same memory as native code has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina.compiler.interpreter import interpret
from lamina.compiler.ir import Kernel
from lamina.compiler.machines import Machine
from lamina.compiler.plan import Plan
from lamina.compiler.planner import Planner
from lamina.core.program import Program
from lamina.core.types import Array

POISON = 0xFE
"""What memory is filled with at first: -1.7e38 in float32, so that reading it is noticed."""


def interpreted(
    program: Program, operands: Sequence[Array], machine: Machine, static: Sequence[int] = ()
) -> list[Array]:
    """Return the outputs of the program's plan, run by the interpreter."""
    return run_plan(Planner(program, machine, static=static).plan, operands)


def run_plan(plan: Plan, operands: Sequence[Array]) -> list[Array]:
    """Run kernels in order on memory laid out as planned; each must write distinct memory."""
    outputs = [np.empty(t.shape, t.dtype) for t in plan.outputs]
    given = [np.array(a, order="C") for a in operands]
    external = [a.reshape(-1).view(np.uint8) for a in (*given, *plan.constants, *outputs)]
    arena = np.empty(plan.arena, np.uint8)
    temporaries = [arena[t.offset : t.offset + t.size] for t in plan.temporaries]
    for memory in (arena, *external[len(external) - len(outputs) :]):
        memory[:] = POISON
    for storage, memory in zip(plan.temporaries, temporaries, strict=True):
        if storage.kept:
            memory[:] = 0
    for which, call in zip(plan.which, plan.calls, strict=True):
        _run(plan.kernels[which], [(external + temporaries)[number] for number in call])
    for before, after in zip(operands, given, strict=True):
        np.testing.assert_array_equal(before, after)
    return outputs


def _run(kernel: Kernel, memory: list[Array]) -> None:
    written, read = memory[: kernel.written], memory[kernel.written :]
    for target in written:
        assert not any(np.shares_memory(target, other) for other in read), kernel.name
    arrays = [m.view(b.dtype) for m, b in zip(memory, kernel.buffers, strict=True)]
    for array, buffer in zip(arrays, kernel.buffers, strict=True):
        assert buffer.span <= array.size, f"{kernel.name}: {buffer} in {array.size} elements"
    interpret(kernel, arrays)
