"""`Trainer`: what a step does, what is measured, what is accepted and what is refused."""

import io
import json
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.train.toy import X, Y, loader, network, trainer

import lamina
from lamina import data, nn, optim
from lamina import functions as F
from lamina.core.errors import ArgumentError, NonFiniteError, ShapeError
from lamina.train import Callback, EarlyStopping, JsonLines, Trainer


def linear(seed: int = 0) -> nn.Module:
    lamina.manual_seed(seed)
    return nn.Linear(3, 3)


def sgd(model: nn.Module, lr: float = 0.1) -> optim.Optimizer:
    return optim.SGD(model.parameters(), lr=lr)


def test_gradient_descent_by_hand() -> None:
    model = linear()
    weight, bias = np.array(model.weight, np.float64), np.array(model.bias, np.float64)
    batches = [(X[:20], Y[:20]), (X[20:], Y[20:])]
    losses = []
    for x, y in batches:
        z = x @ weight.T + bias
        p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        losses.append(-np.log(p[np.arange(len(y)), y]).mean())
        delta = (p - np.eye(3)[y]) / len(y)
        weight, bias = weight - 0.1 * delta.T @ x, bias - 0.1 * delta.sum(0)
    made = Trainer(model, "cross_entropy", sgd(model))
    history = made.fit(batches, progress="none")
    np.testing.assert_allclose(made.weights()["weight"], weight, rtol=1e-5)
    np.testing.assert_allclose(made.weights()["bias"], bias, rtol=1e-5, atol=1e-6)
    assert history.step_losses == pytest.approx(losses, rel=1e-5)
    assert history.last["loss"] == pytest.approx((20 * losses[0] + 30 * losses[1]) / 50, rel=1e-5)


def test_penalty_is_minimised_too() -> None:
    model = linear()
    weight = np.array(model.weight, np.float64)
    made = Trainer(
        model, lambda outputs, targets: (outputs * 0.0).mean(), sgd(model),
        penalty=lambda m: 0.5 * 2.0 * (m.weight**2).sum(),
    )  # fmt: skip
    history = made.fit([(X, Y)], progress="none")
    np.testing.assert_allclose(made.weights()["weight"], weight * (1 - 0.1 * 2.0), rtol=1e-6)
    assert history.last["loss"] == pytest.approx((weight**2).sum(), rel=1e-5)


def test_clipping_bounds_the_step() -> None:
    model = linear()
    before = np.concatenate([np.array(p).ravel() for p in model.parameters()])
    made = Trainer(model, "cross_entropy", sgd(model, lr=1.0), clip_norm=0.01)
    made.fit([(100 * X, Y)], progress="none")
    after = np.concatenate([np.array(p).ravel() for p in model.parameters()])
    assert np.linalg.norm(after - before) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize(
    "train",
    [
        pytest.param(lambda: data.Dataset(X, Y), id="dataset"),
        pytest.param(lambda: (X, Y), id="pair"),
        pytest.param(lambda: (lamina.tensor(X), lamina.tensor(Y)), id="pair of tensors"),
        pytest.param(loader, id="loader"),
        pytest.param(lambda: [(X, Y)], id="batches"),
        pytest.param(lambda: (X.astype(np.float64), Y), id="float64"),
    ],
)
def test_kinds_of_data(train: Any) -> None:
    made = trainer("none")
    before = made.evaluate((X, Y))
    made.fit(train(), epochs=6, progress="none")
    assert made.evaluate((X, Y))["loss"] < before["loss"] - 0.05
    assert made.predict(X).dtype == np.float32


def test_epochs_are_shuffled_differently() -> None:
    seen: list[list[int]] = [[], []]

    class Notes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(1, 2)

        def forward(self, x: Any) -> Any:
            seen[len(seen[0]) >= 50].extend(int(v) for v in x.numpy()[:, 0])
            return self.inner(x * 0.0)

    model = Notes()
    numbered = np.arange(50, dtype=np.float32)[:, None]
    made = Trainer(model, "cross_entropy", sgd(model), engine="dynamic")
    made.fit((numbered, Y % 2), epochs=2, batch_size=10, progress="none")
    assert sorted(seen[0]) == sorted(seen[1]) == list(range(50))
    assert seen[0] != seen[1] != list(range(50))


