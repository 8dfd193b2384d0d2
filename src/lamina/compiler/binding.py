"""Calling native code: its pointers, its memory, and the arrays that stay from call to call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import empty

from lamina.compiler.gathering import Wanted, address_of
from lamina.compiler.memory import address, aligned
from lamina.core.errors import ArgumentError
from lamina.core.types import Array

if TYPE_CHECKING:
    from lamina.compiler.executable import Executable


class Frame:
    """What one call at a time uses: the block of pointers, and memory for temporaries.

    Pointers are numbered as in the plan: inputs, constants, outputs, temporaries. Those that stay
    the same are written once.
    """

    def __init__(self, binding: Binding) -> None:
        executable, fixed = binding.executable, binding.fixed
        plan, inputs = executable.plan, len(executable.program.inputs)
        self.arena = aligned((plan.arena,), np.dtype(np.uint8))
        self.left = {n: aligned(plan.outputs[n].shape, plan.outputs[n].dtype)
                     for n in executable.donated}  # fmt: skip
        first = inputs + len(plan.constants)
        base = address(self.arena)
        last = first + len(plan.outputs)
        self.pointers = np.zeros(last + len(plan.temporaries), np.uint64)
        for number, array in fixed.items():
            self.pointers[number] = address(array)
        self.pointers[inputs:first] = [address(c) for c in plan.constants]
        for number, array in self.left.items():
            self.pointers[first + number] = address(array)
        self.pointers[last:] = [base + t.offset for t in plan.temporaries]
        self._call = binding.wanted.call(address_of(executable.module.run), self.pointers)
        self.call_at = address(self._call)


class Binding:
    """An executable with some of its inputs fixed to arrays, which it refers to.

    Any number of threads may call it at once: each call takes a frame that no other call uses.
    (Where inputs are donated, they see one another's updates half done.)
    """

    def __init__(self, executable: Executable, fixed: Mapping[int, Array]) -> None:
        self.executable = executable
        self.types = [node.type for node in executable.program.inputs]
        self.fixed = {n: self._suitable(n, array) for n, array in sorted(fixed.items())}
        self.rest = [n for n in range(len(self.types)) if n not in self.fixed]
        self._frames: list[Frame] = []
        outputs, donated = executable.plan.outputs, executable.donated
        self._fresh = [n for n in range(len(outputs)) if n not in donated]
        self.returned = [outputs[n] for n in self._fresh]
        self._made = [(t.shape, t.dtype) for t in self.returned]
        self.wanted = self._what_is_wanted()
        self._run = self.wanted.run

    def _what_is_wanted(self) -> Wanted:
        first = len(self.types) + len(self.executable.plan.constants)
        places = [*self.rest, *(first + n for n in self._fresh)]
        into = set(self.executable.donated.values())
        written = [*(n in into for n in self.rest), *(True for _ in self._fresh)]
        types = [*(self.types[n] for n in self.rest), *self.returned]
        return Wanted(types, places, written)

    def __call__(self, *given: Array) -> list[Array]:
        """Return the outputs for the values of the inputs that are not fixed, in their order."""
        found = self.quick(given)
        return self._slow(given) if found is None else found

    def quick(self, given: Sequence[Array]) -> list[Array] | None:
        """Do the same if the arrays are exactly as compiled for; else do nothing: None."""
        outputs = [empty(shape, dtype) for shape, dtype in self._made]
        arrays = (*given, *outputs)
        try:  # taking from a list is atomic: no two threads get the same frame
            frame = self._frames.pop()
        except IndexError:
            frame = Frame(self)
        if self._run(id(arrays), frame.call_at):
            self._frames.append(frame)
            return None
        if frame.left:
            self._leave(frame, given)
        self._frames.append(frame)
        return outputs

    def _slow(self, given: Sequence[Any]) -> list[Array]:
        arrays = self._checked(given)
        outputs = [empty(shape, dtype) for shape, dtype in self._made]
        frame = self._frame()
        self.wanted.gather_slowly((*arrays, *outputs), frame.pointers)
        self.executable.module.run(address(frame.pointers))
        self._leave(frame, arrays)
        self._frames.append(frame)
        return outputs

    def _frame(self) -> Frame:
        try:
            return self._frames.pop()
        except IndexError:
            return Frame(self)

    def _leave(self, frame: Frame, given: Sequence[Array]) -> None:
        """Leave donated outputs in their inputs' memory."""
        for output, into in self.executable.donated.items():
            target = self.fixed.get(into)
            np.copyto(given[self.rest.index(into)] if target is None else target,
                      frame.left[output])  # fmt: skip

    def _checked(self, given: Sequence[Any]) -> list[Array]:
        if len(given) != len(self.rest):
            name = self.executable.program.name
            raise ArgumentError(f"{name}: expected {len(self.rest)} inputs, got {len(given)}")
        return [self._suitable(n, array) for n, array in zip(self.rest, given, strict=True)]

    def _suitable(self, number: int, array: Array | np.generic) -> Array:
        """Return an input as native code can read (and write) it: as it is, if it can be."""
        name, type_ = self.executable.program.name, self.types[number]
        if array.shape != type_.shape or array.dtype != type_.dtype:
            raise ArgumentError(
                f"{name}: compiled for {type_}, got {array.dtype}{list(array.shape)}"
            )
        flags = array.flags
        # NumPy's scalars have flags too, but no memory that stays where it is.
        plain = isinstance(array, np.ndarray) and flags.c_contiguous and flags.aligned
        if number in self.executable.donated.values() and not (plain and flags.writeable):
            raise ArgumentError(
                f"{name}: input {number} is changed in place, so it must be a writable array in "
                "row-major order; pass a copy"
            )
        if isinstance(array, np.ndarray) and plain:
            return array
        return np.require(array, requirements=("C", "ALIGNED"))
