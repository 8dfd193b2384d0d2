"""Every experiment lands in its bands, and can fail to."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from lamina.cli.app import app

EXAMPLES = Path(__file__).parents[2] / "examples"
EXPERIMENTS = [
    *("computational_graph", "dead_relu", "four_ways", "iris", "moons"),
    *("vanishing_gradient", "zero_initialisation"),
]


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


def test_mnist_configuration_runs_on_files_of_that_format(tmp_path: Path) -> None:
    """MNIST itself is not at hand: the published format, with random pixels."""
    for part, count in (("train", 1200), ("t10k", 200)):
        pixels = np.random.default_rng(0).integers(0, 256, (count, 28, 28), np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 10
        for kind, array in (("images-idx3", pixels), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
            (tmp_path / f"{part}-{kind}-ubyte").write_bytes(header + array.tobytes())
    configuration = ["--config", str(EXAMPLES / "lenet_mnist.toml"), "--epochs", "1"]
    options = ["--set", f"data.folder={tmp_path}", "--out", str(tmp_path / "run"), "--json"]
    result = CliRunner().invoke(app, ["train", *configuration, *options, "--quiet"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["steps"] == 16  # 1000 examples in batches of 64
