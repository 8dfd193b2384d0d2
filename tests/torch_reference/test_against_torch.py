"""Lamina's answers are PyTorch's."""

from importlib.util import find_spec

import pytest

from tests.torch_reference.cases import all_cases, groups
from tests.torch_reference.comparison import against_live, against_recorded, pytorch, recorded
from tests.torch_reference.lamina_side import LaminaSide
from tests.torch_reference.storage import FILE

LIVE = sorted(groups()) if find_spec("torch") else []
REFRESH = "refresh the answers with `python -m tests.torch_reference.record`"


def report(failures: list[str]) -> str:
    """Every failure on its own line."""
    return "\n".join([f"{len(failures)} disagreements:", *failures])


@pytest.mark.parametrize("group", sorted(groups()))
def test_agrees_with_recorded_answers(group: str) -> None:
    failures = against_recorded(groups()[group], LaminaSide(), recorded())
    assert not failures, report(failures)


@pytest.mark.parametrize("group", LIVE)
def test_agrees_with_pytorch(group: str) -> None:
    failures = against_live(groups()[group], LaminaSide(), pytorch())
    assert not failures, report(failures)


@pytest.mark.parametrize("group", LIVE)
def test_recorded_answers_are_current(group: str) -> None:
    failures = against_recorded(groups()[group], pytorch(), recorded())
    assert not failures, f"{REFRESH}\n{report(failures)}"


def test_there_are_at_least_three_thousand_cases() -> None:
    assert len(all_cases()) >= 3000


def test_every_case_is_recorded_and_nothing_else() -> None:
    assert list(recorded()) == [case.id for case in all_cases()], REFRESH


def test_the_recorded_file_is_compact() -> None:
    assert FILE.stat().st_size < 2_000_000
