"""NumPy's NPZ files. Arrays of objects, which NumPy would unpickle, are refused."""

from __future__ import annotations

import ast
import io
import zipfile
import zlib
from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError, DataError
from lamina.core.types import Array
from lamina.data.dataset import Dataset
from lamina.data.reading import Cursor, PathLike, malformed, read_bytes

_HEADER_LENGTH_BYTES = {1: 2, 2: 4, 3: 4}
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
)


def read_npz(path: PathLike) -> dict[str, Array]:
    """Every array of an NPZ file by name.

    Raises `DataError` for a damaged archive or member, and for arrays of objects.

    Source: the ``.npy`` format, NumPy Enhancement Proposal 1.
    """
    content = read_bytes(path)
    if not content.startswith((b"PK\3\4", b"PK\5\6")):
        raise malformed(path, 0, "a zip archive, as NPZ files are", repr(content[:4]))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(info, archive.read(info)) for info in archive.infolist()]
    except _DAMAGED as error:
        raise malformed(path, len(content), "a whole zip archive", str(error)) from error
    return {
        info.filename.removesuffix(".npy"): _read_npy(Cursor(f"{path}:{info.filename}", member))
        for info, member in members
    }


def npz(path: PathLike, inputs: str = "inputs", targets: str = "targets") -> Dataset:
    """A data set from two arrays of an NPZ file.

    Integer targets ``[N]`` are labels, with a class for each number from 0 to the largest;
    floating-point ones are to be regressed. Integer inputs become float32.
    """
    arrays = read_npz(path)
    for argument, name in (("inputs", inputs), ("targets", targets)):
        if name not in arrays:
            raise ArgumentError(
                f"npz: {path} has no array {name!r}, it has {', '.join(arrays)}; "
                f"name one with {argument}=…"
            )
    values, labels = arrays[inputs], arrays[targets]
    values = values if values.dtype.kind == "f" else values.astype(np.float32)
    classes: tuple[str, ...] = ()
    if labels.dtype.kind in "iu" and labels.ndim == 1:
        classes = _class_names(path, targets, labels)
        labels = labels.astype(np.int64)
    return Dataset(values, labels, classes, name=str(path))


def _class_names(path: PathLike, name: str, labels: Array) -> tuple[str, ...]:
    largest = int(labels.max(initial=-1))
    if largest > 100_000:
        raise DataError(
            f"{path}: integer targets {name!r} are labels from 0 up, got {largest}; "
            "store numbers to be regressed as floating point"
        )
    return tuple(str(label) for label in range(largest + 1))


def _read_npy(cursor: Cursor) -> Array:
    magic = cursor.take(8, "an NPY magic string and version")
    if magic[:6] != b"\x93NUMPY" or magic[6] not in _HEADER_LENGTH_BYTES:
        raise malformed(cursor.file, 0, "an NPY file of version 1, 2 or 3", repr(magic))
    length = cursor.number(_HEADER_LENGTH_BYTES[magic[6]], "the length of the header", "little")
    start = cursor.offset
    dtype, shape, fortran = _header(cursor.file, start, cursor.take(length, "the header"))
    array = cursor.array(dtype, shape, "F" if fortran else "C")
    cursor.end()
    return array


def _header(
    file: PathLike, offset: int, text: bytes
) -> tuple[np.dtype[Any], tuple[int, ...], bool]:
    expected = "a header with a numeric descr, fortran_order and shape"
    try:
        fields = ast.literal_eval(text.decode("latin-1").strip())
        dtype, shape = np.dtype(str(fields["descr"])), fields["shape"]
        fortran = fields["fortran_order"]
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError) as error:
        raise malformed(file, offset, expected, repr(text.strip()[:80])) from error
    numbers = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
    if not numbers or dtype.kind not in "biuf" or dtype.itemsize > 8 or type(fortran) is not bool:
        raise malformed(file, offset, expected, repr(text.strip()[:80]))
    return dtype, shape, fortran
