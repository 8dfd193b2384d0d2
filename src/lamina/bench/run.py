"""One run of the benchmark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

from lamina.bench import footprint, machine
from lamina.bench.contenders import Contender
from lamina.bench.report import Report, milliseconds
from lamina.bench.results import Comparison
from lamina.bench.rounds import Plan, Say, compare
from lamina.bench.workloads import Workload

QUICK = Plan(rounds=2, seconds=0.1, pause=0.2)


def plan(rounds: int | None = None, quick: bool = False) -> Plan:
    """Return how long to measure.

    >>> plan(rounds=3)
    Plan(rounds=3, seconds=0.5, pause=0.3)
    """
    chosen = QUICK if quick else Plan()
    return Plan(rounds or chosen.rounds, chosen.seconds, chosen.pause)


def run(
    workloads: Sequence[Workload],
    contenders: Sequence[Contender],
    threads: Sequence[int],
    plan: Plan,
    say: Say = lambda _: None,
    keep: Callable[[Report], None] = lambda _: None,
) -> Report:
    """Measure the machine, the frameworks, and each workload on each number of threads.

    ``keep`` is called with what has been found after every comparison: a run is long.
    """
    counts = tuple(sorted({min(count, machine.usable_cores()) for count in threads}))
    say("measuring the machine")
    described = machine.describe(counts)
    say("measuring import times")
    report = Report(described, footprint.measure(contenders), ())
    for count, workload in product(counts, workloads):
        say(f"{workload.name}, threads: {count}")
        found = compare(workload, contenders, count, plan, say)
        say(f"  {_summary(found)}")
        report = replace(report, comparisons=(*report.comparisons, found))
        keep(report)
    return report


def _summary(comparison: Comparison) -> str:
    own, best, ratio = comparison.own, comparison.best_rival, comparison.ratio
    parts = [f"{entry.label} {milliseconds(entry.median)} ms" for entry in (own, best) if entry]
    return ", ".join([*parts, f"ratio {ratio:.2f}"] if ratio else parts) or "nothing measured"
