"""Contenders take turns at one workload."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any

from lamina.bench import task
from lamina.bench.agreement import disagreement
from lamina.bench.contenders import Contender
from lamina.bench.process import WorkerError, WorkerProcess
from lamina.bench.results import Comparison, Entry
from lamina.bench.workloads import Workload

STEPS_COMPARED = 3

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How long to measure: rounds over all contenders, a turn's seconds, the pause after a turn.

    In the pause the threads of the one before, which may be waiting busily, go to sleep.
    """

    rounds: int = 7
    seconds: float = 0.5
    pause: float = 0.3


@dataclass
class _Turns:
    """A contender in the course of the comparison."""

    contender: Contender
    process: WorkerProcess | None = None
    values: list[Any] = field(default_factory=list)
    started: float = 0.0
    cached: float | None = None
    times: list[float] = field(default_factory=list)
    memory: int | None = None
    problem: str = ""

    def entry(self) -> Entry:
        steady = median(self.times) * len(self.values) if self.times else 0.0
        entry = Entry(self.contender.name, self.contender.label, tuple(self.times), self.problem)
        if not entry.ranked:
            return entry
        return replace(
            entry,
            compile_seconds=max(self.started - steady, 0.0),
            cached_seconds=None if self.cached is None else max(self.cached - steady, 0.0),
            memory=self.memory,
        )


def compare(
    workload: Workload,
    contenders: Sequence[Contender],
    threads: int,
    plan: Plan,
    say: Say = lambda _: None,
) -> Comparison:
    """Measure a workload; the first contender's values are those that the others must have."""
    turns = [_Turns(c) for c in contenders if c.takes(workload)]
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        task.write(workload, folder)
        for turn in turns:
            _guarded(turn, say, lambda turn: _start(turn, workload, folder, threads, stack))
        _check(turns, say)
        _take_turns([turn for turn in turns if not turn.problem], plan, say)
        stack.close()
        for turn in turns:
            if turn.contender.cache and not turn.problem:
                _guarded(turn, say, lambda turn: _start_again(turn, workload, folder, threads))
    return Comparison(workload.name, threads, tuple(turn.entry() for turn in turns))


def _guarded(turn: _Turns, say: Say, action: Callable[[_Turns], None]) -> None:
    """Do something with a contender; if that fails it is out."""
    try:
        action(turn)
    except WorkerError as error:
        turn.problem = str(error)
        say(f"{turn.contender.label}: skipped: {error}")


def _start(turn: _Turns, workload: Workload, folder: Path, threads: int, stack: ExitStack) -> None:
    if find_spec(turn.contender.package) is None:
        raise WorkerError(f"{turn.contender.package} is not installed")
    turn.process = stack.enter_context(_process(turn, folder, threads))
    turn.values, turn.started = _first_values(turn.process, workload)


def _start_again(turn: _Turns, workload: Workload, folder: Path, threads: int) -> None:
    """Start once more with the code that the first start has left in the cache."""
    with _process(turn, folder, threads) as process:
        _, turn.cached = _first_values(process, workload)


def _process(turn: _Turns, folder: Path, threads: int) -> WorkerProcess:
    cache = turn.contender.cache
    settings = {cache: str(folder / f"cache-{turn.contender.name}")} if cache else {}
    return WorkerProcess(turn.contender, folder, threads, settings)


def _first_values(process: WorkerProcess, workload: Workload) -> tuple[list[Any], float]:
    process.wait_until_ready()
    answer = process.ask("values", count=STEPS_COMPARED if workload.trains else 1)
    return answer["values"], answer["seconds"]


def _check(turns: list[_Turns], say: Say) -> None:
    """Put out who does not compute what the first one does that works."""
    working = [turn for turn in turns if not turn.problem]
    for turn in working[1:]:
        found = disagreement(working[0].values, turn.values)
        if found:
            turn.problem = f"disagrees with {working[0].contender.label}: {found}"
            say(f"{turn.contender.label}: not ranked: {turn.problem}")


def _take_turns(turns: list[_Turns], plan: Plan, say: Say) -> None:
    for number in range(plan.rounds):
        first = number % max(len(turns), 1)
        for turn in turns[first:] + turns[:first]:
            if not turn.problem:
                _guarded(turn, say, lambda turn: _take_turn(turn, plan))
                sleep(plan.pause)


def _take_turn(turn: _Turns, plan: Plan) -> None:
    assert turn.process is not None
    turn.times += turn.process.ask("time", seconds=plan.seconds)["times"]
    turn.memory = turn.process.ask("memory")["bytes"]
