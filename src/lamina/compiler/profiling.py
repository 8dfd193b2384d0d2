"""Where a compiled program's time goes: every call of a kernel timed by itself."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from lamina.compiler import pool
from lamina.compiler.binding import Frame
from lamina.compiler.counting import flops
from lamina.compiler.ir import Kernel
from lamina.compiler.memory import address

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lamina.compiler.binding import Binding
    from lamina.core.types import Array

_ENTRY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)


@dataclass(frozen=True)
class Line:
    """One call of a kernel: what for, its median time, and the work it does.

    ``flops`` counts multiplications and additions of sums, but none beyond borders;
    ``bytes`` is the size of what is written and read, each array once.
    """

    place: str
    kernel: str
    chunks: int
    seconds: float
    flops: int
    bytes: int

    @property
    def gigaflops(self) -> float:
        """10⁹ operations a second."""
        return self.flops / self.seconds / 1e9

    @property
    def gigabytes(self) -> float:
        """10⁹ bytes a second."""
        return self.bytes / self.seconds / 1e9


class Profile(list[Line]):
    """The calls of a program's kernels, in their order.

    ``arena_bytes`` is the memory for everything between inputs, constants and outputs, which
    share it as they come and go: the peak of what a step needs beside weights and data.
    """

    def __init__(self, lines: Iterable[Line], arena_bytes: int) -> None:
        super().__init__(lines)
        self.arena_bytes = arena_bytes


def profile(binding: Binding, arguments: Sequence[Array], rounds: int = 10) -> Profile:
    """Run a program call by call, and return each call's median time.

    The program is run whole before, so that memory holds what each call expects. Donated
    inputs change as they do in ``rounds`` + 1 calls.
    """
    binding(*arguments)
    frame, outputs = binding.fresh(arguments)
    plan = binding.executable.plan
    tasks = ctypes.cast(binding.executable.module.calls, ctypes.POINTER(ctypes.c_void_p))
    kernels = [plan.kernels[n] for n in plan.which]
    entries = range(plan.prepared, len(kernels))
    times = {n: [0.0] * rounds for n in entries}
    for turn in range(rounds):
        for n in entries:
            times[n][turn] = _timed(tasks[n] or 0, kernels[n], frame)
    del outputs
    lines = [
        Line(
            plan.names[n],
            kernels[n].name,
            kernels[n].chunks,
            median(times[n]),
            flops(kernels[n]),
            sum(b.bytes for b in kernels[n].buffers),
        )
        for n in entries
    ]
    return Profile(lines, plan.arena)


def _timed(task: int, kernel: Kernel, frame: Frame) -> float:
    pointers = address(frame.pointers)
    if kernel.chunks == 1:
        one = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(task)
        start = perf_counter()
        one(pointers, 0)
        return perf_counter() - start
    share = _ENTRY(pool.submit_address())
    start = perf_counter()
    share(task, pointers, kernel.chunks)
    return perf_counter() - start
