"""What a worker answers, and what the agreement check lets pass."""

import numpy as np
import pytest

from lamina.bench.agreement import disagreement
from lamina.bench.runner import Runner
from lamina.bench.worker import Worker


def counting() -> Worker:
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return count

    return Worker(Runner(step, float))


def test_values_are_those_of_the_first_steps() -> None:
    assert counting().obey({"do": "values", "count": 3})["values"] == [1.0, 2.0, 3.0]


def test_times_and_memory() -> None:
    worker = counting()
    times = worker.obey({"do": "time", "seconds": 0.0})["times"]
    assert len(times) >= 3 and min(times) > 0
    assert worker.obey({"do": "memory"})["bytes"] > 2**20


def test_unknown_commands() -> None:
    with pytest.raises(ValueError, match="unknown command 'dance'"):
        counting().obey({"do": "dance"})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([2.0, 1.0], ""),
        ([2.0001, 0.99995], ""),
        ([2.001, 1.0], "value 1 is 2.001, not 2"),
        ([2.0, float("nan")], "value 2 is nan, not 1"),
        ([2.0, float("inf")], "value 2 is inf, not 1"),
        ([2.0], "gave 1 values, not 2"),
        ([2.0, [1.0]], "value 2 has shape (1,), not ()"),
    ],
)
def test_losses_must_agree(values: list[object], message: str) -> None:
    assert disagreement([2.0, 1.0], values) == message


def test_outputs_must_agree_beside_the_greatest() -> None:
    expected = np.array([[100.0, 0.0, -3.0]])
    assert disagreement([expected], [expected + 0.009]) == ""
    wrong = expected + [[0.0, 0.011, 0.0]]
    assert disagreement([expected], [wrong]) == "value 1 is 0.011 at [0, 1], not 0"
