"""The worked examples of CONTRIBUTING.md: applied to a copy of the sources, they work."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DIFFS = re.findall(r"```diff\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)

ACTIVATION = """
import numpy as np, lamina
from lamina.core.node import Example
from lamina.ops import SCALARS
from lamina.ops.pointwise import Pointwise, example_operands
from tests.ops import checks
rng = np.random.default_rng(0)
function = SCALARS["snake"]
example = Example(Pointwise(function), example_operands(function, (7,), rng))
checks.check_shape_rule(example)
checks.check_engines(example)
checks.check_derivatives(example, rng)
x = np.array([-4.0, 0.5])
np.testing.assert_allclose(lamina.nn.Snake()(lamina.tensor(x)), x + np.sin(x) ** 2)
"""

LAYER = """
import doctest, numpy as np, lamina
from lamina.nn.layers import locally_connected
assert doctest.testmod(locally_connected) == (0, 3)
layer = lamina.nn.LocallyConnected1d(2, 3, length=6, kernel_size=3)
x = np.random.default_rng(0).normal(size=(4, 2, 6)).astype("float32")
w = np.asarray(layer.weight)
expected = [np.einsum("nck,ock->no", x[:, :, y : y + 3], w[:, y]) for y in range(4)]
np.testing.assert_allclose(layer(lamina.tensor(x)), np.stack(expected, -1), rtol=1e-5, atol=1e-6)
layer(lamina.tensor(x)).sum().backward()
assert layer.weight.grad.shape == layer.weight.shape
"""


@pytest.mark.skipif(shutil.which("git") is None, reason="applying a diff takes git")
@pytest.mark.parametrize(
    ("diff", "proof"),
    list(zip(DIFFS, (ACTIVATION, LAYER), strict=True)),
    ids=["activation", "layer"],
)
def test_the_worked_example_works(diff: str, proof: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    git = ["git", "apply", "--unidiff-zero", "-"]
    subprocess.run(git, cwd=tmp_path, input=diff, text=True, check=True)
    path = os.pathsep.join([str(tmp_path / "src"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path}
    subprocess.run([sys.executable, "-W", "error", "-c", proof], check=True, env=environment)
