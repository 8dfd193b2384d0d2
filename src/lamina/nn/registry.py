"""What a module is made of, and a count of changes, by which one notices that there was one.

A compiled step or module keeps the list of its parameters, buffers and submodules, as walking over
them takes longer than a small network does.
"""

from __future__ import annotations

from array import array
from typing import Any

_changes = array("q", [0])


def changes() -> int:
    """Return how often a part of any module was put in, replaced or taken away, or its mode set."""
    return _changes[0]


def address() -> int:
    """Return where the count is in memory, for native code to look at."""
    return _changes.buffer_info()[0]


def note_change() -> None:
    """Count a change."""
    _changes[0] += 1


class Registry(dict[str, Any]):
    """Parts by name, as a dict whose changes are counted.

    >>> before, parts = changes(), Registry()
    >>> parts["weight"] = 1
    >>> changes() > before
    True
    """

    def __setitem__(self, name: str, part: Any) -> None:
        note_change()
        super().__setitem__(name, part)

    def __delitem__(self, name: str) -> None:
        note_change()
        super().__delitem__(name)

    def clear(self) -> None:
        note_change()
        super().clear()

    def pop(self, *arguments: Any) -> Any:
        note_change()
        return super().pop(*arguments)

    def update(self, *arguments: Any, **parts: Any) -> None:
        note_change()
        super().update(*arguments, **parts)
