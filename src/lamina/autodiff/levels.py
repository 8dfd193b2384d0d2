"""Which differentiation depends on what: one bit of `Node.tracks` for each in progress.

Nested derivatives are kept apart because every one of them has a bit of its own: a graph is
walked from its results back to *its* variables, and a result forgets a bit when the
differentiation that owns it is over.
"""

from __future__ import annotations

from heapq import heappop, heappush
from threading import RLock

TAPE = 1
"""The bit of ``requires_grad`` and ``.backward()``."""

_open = TAPE
_free = list(range(1, 64))
_highest = 64
_lock = RLock()  # reentrant: a level may be collected while another one is being acquired


def _acquire() -> int:
    global _highest
    with _lock:
        if not _free:
            heappush(_free, _highest)
            _highest += 1
        return heappop(_free)


def over() -> int:
    """Return the bits of all differentiations whose function has returned.

    Nothing made from now on need depend on them, whatever it is made from.
    """
    return ~_open


class Level:
    """A bit that belongs to one differentiation for as long as anything may use its graph."""

    def __init__(self) -> None:
        global _open
        self._number = _acquire()
        with _lock:
            _open |= self.bit

    def close(self) -> None:
        """Say that the function has returned: its graph does not grow any more."""
        global _open
        with _lock:
            _open &= ~self.bit

    @property
    def bit(self) -> int:
        """The bit in `Node.tracks`."""
        return 1 << self._number

    def __del__(self) -> None:
        with _lock:
            heappush(_free, self._number)