def test_evaluation_changes_nothing() -> None:
    made = trainer()
    made.fit(loader(), epochs=1, progress="none")
    before, own = made.weights(), loader()
    made.model.train()
    first, second = made.evaluate(own), made.evaluate(own)
    assert first == second
    assert made.model.training
    assert (own.epoch, own.batch) == (0, 0)
    np.testing.assert_equal(made.weights(), before)


def test_evaluation_does_not_depend_on_the_batch_size() -> None:
    made = trainer()
    made.fit(loader(), epochs=1, progress="none")
    by_one, at_once = made.evaluate((X, Y), 1), made.evaluate((X, Y), 50)
    assert by_one == pytest.approx(at_once, rel=1e-5)
    outputs = made.predict(X)
    assert at_once["accuracy"] == (outputs.argmax(1) == Y).mean()
    loss = F.cross_entropy(lamina.tensor(outputs), lamina.tensor(Y)).item()
    assert at_once["loss"] == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("kind", ["array", "tensor", "dataset", "loader", "batches", "pair"])
def test_prediction_of_every_kind_of_data(kind: str) -> None:
    made = trainer()
    given: Any = {
        "array": X,
        "tensor": lamina.tensor(X),
        "dataset": data.Dataset(X, Y),
        "loader": data.DataLoader((X, Y), 7),
        "batches": [(X[:9], Y[:9]), (X[9:], Y[9:])],
        "pair": (X, Y),
    }[kind]
    with lamina.no_grad():
        expected = made.model.eval()(lamina.tensor(X)).numpy()
    np.testing.assert_allclose(made.predict(given, batch_size=8), expected, rtol=1e-5, atol=1e-6)


def test_prediction_for_no_examples_keeps_the_shape() -> None:
    assert trainer().predict(X[:0]).shape == (0, 3)


@pytest.mark.parametrize("loss", ["mse", "l1", "huber", "smooth_l1", "bce_with_logits"])
def test_targets_without_the_last_axis_do_not_broadcast(loss: str) -> None:
    model = nn.Linear(3, 1)
    made = Trainer(model, loss, sgd(model))
    flat = made.evaluate((X, (Y > 0).astype(np.int64)))
    column = made.evaluate((X, (Y > 0).astype(np.float32)[:, None]))
    assert flat == pytest.approx(column)
    with pytest.raises(ShapeError, match="one target for each output"):
        made.evaluate((X, np.zeros((50, 2), np.float32)))


def test_a_loss_without_reduction_is_refused() -> None:
    model = linear()
    made = Trainer(model, nn.CrossEntropyLoss(reduction="none"), sgd(model))
    with pytest.raises(ShapeError, match="use reduction='mean'"):
        made.fit((X, Y), progress="none")


def test_a_loss_layer_and_the_american_spelling() -> None:
    model = linear()
    made = Trainer(model, nn.CrossEntropyLoss(), optimizer=sgd(model))
    assert made.fit((X, Y), epochs=5, progress="none").last["loss"] < 1.2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "cros_entropy"}, "did you mean 'cross_entropy'"),
        ({"engine": "quantum"}, "engine must be one of compiled, dynamic"),
        ({"schedule_every": "week"}, "schedule_every must be one of epoch, step"),
        ({"clip_norm": 0.0}, "clip_norm must be above 0"),
        ({"optimiser": None}, "give one optimiser"),
        ({"optimizer": sgd(network())}, "give one optimiser"),
        ({"metrics": ["acc"]}, "no metric 'acc'"),
    ],
)
def test_wrong_arguments(options: dict[str, Any], message: str) -> None:
    model = linear()
    given = {"loss": "cross_entropy", "optimiser": sgd(model), **options}
    with pytest.raises(ArgumentError, match=message):
        Trainer(model, **given)


