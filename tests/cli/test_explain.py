"""``lamina explain``."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.cli.running import lamina

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")
explain = partial(lamina, "explain")


def test_a_model_by_name() -> None:
    text = explain("mlp", "--data", "xor", "--sample", 3, "--language", "en").output
    assert text.startswith("The backward pass of MLP, derived\n")
    assert "δ(2) = ŷ − y" in text


def test_a_run_in_every_form(tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = ["--epochs", 1, "--quiet", "--engine", "dynamic", "--out", run]
    few = ["--set", "data.fractions=[0.05, 0.05, 0.9]"]
    lamina("train", "lenet", "--data", "digits", *options, *few)
    page = tmp_path / "page.html"
    told = explain(run, "--sample", 3, "--output", page).output
    assert "40 steps, each verified" in told
    ElementTree.fromstring(page.read_text("utf-8").removeprefix("<!DOCTYPE html>"))
    record = json.loads(explain(run, "--sample", 3, "--format", "latex", "--json").stdout)
    assert record["derivation"].startswith(r"\documentclass")
    assert record["error"] < 2e-4
    assert explain(run, "--format", "markdown").output.startswith("# The backward pass")


def test_a_learning_step() -> None:
    arguments = ("mlp", "--data", "iris", "--lr", 0.5, "--weight-decay", 0.1, "--language", "en")
    assert "learning rate α = 0.5, weight decay λ = 0.1" in explain(*arguments).output


def test_a_batch_of_samples() -> None:
    found = explain("mlp", "--data", "moons", "--sample", 0, "--sample", 5, "--split", "train")
    assert "2 samples" in found.output


def test_errors() -> None:
    assert "neither the folder of a run nor a model" in explain("no", code=2).output
    assert "--data is required" in explain("mlp", code=2).output
    assert "has 80 samples" in explain("mlp", "--data", "xor", "--sample", 80, code=2).output
    missing = explain("mlp", "--data", "xor", "--output", "no/such.html", code=3)
    assert "cannot be written" in missing.output
