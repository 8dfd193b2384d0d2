"""Calling native code: its pointers, its memory, and the arrays that stay from call to call."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from itertools import starmap
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import empty

from lamina.compiler import entries, pool
from lamina.compiler.builtin import Entry
from lamina.compiler.gathering import Wanted
from lamina.compiler.memory import address, room
from lamina.core.errors import ArgumentError
from lamina.core.types import Array

if TYPE_CHECKING:
    from lamina.compiler.executable import Executable


def _native(at: int) -> Any:
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(at)


class Frame:
    """What one call at a time uses: the block of pointers, and memory for temporaries.

    Pointers are numbered as in the plan: inputs, constants, outputs, temporaries. Those that stay
    the same are written once.
    """

    def __init__(self, binding: Binding) -> None:
        executable, fixed = binding.executable, binding.fixed
        code, inputs = executable.code, len(executable.program.inputs)
        self.arena = room(code.arena)
        addresses = executable.module.addresses
        first = inputs + len(code.constants)
        base = address(self.arena)
        last = first + len(executable.outputs)
        self.pointers = np.zeros(last + len(code.offsets), np.uint64)
        for number, array in fixed.items():
            self.pointers[number] = address(array)
        self.pointers[inputs:first] = [address(c) for c in code.constants]
        self.pointers[last:] = [base + offset for offset in code.offsets]
        if binding.is_prepared and code.prepares:
            _native(addresses["prepare"])(address(self.pointers), pool.submit_address())
        self.program = addresses["run" if binding.is_prepared else "both"]
        self._busy = np.zeros(1, np.int64)
        self._kept = (executable, binding.wanted)
        #: Called with a tuple of arrays: True if it has run the program, False if an array is not
        #: as wanted, None if another call is under way.
        self.run: Entry = self.entry("run") or _refuse
        #: Called without arguments: whether the frame was free, and is the caller's from now on.
        self.take: Entry = self.entry("take") or self._take

    def entry(self, name: str, *keeps: Any, **words: int | Array) -> Entry | None:
        """Return an entry to native code that uses this memory; None if there cannot be one."""
        executable, wanted = self._kept
        if not wanted.low_enough:
            return None
        return entries.entry(
            name,
            *(executable, self.arena, *keeps),
            wanted=wanted.words,
            pointers=self.pointers,
            program=self.program,
            busy=self._busy,
            **words,
        )

    def _take(self) -> bool:
        with _taking:
            free, self._busy[0] = not self._busy[0], 1
            return free

    def leave(self) -> None:
        """Give the frame back after `take`."""
        self._busy[0] = 0


_taking = Lock()


def _refuse(arrays: tuple[Any, ...]) -> bool:
    """Stand for the native code where there is none: Python looks at everything."""
    return False


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
        #: Whether what depends on static inputs alone is done once for each frame.
        self.is_prepared = executable.static <= self.fixed.keys()
        self.returned = executable.outputs
        self._made = [(t.shape, t.dtype) for t in self.returned]
        self.wanted = self._what_is_wanted()
        self._run: Entry = self._elsewhere

    def _what_is_wanted(self) -> Wanted:
        first = len(self.types) + len(self.executable.code.constants)
        places = [*self.rest, *(first + n for n in range(len(self.returned)))]
        into = set(self.executable.donated.values())
        written = [*(n in into for n in self.rest), *(True for _ in self.returned)]
        types = [*(self.types[n] for n in self.rest), *self.returned]
        return Wanted(types, places, written)

    def __call__(self, *given: Array) -> list[Array]:
        """Return the outputs for the values of the inputs that are not fixed, in their order."""
        found = self.quick(given)
        return self._slow(given) if found is None else found

    def quick(self, given: Sequence[Array]) -> list[Array] | None:
        """Do the same if the arrays are exactly as compiled for; else do nothing: None."""
        outputs = self.outputs()
        arrays = (*given, *outputs)
        done = self._run(arrays)
        if done is None:
            done = self._elsewhere(arrays)
        return outputs if done else None

    def outputs(self) -> list[Array]:
        """Return new arrays for the outputs."""
        return [*starmap(empty, self._made)]

    def _elsewhere(self, arrays: tuple[Array, ...]) -> bool:
        """Run with whichever frame is free."""
        done = None
        while done is None:
            frame = self.frame()
            done = frame.run(arrays)
        self._run = frame.run
        return bool(done)

    def _slow(self, given: Sequence[Any]) -> list[Array]:
        arrays = self._checked(given)
        frame = self._taken()
        try:
            return self._run_checked(arrays, frame)
        finally:
            frame.leave()

    def frame(self) -> Frame:
        """Return memory that no call is using now."""
        frame = self._taken()
        frame.leave()
        return frame

    def _taken(self) -> Frame:
        for frame in self._frames:
            if frame.take():
                return frame
        frame = Frame(self)
        frame.take()
        self._frames.append(frame)
        return frame

    def _run_checked(self, arrays: Sequence[Array], frame: Frame) -> list[Array]:
        outputs = self.outputs()
        self.wanted.gather_slowly((*arrays, *outputs), frame.pointers)
        _native(frame.program)(address(frame.pointers), pool.submit_address())
        return outputs

    def fresh(self, given: Sequence[Any]) -> tuple[Frame, list[Array]]:
        """Return a frame of its own, all addresses written, and the arrays for the outputs."""
        frame = Frame(self)
        return frame, self._run_checked(self._checked(given), frame)

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