def test_an_optimiser_that_would_leave_the_model_as_it_is() -> None:
    with pytest.raises(ArgumentError, match="holds no parameter of the model"):
        Trainer(linear(), "mse", sgd(linear()))
    with pytest.raises(ArgumentError, match=r"one of lamina\.optim, got 'sgd'"):
        Trainer(linear(), "mse", "sgd")  # type: ignore[arg-type]


def test_a_negative_number_of_epochs() -> None:
    model = linear()
    with pytest.raises(ArgumentError, match="epochs must be 0 or more, got -1"):
        Trainer(model, "mse", sgd(model)).fit((X, Y), epochs=-1)


def test_the_validation_curve_and_the_schedule_are_noted() -> None:
    made = trainer("step")
    history = made.fit(loader(), (X[:10], Y[:10]), epochs=4, progress="none")
    assert history["lr"] == pytest.approx([0.02, 0.02, 0.01, 0.01])
    assert history["epoch"] == [1, 2, 3, 4]
    assert history.names == (
        "epoch", "loss", "accuracy", "validation_loss", "validation_accuracy", "lr"
    )  # fmt: skip
    assert len(history.step_losses) == 28
    with pytest.raises(ArgumentError, match="no 'f1'"):
        history["f1"]


def test_a_schedule_by_steps() -> None:
    model = linear()
    optimiser = sgd(model, lr=1.0)
    schedule = optim.lr_scheduler.ExponentialLR(optimiser, 0.5)
    made = Trainer(model, "cross_entropy", optimiser, schedule=schedule, schedule_every="step")
    made.fit([(X, Y)] * 3, epochs=1, progress="none")
    assert optimiser.param_groups[0]["lr"] == 0.125


def test_plateau_watches_the_monitor() -> None:
    model = linear()
    optimiser = sgd(model)
    plateau = optim.lr_scheduler.ReduceLROnPlateau(optimiser, patience=0, factor=0.5)
    made = Trainer(model, "cross_entropy", optimiser, schedule=plateau, monitor="epoch")
    made.fit((X, Y), epochs=3, progress="none")  # the epoch's number only rises
    assert optimiser.param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**2)


def test_early_stopping_restores_the_best_weights() -> None:
    values = iter([3.0, 2.0, 2.5, 2.4, 1.0])
    kept: list[Any] = []

    class Sets(Callback):
        def on_epoch_end(self, trainer: Trainer) -> None:
            trainer.history.epochs[-1]["validation_loss"] = next(values)
            kept.append(trainer.weights())

    made = trainer()
    stopping = EarlyStopping(patience=2, restore_best=True)
    history = made.fit(loader(), epochs=9, callbacks=[Sets(), stopping], progress="none")
    assert history.status == "stopped"
    assert len(history.epochs) == 4
    assert made.stop_reason == "validation_loss has not improved since epoch 2 (2)"
    np.testing.assert_equal(made.weights(), kept[1])


@pytest.mark.parametrize(
    ("min_delta", "mode", "values", "epochs"),
    [
        (0.0, None, [1.0, 0.9, 0.8, 0.7], 4),
        (0.2, None, [1.0, 0.9, 0.8, 0.7], 3),
        (0.0, "max", [1.0, 0.9, 0.8, 0.7], 3),
        (0.0, "max", [1.0, 1.1, 1.2, 1.3], 4),
        (0.0, None, [float("nan")] * 4, 2),
    ],
)
def test_what_counts_as_improvement(
    min_delta: float, mode: Any, values: list[float], epochs: int
) -> None:
    class Sets(Callback):
        def on_epoch_end(self, trainer: Trainer) -> None:
            trainer.history.epochs[-1]["score"] = values[trainer.epoch - 1]

    stopping = EarlyStopping(2, min_delta, monitor="score", mode=mode or "min")
    made = trainer()
    made.fit(loader(), epochs=4, callbacks=[Sets(), stopping], progress="none")
    assert made.epoch == epochs


