"""Contenders of the harness's own tests: they give the right values, wrong ones, or none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lamina.bench import own
from lamina.bench.runner import Runner
from lamina.bench.task import Task


def make(task: Task, variant: str) -> Runner:
    """Return Lamina's runner, spoilt as ``variant`` says; a path is a file to log the steps in."""
    runner = own.make(task, "")
    match variant:
        case "wrong":
            return Runner(runner.step, lambda result: 1.001 * runner.fetch(result))
        case "nan":
            return Runner(runner.step, lambda result: float("nan") * runner.fetch(result))
        case "raises":
            raise ValueError("no such luck\nand more")
        case "dies":
            return Runner(lambda: os._exit(3), runner.fetch)
        case "dies in its second turn":
            return Runner(_dying(runner, 400), runner.fetch)
        case "talks":
            print("a greeting on standard output")
            return runner
        case path:
            return Runner(_logging(runner, Path(path)), runner.fetch)


def _logging(runner: Runner, log: Path) -> Any:
    def step() -> Any:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")
        return runner.step()

    return step


def _dying(runner: Runner, after: int) -> Any:
    left = after

    def step() -> Any:
        nonlocal left
        left -= 1
        return runner.step() if left else os._exit(4)

    return step
