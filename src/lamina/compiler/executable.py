"""A compiled program: native code, its constants and its memory, called with NumPy arrays."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from lamina.compiler import llvm
from lamina.compiler.binding import Binding
from lamina.compiler.cache import kept
from lamina.compiler.code import Code, from_bytes
from lamina.compiler.debugging import debugging
from lamina.compiler.fingerprint import fingerprint
from lamina.core.program import Program
from lamina.core.types import Array, Type

if TYPE_CHECKING:
    from lamina.compiler.plan import Plan


class Executable:
    """Native code for a program. Calls are independent of one another, from any thread.

    Args:
        program: what to compile.
        donated: for an output's number the number of the input in whose memory it is left: the
            array passed there is changed in place, and no array is returned for the output.
        static: the numbers of inputs that are seldom different (weights, when a network is only
            used). Work that depends on them alone may be done when they are bound.
    """

    def __init__(
        self,
        program: Program,
        donated: Mapping[int, int] | None = None,
        static: Collection[int] = (),
    ) -> None:
        self.program = program
        self.donated = dict(donated or {})
        self.static = frozenset(static)
        self.outputs: list[Type] = [
            node.type for n, node in enumerate(program.outputs) if n not in self.donated
        ]
        self.code = self._code()
        self.module = llvm.NativeModule(self.code.native, ("run", "prepare", "both", "calls"))
        #: The program with no input fixed.
        self.unbound = self.bind({})

    def _code(self) -> Code:
        """Return the code: from the disk if an equal program was compiled before.

        Where passes are watched, they are run, and the disk has the native code of equal kernels.
        """
        found = None if debugging() else fingerprint(self.program, self.donated, self.static)
        if found is None:
            kernels = map(repr, (self.plan.kernels, *self._order()))
            return self._planned(kept((*llvm.identity(), *kernels), self._native))
        known = [node.value for node in self.program.nodes if node.value is not None]
        parts = (*llvm.identity(), *found)
        content = kept(parts, lambda: self._planned(self._native()).to_bytes(known))
        return from_bytes(content, known)

    def _planned(self, native: bytes) -> Code:
        plan = self.plan
        offsets = [storage.offset for storage in plan.temporaries]
        return Code(native, plan.constants, offsets, plan.arena, plan.prepared > 0)

    @cached_property
    def plan(self) -> Plan:
        """The kernels and the memory: made anew where the code comes from the disk."""
        from lamina.compiler.passes.pipeline import optimise
        from lamina.compiler.planner import Planner

        optimised = optimise(self.program)
        return Planner(optimised, llvm.machine(), self.donated, self.static).plan

    def _native(self) -> bytes:
        return llvm.object_code(self.llvm_text())

    def llvm_text(self) -> str:
        """Return the program in LLVM's language."""
        return llvm.write_module(self.plan.kernels, *self._order())

    def _order(self) -> tuple[list[int], list[list[int]], int]:
        return self.plan.which, self.plan.calls, self.plan.prepared

    @property
    def arena_bytes(self) -> int:
        """How much memory a call needs beside inputs, constants and outputs."""
        return self.code.arena

    def bind(self, fixed: Mapping[int, Array]) -> Binding:
        """Return the program with some inputs, by number, fixed to arrays: a call takes the rest.

        The arrays are referred to, not copied. Static inputs must not change while they are bound;
        others may, between calls, and donated ones do in every call.
        """
        return Binding(self, fixed)

    def __call__(self, *arguments: Array) -> list[Array]:
        """Return the outputs for the inputs' values, as `Program.evaluate` does.

        Outputs that are left in a donated input are not among them.
        """
        return self.unbound(*arguments)

    def show(self, stage: str) -> str:
        """Return the program as text at one stage: graph, passes, loops, llvm or asm."""
        from lamina.compiler.listing import listing
        from lamina.compiler.passes.pipeline import optimise

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
