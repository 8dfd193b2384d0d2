"""What the benchmark finds."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from lamina.bench.contenders import LAMINA


@dataclass(frozen=True)
class Entry:
    """One contender at one workload: seconds a step, or the problem that kept it out."""

    contender: str
    label: str
    times: tuple[float, ...] = ()
    problem: str = ""
    compile_seconds: float | None = None
    cached_seconds: float | None = None
    memory: int | None = None

    @property
    def ranked(self) -> bool:
        """Whether the contender agreed and was measured."""
        return bool(self.times) and not self.problem

    @property
    def median(self) -> float:
        """Median seconds a step."""
        return median(self.times)


@dataclass(frozen=True)
class Comparison:
    """All contenders at one workload on one number of threads."""

    workload: str
    threads: int
    entries: tuple[Entry, ...]

    def entry(self, contender: str) -> Entry | None:
        """Return a contender's entry, if it took part."""
        return next((entry for entry in self.entries if entry.contender == contender), None)

    @property
    def own(self) -> Entry | None:
        """Lamina's entry, if it was measured."""
        found = self.entry(LAMINA.name)
        return found if found is not None and found.ranked else None

    @property
    def best_rival(self) -> Entry | None:
        """The fastest of the others."""
        ranked = [e for e in self.entries if e.ranked and e.contender != LAMINA.name]
        return min(ranked, key=lambda entry: entry.median, default=None)

    @property
    def ratio(self) -> float | None:
        """Return how many times as long as Lamina the best rival takes."""
        if self.own is None or self.best_rival is None:
            return None
        return self.best_rival.median / self.own.median
