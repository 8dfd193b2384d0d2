"""The compiled engine does what the dynamic one does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import nn, optim
from lamina.core.errors import ArgumentError, NonFiniteError
from lamina.data import DataLoader
from lamina.random import fold_in
from lamina.train import Checkpoint, Trainer
from lamina.train.compiled import CompiledStep
from lamina.train.objective import Objective, resolve
from lamina.train.step import TrainingStep

OPTIMISERS: dict[str, Callable[[Any], optim.Optimizer]] = {
    "adam": lambda p: optim.Adam(p, lr=0.01),
    "sgd": lambda p: optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.001, centered=True),
}
SIZES = (32, 32, 7, 1, 32)


def network() -> nn.Module:
    lamina.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(64, 10),
    ).train()


def batches() -> list[tuple[lamina.Tensor, lamina.Tensor]]:
    rng = np.random.default_rng(0)
    return [
        (
            lamina.tensor(rng.normal(size=(n, 1, 8, 8)).astype("float32")),
            lamina.tensor(rng.integers(0, 10, n)),
        )
        for n in SIZES
    ]


@pytest.mark.parametrize("name", OPTIMISERS)
def test_steps_agree_with_the_dynamic_engine(name: str) -> None:
    steps = []
    for _ in range(2):
        model = network()
        optimiser = OPTIMISERS[name](model.parameters())
        objective = Objective(resolve("cross_entropy"), lambda m: 0.01 * (m[6].weight ** 2).sum())
        steps.append(TrainingStep(model, objective, optimiser, clip_norm=1.0))
    dynamic, compiled = steps[0], CompiledStep(steps[1])
    for number, (x, y) in enumerate(batches()):
        for step in steps:
            step.optimiser.param_groups[0]["lr"] *= 0.9
        key = fold_in(lamina.random.key(1), number)
        expected, found = dynamic(x, y, key), compiled(x, y, key)
        np.testing.assert_allclose(found.loss.item(), expected.loss.item(), rtol=1e-4)
        np.testing.assert_allclose(found.outputs, expected.outputs, rtol=1e-3, atol=1e-4)
    for handle, other in zip(steps[0].model.parameters(), steps[1].model.parameters(), strict=True):
        np.testing.assert_allclose(handle.numpy(), other.numpy(), rtol=1e-3, atol=1e-4)
    buffers = zip(steps[0].model.buffers(), steps[1].model.buffers(), strict=True)
    for handle, other in buffers:
        np.testing.assert_allclose(handle.numpy(), other.numpy(), rtol=1e-4, atol=1e-5)


def trainer() -> Trainer:
    model = network()
    optimiser = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimiser, 12)
    return Trainer(
        model, "cross_entropy", optimiser, ("accuracy",), schedule, schedule_every="step",
        engine="compiled",
    )  # fmt: skip


def loader() -> DataLoader:
    rng = np.random.default_rng(3)
    data = (rng.normal(size=(48, 1, 8, 8)).astype(np.float32), rng.integers(0, 10, 48))
    return DataLoader(data, 20, shuffle=True, key=np.array([1, 2], np.uint32))


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path) -> None:
    whole = trainer()
    whole.fit(loader(), epochs=4, progress="none")
    first = trainer()
    first.fit(loader(), epochs=2, callbacks=[Checkpoint(tmp_path)], progress="none")
    second = trainer()
    second.fit(loader(), epochs=4, resume=tmp_path, progress="none")
    for name, value in whole.weights().items():
        np.testing.assert_array_equal(second.weights()[name], value)


def test_a_non_finite_loss_is_diagnosed() -> None:
    bad = trainer()
    bad.fit(loader(), epochs=1, progress="none")
    weight = next(bad.model.parameters())
    weight.assign(np.full(weight.shape, 1e38, np.float32))
    with pytest.raises(NonFiniteError, match="operation"):
        bad.fit(loader(), epochs=2, progress="none")


def test_a_label_out_of_range_is_an_error() -> None:
    bad = trainer()
    bad.fit(loader(), epochs=1, progress="none")
    x = np.zeros((20, 1, 8, 8), np.float32)
    with pytest.raises(ArgumentError, match=r"target must hold integers from 0 to 9"):
        bad.fit([(x, np.full(20, 11))] * 9, epochs=9, progress="none")


def test_a_schedule_does_not_compile_anew_in_every_step() -> None:
    model = network()
    optimiser = optim.Adam(model.parameters())
    schedule = optim.lr_scheduler.OneCycleLR(optimiser, max_lr=0.01, total_steps=12)
    step = CompiledStep(
        TrainingStep(model, Objective(resolve("cross_entropy"), None), optimiser, None)
    )
    x, y = batches()[0]
    for number in range(10):
        step(x, y, fold_in(lamina.random.key(1), number))
        schedule.step()
    assert optimiser.param_groups[0]["betas"] != (0.9, 0.999)
    assert len(step._made) <= 2
