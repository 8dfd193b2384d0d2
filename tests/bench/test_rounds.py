"""Contenders are compared, left out where they must be, and take turns."""

import os
from itertools import groupby
from pathlib import Path

import pytest

from lamina.bench import networks
from lamina.bench.contenders import LAMINA, Contender
from lamina.bench.results import Comparison, Entry
from lamina.bench.rounds import Plan, compare
from lamina.bench.workloads import Workload

ROOT = Path(__file__).parents[2]
TINY = Workload(
    "tiny", "mlp", networks.mlp((4, 3, 2), networks.TANH), 5, (4,), 2,
    options={"sizes": (4, 3, 2), "activation": "tanh"},
)  # fmt: skip
PLAN = Plan(rounds=2, seconds=0.001, pause=0.0)


@pytest.fixture(autouse=True)
def _workers_find_the_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.chdir(ROOT)


def fake(name: str, variant: str, package: str = "lamina") -> Contender:
    return Contender(name, name.capitalize(), "tests.bench.fakes", package, variant)


def compared(*contenders: Contender, plan: Plan = PLAN) -> tuple[Comparison, list[str]]:
    said: list[str] = []
    return compare(TINY, contenders, 1, plan, said.append), said


def entry(comparison: Comparison, name: str) -> Entry:
    found = comparison.entry(name)
    assert found is not None
    return found


def test_wrong_losses_are_not_ranked() -> None:
    found, said = compared(LAMINA, fake("wrong", "wrong"), fake("nan", "nan"))
    assert entry(found, "lamina").ranked
    for name in ("wrong", "nan"):
        assert not entry(found, name).ranked
        assert entry(found, name).times == ()
        assert "disagrees with Lamina: value 1 is" in entry(found, name).problem
    assert said[0].startswith("Wrong: not ranked: disagrees with Lamina")
    assert found.best_rival is None and found.ratio is None


def test_who_cannot_work_is_left_out() -> None:
    absent = fake("absent", "", package="no_such_framework")
    found, said = compared(LAMINA, absent, fake("raises", "raises"), fake("dies", "dies"))
    assert said == [
        "Absent: skipped: no_such_framework is not installed",
        "Raises: skipped: ValueError: no such luck",
        "Dies: skipped: ended with exit code 3: no message",
    ]
    assert [e.contender for e in found.entries if e.ranked] == ["lamina"]


def test_a_process_that_ends_later_is_left_out_then() -> None:
    late = fake("late", "dies in its second turn")
    found, _ = compared(LAMINA, late, plan=Plan(rounds=8, seconds=0.001, pause=0.0))
    assert entry(found, "lamina").ranked
    assert "exit code 4" in entry(found, "late").problem


def test_what_a_framework_prints_is_no_answer() -> None:
    found, said = compared(LAMINA, fake("talks", "talks"))
    assert entry(found, "talks").ranked and said == []
    assert found.best_rival is entry(found, "talks")
    assert found.ratio == entry(found, "talks").median / entry(found, "lamina").median


def test_turns_are_interleaved(tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    found, _ = compared(*(fake(name, log) for name in "abc"))
    processes = [key for key, _ in groupby(Path(log).read_text().split())]
    # The first steps of each, then two rounds, the second one starting with the second.
    a, b, c = processes[:3]
    assert processes == [a, b, c, a, b, c, b, c, a]
    assert all(e.ranked for e in found.entries)


def test_what_is_measured() -> None:
    found, _ = compared(LAMINA)
    own = entry(found, "lamina")
    assert own.compile_seconds is not None and own.cached_seconds is not None
    assert own.memory is not None and own.memory > 2**20
    assert len(own.times) >= 6 and min(own.times) > 0
