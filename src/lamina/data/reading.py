"""Reading bytes with errors that say where.

Every reader of a binary format goes through `Cursor`, so that a file cut short or altered is
reported with its name, the byte offset (after decompression, for a ``.gz`` file), what was expected
and what came.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from lamina.core.errors import DataError
from lamina.core.types import Array

PathLike: TypeAlias = str | Path
Order: TypeAlias = Literal["C", "F"]

_BLOCK = 1 << 20


def malformed(file: PathLike, offset: int, expected: str, got: str) -> DataError:
    """The error for a file that breaks its format."""
    return DataError(f"{file}: byte {offset}: expected {expected}, got {got}")


def read_bytes(path: PathLike) -> bytes:
    """The whole content of a file, decompressed if its name ends in ``.gz``.

    Raises `DataError` if the file is missing, unreadable, or a damaged gzip stream.
    """
    path = Path(path)
    try:
        if path.suffix == ".gz":
            return _gunzip(path)
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: PathLike, error: OSError) -> DataError:
    """The error for a file the operating system will not read."""
    return DataError(f"{path}: cannot be read: {error.strerror or error}")


def _gunzip(path: Path) -> bytes:
    content = bytearray()
    with gzip.open(path, "rb") as stream:
        try:
            while piece := stream.read(_BLOCK):
                content += piece
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise malformed(path, len(content), "a whole gzip stream", str(error)) from error
    return bytes(content)


@dataclass
class Cursor:
    """A position in the content of a file."""

    file: PathLike
    content: bytes
    offset: int = 0

    def take(self, count: int, what: str) -> bytes:
        """The next `count` bytes, or an error that there are fewer."""
        left = len(self.content) - self.offset
        if count > left:
            raise self.error(f"{what} ({count} bytes)", f"{left} bytes to the end of the file")
        piece = self.content[self.offset : self.offset + count]
        self.offset += count
        return piece

    def number(self, count: int, what: str, byteorder: Literal["big", "little"] = "big") -> int:
        """The next `count` bytes as an unsigned integer."""
        return int.from_bytes(self.take(count, what), byteorder)

    def array(self, dtype: np.dtype[Any], shape: Sequence[int], order: Order = "C") -> Array:
        """The next elements as an array, in the machine's byte order.

        The length is checked before anything of that size is made, so a damaged shape cannot ask
        for more memory than the file has bytes.
        """
        start = self.offset
        content = self.take(prod(shape) * dtype.itemsize, f"{list(shape)} elements of {dtype.name}")
        try:
            flat = np.frombuffer(content, dtype).reshape(shape, order=order)
        except ValueError as error:
            raise malformed(
                self.file, start, "a shape an array can have", str(list(shape))
            ) from error
        return flat.astype(dtype.newbyteorder("="))

    def end(self) -> None:
        """Check that nothing is left."""
        left = len(self.content) - self.offset
        if left:
            raise self.error("the end of the file", f"{left} more bytes")

    def error(self, expected: str, got: str) -> DataError:
        """The error for something wrong at this position."""
        return malformed(self.file, self.offset, expected, got)