def test_an_unknown_monitor_is_named() -> None:
    with pytest.raises(ArgumentError, match="no number 'f1' is measured; use epoch, loss"):
        trainer().fit(loader(), callbacks=[EarlyStopping(monitor="f1")], progress="none")


def test_callbacks_are_called_in_order() -> None:
    calls: list[str] = []

    class Notes(Callback):
        def __init__(self, name: str, order: int = 0) -> None:
            self.name = name
            self.order = order

        def on_fit_start(self, trainer: Trainer) -> None:
            calls.append(f"start {self.name}")

        def on_step_end(self, trainer: Trainer) -> None:
            calls.append(f"step {trainer.step} {self.name}")

        def on_epoch_end(self, trainer: Trainer) -> None:
            calls.append(f"epoch {trainer.epoch} {self.name}")

        def on_fit_end(self, trainer: Trainer) -> None:
            calls.append(f"end {self.name}")

        def close(self) -> None:
            calls.append(f"close {self.name}")

    made = trainer()
    made.fit([(X, Y)], callbacks=[Notes("b", 1), Notes("a")], progress="none")
    events = ["start", "step 1", "epoch 1", "end", "close"]
    assert calls == [f"{event} {name}" for event in events for name in "ab"]


def test_callbacks_are_closed_after_an_error() -> None:
    closed: list[bool] = []

    class Notes(Callback):
        def close(self) -> None:
            closed.append(True)

    with pytest.raises(NonFiniteError):
        trainer().fit([(X * np.nan, Y)], callbacks=[Notes()], progress="none")
    assert closed == [True]


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "new" / "log.jsonl"
    made = trainer()
    made.fit(loader(), (X, Y), 2, [JsonLines(path, every_steps=3)], progress="none")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(r["event"], r["epoch"], r["step"]) for r in records] == [
        ("step", 0, 3), ("step", 0, 6), ("epoch", 1, 7), ("step", 1, 9), ("step", 1, 12),
        ("epoch", 2, 14), ("end", 2, 14),
    ]  # fmt: skip
    assert records[0]["loss"] == made.history.step_losses[2]
    assert records[2]["validation_accuracy"] == made.history["validation_accuracy"][0]
    assert records[-1]["status"] == "finished"


def test_json_lines_hold_no_nan(tmp_path: Path) -> None:
    class Sets(Callback):
        def on_epoch_end(self, trainer: Trainer) -> None:
            trainer.history.epochs[-1]["odd"] = [float("inf"), 1.0]

    path = tmp_path / "log.jsonl"
    trainer().fit(loader(), callbacks=[Sets(), JsonLines(path)], progress="none")
    assert json.loads(path.read_text().splitlines()[0])["odd"] == [None, 1.0]


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    made = trainer()
    made.fit(loader(), epochs=3, callbacks=[EarlyStopping(1, min_delta=9.0)])
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert printed.out == ""
    assert [line.split("  ")[0] for line in lines[:2]] == ["epoch 1/3", "epoch 2/3"]
    assert f"accuracy {made.history['accuracy'][0]:.4g}" in lines[0]
    assert lines[2].startswith("stopped after step 14: loss has not improved since epoch 1")


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    trainer().fit(loader(), epochs=2)
    printed = terminal.getvalue()
    assert "epoch 1/2  loss" in printed
    assert "epoch 2/2  loss" in printed
    assert "━" in printed
    assert "7/7" in printed or "0/7" in printed


def test_progress_can_be_off(capsys: pytest.CaptureFixture[str]) -> None:
    trainer().fit(loader(), progress="none")
    assert capsys.readouterr().err == ""
    with pytest.raises(ArgumentError, match="progress: expected one of"):
        trainer().fit(loader(), progress="loud")  # type: ignore[arg-type]


def test_training_in_another_thread() -> None:
    made = trainer()
    thread = threading.Thread(target=lambda: made.fit(loader(), epochs=2, progress="none"))
    thread.start()
    thread.join()
    assert made.history.status == "finished"


def test_the_model_is_ready_for_use_after_training() -> None:
    made = trainer()
    made.fit(loader(), progress="none")
    assert not made.model.training
