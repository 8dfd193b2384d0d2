"""The profile: every call once, and the right numbers of operations and bytes."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina import nn, optim
from lamina.compiler.counting import flops
from lamina.compiler.executable import Executable
from lamina.compiler.profiling import Line
from lamina.train.compiled import CompiledStep
from lamina.train.objective import Objective, resolve
from lamina.train.step import TrainingStep


def inside(size: int, kernel: int, padding: int, stride: int) -> int:
    """Count the products along one axis whose element is not beyond the border."""
    out = (size + 2 * padding - kernel) // stride + 1
    places = [stride * o + k - padding for o in range(out) for k in range(kernel)]
    return sum(0 <= place < size for place in places)


@pytest.mark.parametrize(
    "size, kernel, padding, stride", [(8, 3, 1, 1), (9, 5, 2, 2), (6, 3, 0, 1)]
)
def test_products_of_a_convolution(size: int, kernel: int, padding: int, stride: int) -> None:
    x, w = np.zeros((32, 4, size, size), "float32"), np.zeros((8, 4, kernel, kernel), "float32")
    program = lamina.trace(lambda x, w: F.conv2d(x, w, stride=stride, padding=padding), x, w)
    total = sum(flops(kernel) for kernel in Executable(program).plan.kernels)
    assert total == 2 * 32 * 8 * 4 * inside(size, kernel, padding, stride) ** 2


def test_a_function() -> None:
    f = lamina.compile(lambda a, b: lamina.relu(a @ b))
    a, b = lamina.ones(64, 48), lamina.ones(48, 32)
    (line,) = [line for line in f.profile(a, b, rounds=2) if line.flops]
    assert line.flops == 2 * 64 * 48 * 32
    assert line.bytes >= 4 * (64 * 48 + 48 * 32 + 64 * 32)
    assert line.seconds > 0
    assert line.gigaflops == pytest.approx(line.flops / line.seconds / 1e9)
    np.testing.assert_array_equal(f(a, b), np.full((64, 32), 48.0))


def test_a_module_by_layer() -> None:
    model = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 36, 10))
    lines = lamina.compile(model.eval()).profile(lamina.ones(1, 1, 8, 8), rounds=1)
    places = {line.place for line in lines}
    assert any(place.startswith("3") for place in places)
    assert sum(line.flops for line in lines) >= 2 * (16 * 36 * 9 + 16 * 36 * 10)


def test_a_training_step() -> None:
    model = nn.Linear(6, 3)
    optimiser = optim.SGD(model.parameters(), lr=0.1)
    step = CompiledStep(TrainingStep(model, Objective(resolve("cross_entropy")), optimiser))
    batch = lamina.ones(16, 6), lamina.tensor(np.arange(16) % 3), lamina.random.key(0)
    lines: list[Line] = step.profile(*batch, rounds=2)
    assert any("linear" in line.place for line in lines)
    assert all(np.isfinite(p.numpy()).all() for p in model.parameters())
