"""Switching the recording of history off and on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lamina.core.context import release, suppress

_EVERYTHING = -1


@contextmanager
def no_grad() -> Iterator[None]:
    """Record no history inside the block (or the decorated function).

    Differentiations that *start* inside are not affected.

    >>> import lamina
    >>> w = lamina.ones(2, requires_grad=True)
    >>> with lamina.no_grad():
    ...     (w * 2).requires_grad
    False
    """
    with suppress(_EVERYTHING):
        yield


@contextmanager
def enable_grad() -> Iterator[None]:
    """Record history inside the block again, within a `no_grad` block."""
    with release(_EVERYTHING):
        yield
