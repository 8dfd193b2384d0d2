"""A contender's process: ``python -m lamina.bench.worker MODULE VARIANT FOLDER THREADS``.

It reads commands from its standard input and answers each with one line, both as JSON:

| command | answer |
|---|---|
| ``{"do": "values", "count": n}`` | what the first n steps give, and how long they take |
| ``{"do": "time", "seconds": s}`` | seconds a step, of pieces of work that last about s in all |
| ``{"do": "memory"}`` | the greatest resident memory so far, in bytes |

The first line it writes says that it is ready, or what went wrong. Whatever the framework prints
goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from lamina.bench import task as tasks
from lamina.bench.memory import peak_memory
from lamina.bench.runner import Runner

PIECE = 0.01  # seconds that a timed piece of work lasts at least
FEWEST = 3  # pieces in a turn

Record = dict[str, Any]


def main(module: str, variant: str, folder: str, threads: str) -> None:
    """Run one contender until the commands end."""
    answer = _private_output()
    try:
        _restrict(int(threads))
        task = tasks.read(Path(folder), int(threads))
        worker = Worker(import_module(module).make(task, variant))
        answer({"ready": True})
        for line in sys.stdin:
            answer(worker.obey(json.loads(line)))
    except Exception as error:
        lines = str(error).strip().splitlines()
        answer({"error": f"{type(error).__name__}: {lines[0] if lines else 'no message'}"})
        raise


class Worker:
    """Obeys the commands that the module's text lists."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner

    def obey(self, command: Record) -> Record:
        """Return the answer to a command."""
        match command["do"]:
            case "values":
                return self.values(command["count"])
            case "time":
                return {"times": self.times(command["seconds"])}
            case "memory":
                return {"bytes": peak_memory()}
            case unknown:
                raise ValueError(f"unknown command {unknown!r}")

    def values(self, count: int) -> Record:
        """Run the first steps and return what they gave."""
        start = perf_counter()
        found = [np.asarray(self.runner.fetch(self.runner.step())) for _ in range(count)]
        seconds = perf_counter() - start
        return {"values": [value.tolist() for value in found], "seconds": seconds}

    def times(self, seconds: float) -> list[float]:
        """Return seconds a step of pieces of work, after some that are not counted."""
        self._piece(2)  # caches are cold and threads asleep
        steps = max(1, ceil(PIECE / self._piece(2)))
        pieces = max(FEWEST, ceil(seconds / (steps * self._piece(steps))))
        return [self._piece(steps) for _ in range(pieces)]

    def _piece(self, steps: int) -> float:
        step, start = self.runner.step, perf_counter()
        for _ in range(steps):
            result = step()
        self.runner.fetch(result)
        return (perf_counter() - start) / steps


def _private_output() -> Callable[[Record], None]:
    """Keep standard output for answers: frameworks print to it too."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(record: Record) -> None:
        print(json.dumps(record), file=answers, flush=True)

    return answer


def _restrict(threads: int) -> None:
    """Let this process run on as many processors as it may have threads.

    Not every framework can be told the number of its threads; all count the processors.
    """
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[-threads:])


if __name__ == "__main__":
    main(*sys.argv[1:])
