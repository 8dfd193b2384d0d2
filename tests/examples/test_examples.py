"""Every experiment lands in its bands, and can fail to."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
EXPERIMENTS = ["dead_relu", "iris", "moons", "vanishing_gradient", "zero_initialisation"]


def test_every_experiment_is_listed() -> None:
    files = {path.stem for path in EXAMPLES.glob("*.py")}
    assert files == {*EXPERIMENTS, "bands", "digits"}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment(name: str) -> None:
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "expected" in run.stdout


def test_a_value_outside_its_band_fails() -> None:
    code = "from bands import Bands; b = Bands('t'); b.expect('x', 2.0, 0.0, 1.0); b.finish()"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=EXAMPLES, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "OUTSIDE" in run.stdout
