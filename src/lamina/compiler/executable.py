"""A compiled program: native code, its constants and its memory, called with NumPy arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from lamina.compiler import llvm
from lamina.compiler.cache import Cache, key_of
from lamina.compiler.listing import listing
from lamina.compiler.passes.pipeline import optimise
from lamina.compiler.arena import ALIGNMENT
from lamina.compiler.plan import Plan, Planner
from lamina.core.errors import ArgumentError
from lamina.core.program import Program
from lamina.core.types import Array


class Executable:
    """Native code for a program. Calls are independent of one another, from any thread."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.optimised = optimise(program)
        self.plan: Plan = Planner(self.optimised, llvm.machine()).plan
        self._module = llvm.NativeModule(self._object_code())
        self._types = [node.type for node in self.optimised.inputs]
        self._arenas: list[Array] = []

    def _object_code(self) -> bytes:
        """Return native code: from the disk if it was compiled before, for any program."""
        plan = self.plan
        cache = _cache()
        key = key_of(*llvm.identity(), repr(plan.kernels), repr(plan.which), repr(plan.calls))
        code = cache.get(key)
        if code is None:
            code = llvm.object_code(self.llvm_text())
            cache.put(key, code)
        return code

    def llvm_text(self) -> str:
        """Return the program in LLVM's language."""
        return llvm.write_module(self.plan.kernels, self.plan.which, self.plan.calls)

    @property
    def arena_bytes(self) -> int:
        """How much memory a call needs beside inputs, constants and outputs."""
        return self.plan.arena

    def __call__(self, *arguments: Array) -> list[Array]:
        """Return the outputs for the inputs' values, as `Program.evaluate` does."""
        inputs = self._checked(arguments)
        outputs = [np.empty(t.shape, t.dtype) for t in self.plan.outputs]
        arena = self._arena()
        base = arena.ctypes.data
        addresses = [a.ctypes.data for a in (*inputs, *self.plan.constants, *outputs)]
        addresses += [base + t.offset for t in self.plan.temporaries]
        pointers = (ctypes.c_void_p * len(addresses))(*addresses)
        self._module.run(ctypes.cast(pointers, ctypes.c_void_p), llvm.serial_submit())
        self._arenas.append(arena)
        return outputs

    def _arena(self) -> Array:
        """Return memory that no other call uses now; two threads may ask at once."""
        try:
            return self._arenas.pop()
        except IndexError:
            return _aligned_empty(self.plan.arena)

    def show(self, stage: str) -> str:
        """Return the program as text at one stage: graph, passes, loops, llvm or asm."""
        if stage == "graph":
            return str(self.program)
        if stage == "passes":
            seen: list[str] = []
            optimise(self.program, lambda name, program: seen.append(f"# {name}\n{program}"))
            return "\n\n".join(seen)
        if stage == "loops":
            return "\n\n".join(listing(kernel) for kernel in self.plan.kernels)
        text = self.llvm_text()
        return text if stage == "llvm" else llvm.assembly(text)

    def _checked(self, arguments: Sequence[Any]) -> list[Array]:
        if len(arguments) != len(self._types):
            raise ArgumentError(
                f"{self.program.name}: expected {len(self._types)} inputs, got {len(arguments)}"
            )
        for array, type_ in zip(arguments, self._types, strict=True):
            if array.shape != type_.shape or array.dtype != type_.dtype:
                raise ArgumentError(
                    f"{self.program.name}: compiled for {type_}, got "
                    f"{array.dtype}{list(array.shape)}"
                )
        return [np.require(a, requirements=("C", "ALIGNED")) for a in arguments]


@lru_cache(maxsize=1)
def _cache() -> Cache:
    return Cache()


def _aligned_empty(size: int) -> Array:
    """Return ``size`` bytes that begin at a multiple of the alignment."""
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]
