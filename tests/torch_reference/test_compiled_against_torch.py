"""Native code's answers are PyTorch's: functions with derivatives, layers, optimisers' steps.

A run compares one case in twelve. ``LAMINA_TEST_SLICE=0/1`` takes all of them (some minutes),
``5/12`` another part.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeGuard

import numpy as np
import pytest

from tests.torch_reference.answer import digests, disagreements
from tests.torch_reference.case import Case
from tests.torch_reference.cases import all_cases
from tests.torch_reference.comparison import recorded
from tests.torch_reference.compiled import CompiledCase, answers

WORKERS = 4

NOT_COMPILED: dict[str, str] = {}
"""Functions that no program can be made of, and why."""


def slice_of_cases() -> list[CompiledCase]:
    """Return the cases of this run: those of one part of all, spread over all kinds."""
    part, parts = map(int, os.environ.get("LAMINA_TEST_SLICE", "0/12").split("/"))
    return [case for case in all_cases() if computes(case)][part::parts]


def computes(case: Case) -> TypeGuard[CompiledCase]:
    """Return whether a case is about computing (not about schedules, drawing or state dicts)."""
    return isinstance(case, CompiledCase) and getattr(case, "resume", -1) < 0


def failures(cases: Sequence[CompiledCase]) -> list[str]:
    """Return what differs from the recorded answers, or did not compile without a reason."""
    found: list[str] = []
    for case, answer in answers(cases):
        if isinstance(answer, Exception):
            if case.name not in NOT_COMPILED:
                found.append(f"{case.id}: {answer!r}")
            continue
        if case.name in NOT_COMPILED:
            found.append(f"{case.id}: compiles; take it off the list")
        found += [f"{case.id}: {d}" for d in disagreements(recorded()[case.id], digests(answer))]
    return found


@pytest.mark.parametrize("worker", range(WORKERS))
def test_native_answers(worker: int) -> None:
    found = failures(slice_of_cases()[worker::WORKERS])
    assert not found, "\n".join(found)


def test_a_wrong_answer_is_caught() -> None:
    case = next(c for c in slice_of_cases() if c.name not in NOT_COMPILED)
    ((_, answer),) = answers([case])
    assert not isinstance(answer, Exception)
    name = next(iter(answer))
    wrong = {**answer, name: np.asarray(answer[name]) * 1.001 + 1}
    assert list(disagreements(recorded()[case.id], digests(wrong)))
