"""Memory that native code reads and writes: where arrays lie, and arrays that begin at a vector.

CPython and NumPy publish how their objects are laid out (``PyTupleObject`` and ``PyArrayObject``
in their headers), and a program's arguments can be found through that in nanoseconds. Nothing here
takes the layout on trust: `LAYOUT` is None where what is read through it differs from what Python
says of the same objects, and arrays are then asked for their addresses one by one.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from math import prod

import numpy as np

from lamina.core.types import Array, DType, Shape

ALIGNMENT = 64
LARGE_PAGE = 2 << 20
"""Bytes of a large page, on most processors."""
WORD = 8
C_CONTIGUOUS, ALIGNED, WRITEABLE = 0x0001, 0x0100, 0x0400
"""Bits of an array's flags, as ``numpy/ndarraytypes.h`` has them."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in an object, in bytes from its beginning, there is what."""

    kind: int
    size: int
    items: int
    data: int
    rank: int
    lengths: int
    dtype: int
    flags: int


def address(array: Array) -> int:
    """Return where an array's first element lies."""
    found: int = array.__array_interface__["data"][0]
    return found


def aligned(shape: Shape, dtype: DType) -> Array:
    """Return an array of zeros that begins at a multiple of the alignment and shares nothing.

    Its memory is a `bytearray` and not another array, so that a view of it refers to it, and not
    past it to what it is a view of itself (see `lamina.train.held`).
    """
    memory = bytearray(prod(shape) * dtype.itemsize + ALIGNMENT)
    start = -address(np.frombuffer(memory, np.uint8)) % ALIGNMENT
    return np.ndarray(shape, dtype, memory, start)


def room(size: int) -> Array:
    """Return so many bytes of zeros for temporaries; large ones on the system's large pages.

    A page's address takes long to find out, above all in a virtual machine. Large pages are taken
    where the system has them for who asks; to ask changes nothing elsewhere.
    """
    advice = getattr(mmap, "MADV_HUGEPAGE", None)
    if size < 2 * LARGE_PAGE or advice is None:
        return aligned((size,), np.dtype(np.uint8))
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    memory = mmap.mmap(-1, size + LARGE_PAGE, flags=flags)
    with suppress(OSError):  # a system without large pages refuses
        memory.madvise(advice)
    whole = np.frombuffer(memory, np.uint8)
    start = -address(whole) % LARGE_PAGE
    return whole[start : start + size]


def copied(array: Array) -> Array:
    """Return the elements in memory of their own, aligned, row-major and writable."""
    result = aligned(array.shape, array.dtype)
    np.copyto(result, array)
    return result


def _read(item: object, offset: int, form: str) -> int:
    found: int = struct.unpack(form, ctypes.string_at(id(item) + offset, struct.calcsize(form)))[0]
    return found


def _described(layout: Layout, array: Array) -> bool:
    """Whether what is read of an array is what NumPy says of it."""
    lengths = _read(array, layout.lengths, "P")
    return (
        _read(array, layout.kind, "P") == id(np.ndarray)
        and _read(array, layout.data, "P") == address(array)
        and _read(array, layout.rank, "i") == array.ndim
        and ctypes.string_at(lengths, WORD * array.ndim)
        == struct.pack(f"{array.ndim}q", *array.shape)
        and _read(array, layout.dtype, "P") == id(array.dtype)
        and _read(array, layout.flags, "i") == array.flags.num
    )


def _found() -> Layout | None:
    """Return the layout of this build, or None if it is not the published one.

    Reading stays inside the objects: a tuple's items begin where its fixed part ends, and an
    array's fixed part is not shorter than its last field read here.
    """
    head, items = object.__basicsize__, tuple.__basicsize__
    fields = [head + WORD * n for n in range(7)]
    layout = Layout(
        kind=head - WORD, size=head, items=items, data=fields[0], rank=fields[1],
        lengths=fields[2], dtype=fields[5], flags=fields[6],
    )  # fmt: skip
    locked = getattr(sys, "_is_gil_enabled", lambda: True)()
    if struct.calcsize("P") != WORD or np.ndarray.__basicsize__ < fields[6] + WORD or not locked:
        return None
    base = np.zeros((3, 4), np.float32)
    frozen = np.arange(5)
    frozen.flags.writeable = False
    arrays = (base, base.T, base[1:, ::2], frozen, np.array(True), np.zeros((2, 0, 3)))
    sizes = [len(arrays), *map(id, arrays)]
    tupled = [_read(arrays, layout.size, "q")]
    tupled += [_read(arrays, layout.items + WORD * n, "P") for n in range(len(arrays))]
    return layout if tupled == sizes and all(_described(layout, a) for a in arrays) else None


LAYOUT = _found() if sys.implementation.name == "cpython" else None
