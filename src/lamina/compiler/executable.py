"""A compiled program: native code, its constants and its memory, called with NumPy arrays."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lamina.compiler import llvm
from lamina.compiler.binding import Binding
from lamina.compiler.cache import kept
from lamina.compiler.listing import listing
from lamina.compiler.passes.pipeline import optimise
from lamina.compiler.plan import Plan, Planner
from lamina.core.program import Program
from lamina.core.types import Array


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
        self.optimised = optimise(program)
        self.plan: Plan = Planner(self.optimised, llvm.machine(), self.donated, self.static).plan
        self.module = llvm.NativeModule(self._object_code(), ("run", "prepare", "both", "calls"))
        #: The program with no input fixed.
        self.unbound = self.bind({})

    def _object_code(self) -> bytes:
        """Return native code: from the disk if it was compiled before, for any program."""
        plan = self.plan
        parts = (*llvm.identity(), *map(repr, (plan.kernels, *self._order())))
        return kept(parts, lambda: llvm.object_code(self.llvm_text()))

    def llvm_text(self) -> str:
        """Return the program in LLVM's language."""
        return llvm.write_module(self.plan.kernels, *self._order())

    def _order(self) -> tuple[list[int], list[list[int]], int]:
        return self.plan.which, self.plan.calls, self.plan.prepared

    @property
    def arena_bytes(self) -> int:
        """How much memory a call needs beside inputs, constants and outputs."""
        return self.plan.arena

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
