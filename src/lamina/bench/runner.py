"""`Runner`: one contender at work on one task, as its worker sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Runner:
    """How to start a step, and how to wait for what it gives.

    ``step`` may return before its work is done; ``fetch`` waits for the result of the last step,
    and with it for all steps, and returns the loss (in training) or the outputs.
    """

    step: Callable[[], Any]
    fetch: Callable[[Any], Any]
