"""Measuring during training: what is noted and told, and that training is not changed by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import data, insight, nn, optim
from lamina.core.errors import ArgumentError
from lamina.train import Callback, Checkpoint, Trainer

DIGITS = data.load("digits").train[:160]


def trainer(engine: str = "compiled", lr: float = 0.05, **options: Any) -> Trainer:
    lamina.manual_seed(3)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.3),
        nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 10),
    )  # fmt: skip
    optimiser = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    return Trainer(model, "cross_entropy", optimiser, engine=engine, **options)


def fit(made: Trainer, *callbacks: Callback, epochs: int = 2) -> dict[str, Any]:
    made.fit(DIGITS, epochs=epochs, callbacks=callbacks, batch_size=48, progress="none")
    return made.state_dict()


def leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [leaf for key, value in tree.items() if key != "callbacks" for leaf in leaves(value)]
    if isinstance(tree, list | tuple):
        return [leaf for value in tree for leaf in leaves(value)]
    return [np.array(tree) if isinstance(tree, lamina.Tensor) else tree]


@pytest.mark.parametrize("engine", ["compiled", "dynamic"])
@pytest.mark.parametrize("every", [1, 3])
def test_training_is_bit_for_bit_the_same(engine: str, every: int) -> None:
    plain = fit(trainer(engine))
    watched = fit(trainer(engine), insight.HealthCallback(every, tell=[].append))
    assert len(leaves(plain)) == len(leaves(watched)) > 20
    for one, other in zip(leaves(plain), leaves(watched), strict=True):
        assert np.array_equal(one, other)


def test_numbers_by_step_and_layer() -> None:
    health = insight.HealthCallback(every=3, tell=[].append)
    fit(trainer(), health)
    history = health.history
    assert history.steps == [1, 3, 6]
    assert history.layers == ("1", "2", "5", "7")
    assert len(history.losses) == 3
    norms = history["gradient.norm"]
    assert norms.shape == (3, 4)
    assert (norms > 0).all()
    assert np.isnan(history["saturated"][:, 0]).all()
    assert (history["z.q05"] <= history["z.q95"]).all()
    assert (history["update_ratio"][:, 0] > 0).all()
    assert [set(epoch) for epoch in history.dead] == [{"2"}, {"2"}]
    assert health.report is not None
    assert health.report.rows[2].gradient.norm == norms[-1, 2]
    with pytest.raises(ArgumentError, match="no 'nothing'"):
        history["nothing"]


def test_update_ratio_is_that_of_the_step() -> None:
    weights: list[np.ndarray[Any, Any]] = []

    class Copy(Callback):
        def on_step_end(self, trainer: Trainer) -> None:
            weights.append(np.array(trainer.model[1].weight))

    made = trainer()
    weights.append(np.array(made.model[1].weight))
    health = insight.HealthCallback(every=2, tell=[].append)
    fit(made, Copy(), health)
    for step, found in zip(health.history.steps, health.history["update_ratio"][:, 0], strict=True):
        before, after = weights[step - 1], weights[step]
        ratio = np.linalg.norm(after - before) / np.linalg.norm(before)
        assert found == pytest.approx(ratio, rel=1e-5)


def test_each_finding_is_told_once() -> None:
    told: list[str] = []
    made = trainer(lr=1e-3)
    nn.init.constant_(made.model[2].bias, -50.0)
    health = insight.HealthCallback(1, tell=told.append)
    fit(made, health)
    assert len(told) == 1
    assert told[0].startswith("step 1: dead ReLU in layer 2 (2)")
    ((step, finding),) = health.history.findings
    assert (step, finding.kind, finding.layers) == (1, "dead ReLU", ("2",))
    assert health.history.dead[-1] == {"2": 1.0}


def test_a_learning_rate_must_look_wrong_several_times() -> None:
    told: list[str] = []
    health = insight.HealthCallback(1, tell=told.append, patience=3)
    fit(trainer(lr=1e-9), health)
    low = [text for text in told if "learning rate too low" in text]
    assert len(low) == 1
    assert low[0].startswith("step 3")


def test_findings_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    made = trainer(lr=1e-3)
    nn.init.constant_(made.model[2].bias, -50.0)
    fit(made, insight.HealthCallback(1))
    captured = capsys.readouterr()
    assert captured.err.count("dead ReLU") == 1
    assert captured.out == ""


def test_healthy_training_is_left_in_peace() -> None:
    told: list[str] = []
    fit(trainer(), insight.HealthCallback(1, tell=told.append), epochs=6)
    assert told == []


def test_a_resumed_run_goes_on_with_its_history(tmp_path: Path) -> None:
    whole = insight.HealthCallback(3, tell=[].append)
    fit(trainer(), whole, epochs=3)
    first, second = (insight.HealthCallback(3, tell=[].append) for _ in range(2))
    fit(trainer(), first, Checkpoint(tmp_path), epochs=1)
    made = trainer()
    made.fit(DIGITS, None, 3, [second, Checkpoint(tmp_path)], batch_size=48, resume=tmp_path,
             progress="none")  # fmt: skip
    assert second.history.steps == whole.history.steps
    assert np.array_equal(second.history["delta.norm"], whole.history["delta.norm"])
    assert second.history.dead == whole.history.dead


def test_pictures(tmp_path: Path) -> None:
    health = insight.HealthCallback(every=1, tell=[].append)
    fit(trainer(), health)
    assert health.report is not None
    drawn = insight.draw_distributions(health.report, tmp_path / "a" / "distributions.png")
    assert len(drawn.axes) == 16
    flow = insight.draw_flow(health.report, tmp_path / "flow.png")
    heights = flow.axes[0].lines[0].get_ydata()
    assert np.allclose(heights, [row.delta.norm for row in health.report.rows])
    curves = insight.draw_history(health.history, path=tmp_path / "history.png")
    assert [axes.get_title() for axes in curves.axes][:2] == ["‖∂L/∂W‖", "‖ΔW‖ / ‖W‖"]
    assert np.allclose(curves.axes[0].lines[1].get_ydata(), health.history["gradient.norm"][:, 1])
    bands = insight.draw_quantiles(health.history, "delta", tmp_path / "quantiles.png")
    assert np.allclose(bands.axes[2].lines[0].get_ydata(), health.history["delta.q50"][:, 2])
    with pytest.raises(ArgumentError, match="part must be one of"):
        insight.draw_quantiles(health.history, "nothing")
    assert all((tmp_path / name).stat().st_size > 5000 for name in ("flow.png", "history.png"))
    with pytest.raises(ArgumentError, match="none of nothing is measured"):
        insight.draw_history(health.history, ("nothing",))


def test_errors() -> None:
    with pytest.raises(ArgumentError, match="every and patience"):
        insight.HealthCallback(0)
