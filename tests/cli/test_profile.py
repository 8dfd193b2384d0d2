"""``lamina profile``."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from lamina.cli.app import app


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["profile", *arguments])


@pytest.mark.parametrize("kind", [["--batch", "4"], ["--batch", "1", "--inference"]])
def test_every_call_of_a_kernel(kind: list[str]) -> None:
    done = run("lenet", *kind, "--rounds", "1", "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.output)
    assert record["peak_gflops"] > 0 and record["arena_bytes"] > 4 * 6 * 28 * 28
    assert record["seconds"] == pytest.approx(sum(c["seconds"] for c in record["calls"]))
    places = " ".join(call["place"] for call in record["calls"])
    assert "act2" in places and "act4" in places
    assert ("SGD_update" in places) == ("--inference" not in kind)


def test_the_longest_calls_as_a_table() -> None:
    done = run("mlp", "--batch", "8", "--rounds", "1", "--lines", "2")
    assert done.exit_code == 0, done.output
    assert "GFLOP/s" in done.output and "share" in done.output


def test_an_unknown_model() -> None:
    done = run("lenett")
    assert done.exit_code == 2
    assert "did you mean 'lenet'" in done.output
