"""Stopping cleanly on Ctrl-C and SIGTERM."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Whether a signal to stop has come."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None

    def handle(self, number: int, _: FrameType | None) -> None:
        """Remember the first signal; a second one stops at once."""
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = signal.Signals(number)


@contextmanager
def deferred_interrupts() -> Iterator[Interrupts]:
    """Note SIGINT and SIGTERM inside the block instead of dying of them.

    Python delivers signals to the main thread only; in another thread this notes nothing.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    # A process started in the background or by nohup may have been told to ignore one.
    handled = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, interrupts.handle) for number in handled}
    try:
        yield interrupts
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler or signal.SIG_DFL)
