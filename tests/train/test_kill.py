"""SIGKILL at a random moment loses nothing but the steps since the last checkpoint."""

import pytest
from tools.kill_and_resume import differences, main


def test_killed_and_resumed_run_equals_the_uninterrupted_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--kills", "3", "--model", "mlp", "--data", "moons", "--epochs", "4"]
    assert main(options) == 0
    printed = capsys.readouterr().out
    assert "0 of 3 kills met" not in printed
    assert printed.endswith("0 differences\n")


def test_a_difference_is_found() -> None:
    assert list(differences({"a": [1.0, 2.0]}, {"a": [1.0, 2.5]})) == ["/a/1"]
    assert list(differences({"a": 1}, {"b": 1})) != []
    assert list(differences([1, 2], [1])) != []
