"""The results as a page of documentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lamina.bench.contenders import LAMINA
from lamina.bench.footprint import Footprint
from lamina.bench.machine import MachineDescription
from lamina.bench.results import Comparison, Entry

ABSENT, FAILED = "", "–"
MEBI = 2**20
INTRODUCTION = """# Benchmarks

This page is written by `make bench` (or `lamina bench`) and holds one run of it. Every framework
does the same work with the same weights and data, in a process of its own, and all take turns on
the same machine; the numbers are medians over all turns. Before anything is timed, the losses of
the first three steps (or the outputs, in inference) are compared with Lamina's: who differs by
more than 1e-4 is not ranked. *Ratio* is the time of the fastest other framework of this run divided
by Lamina's: above 1, Lamina is the faster one.

Training is float32, cross-entropy, SGD with momentum 0.9 and weight decay 1e-4; inference is one
sample in evaluation mode. `src/lamina/bench/workloads.py` has the list.
"""


@dataclass(frozen=True)
class Report:
    """One run of the benchmark."""

    machine: MachineDescription
    footprints: tuple[Footprint, ...]
    comparisons: tuple[Comparison, ...]

    def threads(self) -> list[int]:
        """Return the numbers of threads that were measured, the greatest first."""
        return sorted({comparison.threads for comparison in self.comparisons}, reverse=True)

    def on(self, threads: int) -> list[Comparison]:
        """Return what was measured with so many threads."""
        return [c for c in self.comparisons if c.threads == threads]


def markdown(report: Report) -> str:
    """Return the page."""
    most = report.on(max(report.threads(), default=0))
    parts = [INTRODUCTION, _machine(report.machine)]
    parts += [_times(threads, report.on(threads)) for threads in report.threads()]
    parts += [
        _speedup(report),
        _section("Seconds to compile: from nothing / from the cache", most, _compiling),
        _section("Greatest resident memory, MiB", most, _memory),
        _footprints(report.footprints),
        _notes(report.comparisons),
    ]
    return "\n".join(part for part in parts if part)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are aligned to the right.

    >>> print(table(["a", "b"], [["x", "1"]]))
    | a | b |
    |---|--:|
    | x | 1 |
    <BLANKLINE>
    """
    rule = "|---|" + "--:|" * (len(header) - 1)
    lines = [_line(header), rule, *(_line(row) for row in rows)]
    return "\n".join(lines) + "\n"


def milliseconds(seconds: float) -> str:
    """Return a time in milliseconds with three digits that count.

    >>> milliseconds(0.0000123), milliseconds(0.00151), milliseconds(0.0481), milliseconds(1.5)
    ('0.0123', '1.51', '48.1', '1500')
    """
    value = 1e3 * seconds
    decimals = next((d for limit, d in ((0.1, 4), (1, 3), (10, 2), (100, 1)) if value < limit), 0)
    return f"{value:.{decimals}f}"


def labels(comparisons: Sequence[Comparison]) -> list[str]:
    """Return the labels of all who took part and were ranked somewhere, in their order."""
    return list(dict.fromkeys(e.label for c in comparisons for e in c.entries if e.ranked))


def cells(
    comparison: Comparison, columns: Sequence[str], show: Callable[[Entry], str]
) -> list[str]:
    """Return a cell for each contender: what ``show`` makes of it where it was ranked."""
    found = {entry.label: entry for entry in comparison.entries}
    return [
        ABSENT if label not in found else show(found[label]) if found[label].ranked else FAILED
        for label in columns
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _machine(machine: MachineDescription) -> str:
    def measured(values: dict[int, float]) -> str:
        return ", ".join(f"{v:.0f} on {n} thread{'s' * (n > 1)}" for n, v in values.items())

    rows = [
        ["processor", machine.processor],
        ["usable cores", str(machine.cores)],
        ["Lamina generates code for", machine.instructions],
        ["system", f"{machine.system}, Python {machine.python}"],
        ["NumPy's float32 matrix product, GFLOP/s", measured(machine.gigaflops)],
        ["copying memory (read and written), GB/s", measured(machine.bandwidth)],
    ]
    return "## The machine\n\n" + table(["", ""], rows)


def _times(threads: int, comparisons: Sequence[Comparison]) -> str:
    columns = labels(comparisons)
    rows = [
        [c.workload, *cells(c, columns, lambda e: milliseconds(e.median)), *_best(c)]
        for c in comparisons
    ]
    title = f"## Milliseconds a step, {threads} thread{'s' * (threads > 1)}\n\n"
    return title + table(["workload", *columns, "best rival", "ratio"], rows)


def _best(comparison: Comparison) -> list[str]:
    best, ratio = comparison.best_rival, comparison.ratio
    return [best.label if best else FAILED, f"**{ratio:.2f}**" if ratio else FAILED]


def _speedup(report: Report) -> str:
    """Return Lamina's times on one thread beside those on the most threads."""
    if len(report.threads()) < 2:
        return ""
    most, least = report.threads()[0], report.threads()[-1]
    fast = {c.workload: c.own for c in report.on(most)}
    rows = []
    for comparison in report.on(least):
        one, many = comparison.own, fast.get(comparison.workload)
        if one and many:
            times = [milliseconds(one.median), milliseconds(many.median)]
            rows.append([comparison.workload, *times, f"{one.median / many.median:.2f}"])
    header = ["workload", f"{least} thread", f"{most} threads", "speedup"]
    return f"## {LAMINA.label}: {most} threads beside {least}\n\n" + table(header, rows)


def _section(title: str, comparisons: Sequence[Comparison], show: Callable[[Entry], str]) -> str:
    columns = labels(comparisons)
    rows = [[c.workload, *cells(c, columns, show)] for c in comparisons]
    return f"## {title}\n\n" + table(["workload", *columns], rows)


def _compiling(entry: Entry) -> str:
    """Return seconds that the first steps took longer than later ones."""
    if entry.compile_seconds is None:
        return FAILED
    cached = "" if entry.cached_seconds is None else f" / {entry.cached_seconds:.2f}"
    return f"{entry.compile_seconds:.2f}{cached}"


def _memory(entry: Entry) -> str:
    return FAILED if entry.memory is None else f"{entry.memory / MEBI:.0f}"


def _footprints(footprints: Sequence[Footprint]) -> str:
    rows = [
        [f.package, f.version, f"{f.import_seconds:.2f}", f"{f.installed_bytes / MEBI:.0f}"]
        for f in footprints
    ]
    header = ["package", "version", "import, s", "installed with what it needs, MiB"]
    return "## Import time and installed size\n\n" + table(header, rows)


def _notes(comparisons: Sequence[Comparison]) -> str:
    """Return who was left out, and why; the same reason once."""
    places: dict[tuple[str, str], list[str]] = {}
    entries = [(comparison, entry) for comparison in comparisons for entry in comparison.entries]
    for comparison, entry in entries:
        if entry.problem:
            where = f"{comparison.workload} ({comparison.threads})"
            places.setdefault((entry.label, entry.problem), []).append(where)
    taken = Counter(entry.label for _, entry in entries)
    lines = [
        f"- {label}: {problem}: {', '.join(where) if len(where) < taken[label] else 'everywhere'}\n"
        for (label, problem), where in places.items()
    ]
    return "## Left out\n\nWorkload (threads).\n\n" + "".join(lines) if lines else ""
