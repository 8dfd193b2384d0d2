"""From Python to native code: every array of a call checked and its address written, natively.

A call's arrays (inputs and fresh outputs) are passed as one tuple. A few lines of native code, the
same for all programs, walk over it and compare each array with what the program was compiled for.
Whatever is not exactly that is refused, and Python then looks at the arguments at leisure: it
copies what lies otherwise, and raises errors. If all is as wanted, the program is run.

The comparison is made while Python's lock is held, so no object changes or goes away under it; it
reads objects through the layout that `memory` has verified, and nothing of an object that is not an
``ndarray`` itself (subclasses are refused) but its type. The lock is then released with
CPython's own two functions, as `ctypes` does, and taken again after the program; its caller holds
on to the tuple, and so to the arrays.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from lamina.compiler import llvm, pool
from lamina.compiler.cache import kept
from lamina.compiler.memory import (
    ALIGNED,
    C_CONTIGUOUS,
    LAYOUT,
    WRITEABLE,
    Layout,
    address,
)
from lamina.core.types import Array, Type

Caller = Callable[[int, int], int]
MAX_RANK = 9
RECORD = 4 + MAX_RANK
"""Words that describe an array: its place among the pointers, dtype, flags, rank, lengths."""

_TEXT = """
define i64 @run(ptr %given, ptr %call) {{
entry:
  %wanted = load ptr, ptr %call
  %pointers.at = getelementptr ptr, ptr %call, i64 1
  %pointers = load ptr, ptr %pointers.at
  %size.at = getelementptr i8, ptr %given, i64 {size}
  %size = load i64, ptr %size.at
  %kind = load i64, ptr %wanted
  %count.at = getelementptr i64, ptr %wanted, i64 1
  %count = load i64, ptr %count.at
  %records = getelementptr i64, ptr %wanted, i64 2
  %items = getelementptr i8, ptr %given, i64 {items}
  %as.many = icmp eq i64 %size, %count
  br i1 %as.many, label %next, label %refused
next:
  %n = phi i64 [ 0, %entry ], [ %n.after, %accepted ]
  %more = icmp slt i64 %n, %count
  br i1 %more, label %object, label %done
object:
  %item.at = getelementptr ptr, ptr %items, i64 %n
  %item = load ptr, ptr %item.at
  %kind.at = getelementptr i8, ptr %item, i64 {kind}
  %its.kind = load i64, ptr %kind.at
  %is.array = icmp eq i64 %its.kind, %kind
  br i1 %is.array, label %array, label %refused
array:
  %offset = mul i64 %n, {record}
  %record = getelementptr i64, ptr %records, i64 %offset
  %dtype.at = getelementptr i8, ptr %item, i64 {dtype}
  %its.dtype = load i64, ptr %dtype.at
  %dtype.wanted = getelementptr i64, ptr %record, i64 1
  %dtype = load i64, ptr %dtype.wanted
  %dtype.fits = icmp eq i64 %its.dtype, %dtype
  %flags.at = getelementptr i8, ptr %item, i64 {flags}
  %its.flags = load i32, ptr %flags.at
  %its.flags.wide = zext i32 %its.flags to i64
  %flags.wanted = getelementptr i64, ptr %record, i64 2
  %flags = load i64, ptr %flags.wanted
  %set = and i64 %its.flags.wide, %flags
  %flags.fit = icmp eq i64 %set, %flags
  %rank.at = getelementptr i8, ptr %item, i64 {rank}
  %its.rank = load i32, ptr %rank.at
  %its.rank.wide = zext i32 %its.rank to i64
  %rank.wanted = getelementptr i64, ptr %record, i64 3
  %rank = load i64, ptr %rank.wanted
  %rank.fits = icmp eq i64 %its.rank.wide, %rank
  %both = and i1 %dtype.fits, %flags.fit
  %fits = and i1 %both, %rank.fits
  br i1 %fits, label %shape, label %refused
shape:
  %lengths.at = getelementptr i8, ptr %item, i64 {lengths}
  %lengths = load ptr, ptr %lengths.at
  %lengths.wanted = getelementptr i64, ptr %record, i64 4
  br label %axis
axis:
  %k = phi i64 [ 0, %shape ], [ %k.after, %length ]
  %axes.left = icmp slt i64 %k, %rank
  br i1 %axes.left, label %length, label %accepted
length:
  %its.length.at = getelementptr i64, ptr %lengths, i64 %k
  %its.length = load i64, ptr %its.length.at
  %length.at = getelementptr i64, ptr %lengths.wanted, i64 %k
  %one.length = load i64, ptr %length.at
  %k.after = add i64 %k, 1
  %length.fits = icmp eq i64 %its.length, %one.length
  br i1 %length.fits, label %axis, label %refused
accepted:
  %data.at = getelementptr i8, ptr %item, i64 {data}
  %data = load ptr, ptr %data.at
  %place = load i64, ptr %record
  %pointer.at = getelementptr ptr, ptr %pointers, i64 %place
  store ptr %data, ptr %pointer.at
  %n.after = add i64 %n, 1
  br label %next
done:
  %program.at = getelementptr ptr, ptr %call, i64 2
  %program = load ptr, ptr %program.at
  %save.at = getelementptr ptr, ptr %call, i64 3
  %save = load ptr, ptr %save.at
  %restore.at = getelementptr ptr, ptr %call, i64 4
  %restore = load ptr, ptr %restore.at
  %submit.at = getelementptr ptr, ptr %call, i64 5
  %submit = load ptr, ptr %submit.at
  %thread = call ptr %save()
  call void %program(ptr %pointers, ptr %submit)
  call void %restore(ptr %thread)
  ret i64 0
refused:
  ret i64 1
}}
@calls = constant [1 x ptr] [ptr @run]
"""


class Wanted:
    """What the arrays of a call must be, and where among the pointers each address goes."""

    def __init__(self, types: Sequence[Type], places: Sequence[int], written: Sequence[bool]):
        self.types, self.places, self.written = list(types), list(places), list(written)
        records = [[id(np.ndarray), len(self.types)]]
        records += map(_record, self.types, self.places, self.written)
        self._words = np.array([word for record in records for word in record], np.int64)
        self._at = address(self._words)
        low_enough = all(len(t.shape) <= MAX_RANK for t in self.types)
        #: Called with the addresses of a tuple of arrays and of what `call` returned: runs the
        #: program and returns 0, or returns 1 if an array is not as wanted.
        self.run: Caller = (native() if low_enough else None) or _refuse

    def call(self, program: int, pointers: Array) -> Array:
        """Return what `run` has to know: the address of the program, and of its pointers."""
        lock = (ctypes.pythonapi.PyEval_SaveThread, ctypes.pythonapi.PyEval_RestoreThread)
        known = [
            self._at,
            address(pointers),
            program,
            *map(address_of, lock),
            pool.submit_address(),
        ]
        return np.array(known, np.uint64)

    def gather_slowly(self, arrays: tuple[Array, ...], pointers: Array) -> None:
        """Do the same for arrays that have been checked."""
        for place, array in zip(self.places, arrays, strict=True):
            pointers[place] = address(array)


def address_of(function: Any) -> int:
    """Return where a native function is."""
    found = ctypes.cast(function, ctypes.c_void_p).value
    assert found is not None
    return found


def _refuse(given: int, call: int) -> int:
    """Stand for the native code where there is none: Python looks at everything."""
    return 1


def _record(type_: Type, place: int, written: bool) -> list[int]:
    # NumPy has one object for each of its own dtypes, which lives for ever: dtypes that are that
    # object are equal. One that is equal and another object (an unpickled one) is refused here.
    flags = C_CONTIGUOUS | ALIGNED | (WRITEABLE if written else 0)
    shape = type_.shape[:MAX_RANK]
    padded = [*shape, *[0] * (MAX_RANK - len(shape))]
    return [place, id(np.dtype(type_.dtype.str)), flags, len(type_.shape), *padded]


_loaded: list[llvm.NativeModule] = []


@cache
def native() -> Caller | None:
    """Return the native code, or None where objects are laid out otherwise than published."""
    if LAYOUT is None:
        return None
    written = text(LAYOUT)
    code = kept((*llvm.identity(), written), lambda: llvm.object_code(written))
    module = llvm.NativeModule(code)
    # PYFUNCTYPE keeps Python's lock, which the code releases itself.
    kind = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
    _loaded.append(module)  # the code stays in memory as long as this
    return kind(address_of(module.run))


def text(layout: Layout) -> str:
    """Return the code in LLVM's language, for a layout of objects."""
    names = ("kind", "size", "items", "data", "rank", "lengths", "dtype", "flags")
    return _TEXT.format(record=RECORD, **{name: getattr(layout, name) for name in names})
