"""What running a program needs of its compilation, as an object and as bytes for the disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from lamina.compiler.memory import copied
from lamina.core.types import Array

LENGTH = 8


@dataclass(frozen=True, slots=True)
class Code:
    """Native code, constants, and where temporaries lie.

    ``offsets`` are those of temporaries in ``arena`` bytes of memory. ``prepares`` says whether
    some calls are done once for all.
    """

    native: bytes
    constants: Sequence[Array]
    offsets: Sequence[int]
    arena: int
    prepares: bool

    def to_bytes(self, known: Sequence[Array]) -> bytes:
        """Return all of it in one piece; of known arrays only their number."""
        places = {id(array): n for n, array in enumerate(known)}
        given = [places.get(id(array)) for array in self.constants]
        header = {
            "constants": [
                [array.dtype.str, array.shape] if place is None else place
                for array, place in zip(self.constants, given, strict=True)
            ],
            "offsets": list(self.offsets),
            "arena": self.arena,
            "prepares": self.prepares,
        }
        text = json.dumps(header).encode()
        new = [a.tobytes() for a, place in zip(self.constants, given, strict=True) if place is None]
        return b"".join((len(text).to_bytes(LENGTH, "little"), text, *new, self.native))


def from_bytes(content: bytes, known: Sequence[Array]) -> Code:
    """Return what `Code.to_bytes` has written, for equal known arrays."""
    start = LENGTH + int.from_bytes(content[:LENGTH], "little")
    header = json.loads(content[LENGTH:start])
    constants = []
    for entry in header["constants"]:
        if isinstance(entry, int):
            constants.append(known[entry])
            continue
        dtype, shape = np.dtype(entry[0]), tuple(entry[1])
        array = np.frombuffer(content, dtype, prod(shape), start).reshape(shape)
        constants.append(copied(array))
        start += array.nbytes
    return Code(content[start:], constants, header["offsets"], header["arena"], header["prepares"])
