"""From Python to native code: every array of a call checked and its address written, natively.

A call's arrays (inputs and fresh outputs) are passed as one tuple. A few lines of native code, the
same for all programs, walk over it and compare each array with what the program was compiled for.
Whatever is not exactly that is refused, and Python then looks at the arguments at leisure: it
copies what lies otherwise, and raises errors. If all is as wanted, the program is run.

The comparison is made while Python's lock is held, so no object changes or goes away under it; it
reads objects through the layout that `memory` has verified, and nothing of an object that is not an
``ndarray`` itself (subclasses are refused) but its type. How a call begins and ends is in
`entries`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina.compiler.memory import ALIGNED, C_CONTIGUOUS, WRITEABLE, address
from lamina.core.types import Array, Type

MAX_RANK = 9
RECORD = 4 + MAX_RANK
"""Words that describe an array: its place among the pointers, dtype, flags, rank, lengths."""

TEXT = """
; Whether an object is an array as described; then its address is put among the pointers.
define internal i1 @accept(ptr %item, ptr %wanted, i64 %n, ptr %pointers) {{
entry:
  %kind = load i64, ptr %wanted
  %kind.at = getelementptr i8, ptr %item, i64 {kind}
  %its.kind = load i64, ptr %kind.at
  %is.array = icmp eq i64 %its.kind, %kind
  br i1 %is.array, label %array, label %refused
array:
  %records = getelementptr i64, ptr %wanted, i64 2
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
  ret i1 true
refused:
  ret i1 false
}}

; Run the program with a tuple of arrays: True, False if they are refused, None if it is busy.
define ptr @run(ptr %self, ptr %given) {{
entry:
  %call = call ptr @own(ptr %self)
{busy}
  %taken = load i64, ptr %busy
  %free = icmp eq i64 %taken, 0
  br i1 %free, label %begin, label %occupied
begin:
{wanted}
{pointers}
  %size.at = getelementptr i8, ptr %given, i64 {size}
  %size = load i64, ptr %size.at
  %count.at = getelementptr i64, ptr %wanted, i64 1
  %count = load i64, ptr %count.at
  %items = getelementptr i8, ptr %given, i64 {items}
  %as.many = icmp eq i64 %size, %count
  br i1 %as.many, label %next, label %refused
next:
  %n = phi i64 [ 0, %begin ], [ %n.after, %object ]
  %more = icmp slt i64 %n, %count
  br i1 %more, label %object, label %done
object:
  %item.at = getelementptr ptr, ptr %items, i64 %n
  %item = load ptr, ptr %item.at
  %n.after = add i64 %n, 1
  %fits = call i1 @accept(ptr %item, ptr %wanted, i64 %n, ptr %pointers)
  br i1 %fits, label %next, label %refused
done:
  call void @execute(ptr %call)
  store i64 0, ptr %busy
  %yes = call ptr @answer(ptr %call, i64 {yes})
  ret ptr %yes
refused:
  %no = call ptr @answer(ptr %call, i64 {no})
  ret ptr %no
occupied:
  %none = call ptr @answer(ptr %call, i64 {none})
  ret ptr %none
}}
"""


class Wanted:
    """What the arrays of a call must be, and where among the pointers each address goes."""

    def __init__(self, types: Sequence[Type], places: Sequence[int], written: Sequence[bool]):
        self.types, self.places, self.written = list(types), list(places), list(written)
        records = [[id(np.ndarray), len(self.types)]]
        records += map(_record, self.types, self.places, self.written)
        #: The same as native code reads it.
        self.words = np.array([word for record in records for word in record], np.int64)
        #: Whether native code can compare so many axes.
        self.low_enough = all(len(t.shape) <= MAX_RANK for t in self.types)

    def gather_slowly(self, arrays: tuple[Array, ...], pointers: Array) -> None:
        """Write the addresses of arrays that have been checked."""
        for place, array in zip(self.places, arrays, strict=True):
            pointers[place] = address(array)


def _record(type_: Type, place: int, written: bool) -> list[int]:
    # NumPy has one object for each of its own dtypes, which lives for ever: dtypes that are that
    # object are equal. One that is equal and another object (an unpickled one) is refused here.
    flags = C_CONTIGUOUS | ALIGNED | (WRITEABLE if written else 0)
    shape = type_.shape[:MAX_RANK]
    padded = [*shape, *[0] * (MAX_RANK - len(shape))]
    return [place, id(np.dtype(type_.dtype.str)), flags, len(type_.shape), *padded]
