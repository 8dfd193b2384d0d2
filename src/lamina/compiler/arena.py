"""One piece of memory for all temporaries: those that live at different times share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALIGNMENT = 64


@dataclass(slots=True, eq=False)
class Storage:
    """A piece of memory: given from outside, or ``size`` bytes of the arena from ``offset`` on."""

    number: int
    size: int
    first: int = 0
    last: int = 0
    external: bool = False
    offset: int = 0
    #: Whether it holds what static inputs and constants alone decide.
    fixed: bool = False
    #: Whether no other storage shares its memory, ever; it holds zeros at first.
    kept: bool = False


def place_in_arena(storages: Sequence[Storage]) -> int:
    """Give each storage the lowest offset free while it lives; return the bytes needed."""
    placed: list[Storage] = []
    for storage in sorted(storages, key=lambda s: (-s.size, s.first)):
        alive = [p for p in placed if p.first <= storage.last and storage.first <= p.last]
        offset = 0
        for other in sorted(alive, key=lambda s: s.offset):
            if offset + storage.size <= other.offset:
                break
            offset = max(offset, _aligned(other.offset + other.size))
        storage.offset = offset
        placed.append(storage)
    return max((_aligned(s.offset + s.size) for s in storages), default=0)


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
