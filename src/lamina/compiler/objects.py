"""Python's objects as words of memory: reference counts, and attributes in slots.

As in `memory`, nothing is taken on trust: `COUNTED` is False where counts are not what they were
found to be (on builds without the lock that `memory` asks for, in particular), and a slot is found
by what was put into it. Words are only compared with what they were before, so it does not matter
what else a version of CPython keeps in them.
"""

from __future__ import annotations

import ctypes
from functools import cache
from sys import getrefcount

from lamina.compiler.memory import LAYOUT, WORD

LOW = 0xFFFFFFFF
"""The half of an object's first word that holds its count in every version."""


def word(at: int) -> int:
    """Return the word at an address."""
    return ctypes.c_int64.from_address(at).value


def slot(kind: type, name: str) -> int | None:
    """Return where in objects of a class an attribute in ``__slots__`` is, in bytes; or None."""
    return None if LAYOUT is None else _slot(kind, name)


@cache
def _slot(kind: type, name: str) -> int | None:
    one: object = object.__new__(kind)
    mark = object()
    setattr(one, name, mark)
    places = range(WORD, kind.__basicsize__, WORD)
    found = [place for place in places if word(id(one) + place) == id(mark)]
    return found[0] if len(found) == 1 else None


def items(listed: list[object]) -> int | None:
    """Return where the addresses of a list's items are: they follow one another; or None."""
    return word(id(listed) + LISTED) if LISTED and type(listed) is list else None


def _counted() -> bool:
    """Return whether the first word counts references, and `getrefcount` counts `EXTRA` more."""
    if LAYOUT is None:
        return False
    holder = [object()]
    at = id(holder[0])
    alone = word(at)
    more = holder * 3
    found = word(at), next(map(getrefcount, holder))
    del more
    return alone & LOW == 1 and found == (alone + 3, 4 + EXTRA) and word(at) == alone


def _listed() -> int:
    """Return where in a list the address of its items is, or 0 if lists are not as published."""
    if LAYOUT is None or list.__basicsize__ != LAYOUT.size + 3 * WORD:
        return 0
    sample = [object()] * 2 + [object()]
    begin = id(sample) + LAYOUT.size
    if (word(begin), word(begin + 2 * WORD)) != (3, 3):  # the length, and the room there is
        return 0
    at = word(begin + WORD)
    same = [word(at + WORD * n) for n in range(3)] == list(map(id, sample))
    return LAYOUT.size + WORD if same else 0


EXTRA = next(map(getrefcount, [object()])) - 1
"""What `getrefcount`, mapped over a list, counts beside the references that stay."""
COUNTED = _counted()
LISTED = _listed()
