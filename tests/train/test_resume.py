"""An interrupted and resumed run equals the uninterrupted one bit for bit."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.train.toy import X, Y, assert_identical, loader, network, trainer

import lamina
from lamina import optim
from lamina.core.errors import ArgumentError
from lamina.train import Callback, Checkpoint, EarlyStopping, JsonLines, Trainer

EPOCHS = 4
STEPS = 7  # in an epoch: 50 examples in batches of 8


class SignalAt(Callback):
    """Send this process a signal after a step, as Ctrl-C would."""

    def __init__(self, step: int, number: int = signal.SIGINT) -> None:
        self.step = step
        self.number = number

    def on_step_end(self, trainer: Trainer) -> None:
        if trainer.step == self.step:
            os.kill(os.getpid(), self.number)


def fit(made: Trainer, *callbacks: Callback, train: Any = None, **options: Any) -> Trainer:
    data = loader() if train is None else train
    made.fit(data, (X[:20], Y[:20]), EPOCHS, callbacks, progress="none", **options)
    return made


@pytest.mark.parametrize("step", [1, 6, 7, 8, 17, 27])
@pytest.mark.parametrize("schedule", ["step", "plateau", "one_cycle"])
def test_interrupted_run_resumes_exactly(tmp_path: Path, schedule: str, step: int) -> None:
    whole = fit(trainer(schedule))
    first = fit(trainer(schedule), Checkpoint(tmp_path), SignalAt(step))
    assert first.history.status == "interrupted"
    assert first.step == step
    second = fit(trainer(schedule), Checkpoint(tmp_path), resume=tmp_path)
    assert second.history.status == "finished"
    assert_identical(_state(whole), _state(second))


def _state(made: Trainer) -> dict[str, Any]:
    state = made.state_dict()
    del state["callbacks"]
    return state


DATA: dict[str, Callable[[], Any]] = {
    "pair": lambda: (X, Y),
    "batches": lambda: [(X[i : i + 8], Y[i : i + 8]) for i in range(0, 50, 8)],
}


@pytest.mark.parametrize("kind", DATA)
def test_every_kind_of_data_resumes_exactly(tmp_path: Path, kind: str) -> None:
    make = DATA[kind]
    whole = fit(trainer(), train=make(), batch_size=8)
    fit(trainer(), Checkpoint(tmp_path), SignalAt(17), train=make(), batch_size=8)
    second = fit(trainer(), train=make(), batch_size=8, resume=tmp_path)
    assert_identical(_state(whole), _state(second))


def test_a_step_checkpoint_resumes_exactly(tmp_path: Path) -> None:
    whole = fit(trainer(), Checkpoint(tmp_path / "a", every_steps=5, keep=None))
    for name in ("step-00000005", "step-00000010", "step-00000025"):
        second = fit(trainer(), resume=tmp_path / "a" / name)
        assert_identical(_state(whole), _state(second))


def test_more_epochs_continue_as_if_asked_for_at_first(tmp_path: Path) -> None:
    whole = fit(trainer())
    made = trainer()
    made.fit((X, Y), None, 0, progress="none")
    short = trainer()
    short.fit(loader(), (X[:20], Y[:20]), 2, [Checkpoint(tmp_path)], progress="none")
    assert short.history.status == "finished"
    assert_identical(_state(whole), _state(fit(trainer(), resume=tmp_path)))


def test_fitting_again_goes_on_in_memory() -> None:
    whole, pieces = trainer(), trainer()
    whole.fit((X, Y), epochs=3, progress="none")
    for epochs in (1, 2, 3):
        pieces.fit((X, Y), epochs=epochs, progress="none")
    assert_identical(_state(whole), _state(pieces))


@pytest.mark.parametrize("kind", ["pair", "loader"])
def test_an_interrupted_run_goes_on_in_memory(kind: str) -> None:
    def train() -> Any:
        return loader() if kind == "loader" else (X, Y)

    whole = fit(trainer(), train=train(), batch_size=8)
    made = fit(trainer(), SignalAt(17), train=train(), batch_size=8)
    assert made.history.status == "interrupted"
    assert_identical(_state(whole), _state(fit(made, train=train(), batch_size=8)))


@pytest.mark.parametrize("step", [10, 15, 20, 23])
def test_early_stopping_resumes_exactly(tmp_path: Path, step: int) -> None:
    def stopping() -> EarlyStopping:
        return EarlyStopping(patience=1, min_delta=0.02, restore_best=True)

    whole, second = trainer(), trainer()
    a, b, c = stopping(), stopping(), stopping()
    whole.fit(loader(), (X[:20], Y[:20]), 50, [a], progress="none")
    assert whole.history.status == "stopped"
    first = trainer()
    callbacks = [b, Checkpoint(tmp_path), SignalAt(step)]
    first.fit(loader(), (X[:20], Y[:20]), 50, callbacks, progress="none")
    second.fit(loader(), (X[:20], Y[:20]), 50, [c], resume=tmp_path, progress="none")
    assert second.history.status == "stopped"
    assert_identical(_state(whole), _state(second))
    assert_identical(a.state_dict(), c.state_dict())


def test_a_stopped_run_stays_stopped_when_killed_before_its_end(tmp_path: Path) -> None:
    class Dies(Callback):
        def on_fit_end(self, trainer: Trainer) -> None:
            raise KeyboardInterrupt

    made = trainer()
    callbacks = [EarlyStopping(patience=1, min_delta=9.0), Checkpoint(tmp_path), Dies()]
    with pytest.raises(KeyboardInterrupt):
        made.fit(loader(), (X, Y), 50, callbacks, progress="none")
    again = trainer()
    again.fit(loader(), (X, Y), 50, resume=tmp_path, progress="none")
    assert again.history.status == "stopped"
    assert again.step == made.step


def test_best_value_is_remembered(tmp_path: Path) -> None:
    fit(trainer(), Checkpoint(tmp_path, best="validation_accuracy"), SignalAt(16))
    saved = sorted(path.name for path in (tmp_path / "best").iterdir())
    again = Checkpoint(tmp_path, best="validation_accuracy")
    made = trainer()
    made.fit(loader(), (X[:20], Y[:20]), 2, [again], resume=tmp_path, progress="none")
    assert again.best.value == max(made.history["validation_accuracy"])
    assert sorted(path.name for path in (tmp_path / "best").iterdir()) == saved


def test_log_is_cut_back_to_the_checkpoint(tmp_path: Path) -> None:
    class Dies(Callback):
        order = 200

        def on_step_end(self, trainer: Trainer) -> None:
            if trainer.step == 20:
                raise KeyboardInterrupt

    def log() -> JsonLines:
        return JsonLines(tmp_path / "log.jsonl", every_steps=1)

    with pytest.raises(KeyboardInterrupt):
        fit(trainer(), log(), Checkpoint(tmp_path), Dies())
    fit(trainer(), log(), Checkpoint(tmp_path), resume=tmp_path)
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    steps = [line for line in lines if '"event": "step"' in line]
    assert len(steps) == EPOCHS * STEPS
    assert len(lines) == EPOCHS * STEPS + EPOCHS + 1


def test_a_learning_rate_that_is_a_tensor_resumes_exactly(tmp_path: Path) -> None:
    def made() -> Trainer:
        model = network()
        rate = lamina.tensor(0.1)
        return Trainer(model, "cross_entropy", optim.SGD(model.parameters(), lr=rate))

    whole = fit(made())
    fit(made(), Checkpoint(tmp_path), SignalAt(9))
    assert_identical(_state(whole), _state(fit(made(), resume=tmp_path)))


def test_sigterm_stops_cleanly_too(tmp_path: Path) -> None:
    made = fit(trainer(), Checkpoint(tmp_path), SignalAt(3, signal.SIGTERM))
    assert (made.history.status, made.stop_reason) == ("interrupted", "received SIGTERM")


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert fit(trainer(), SignalAt(3)).history.status == "finished"
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_second_signal_stops_at_once() -> None:
    class Twice(Callback):
        def on_step_end(self, trainer: Trainer) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(trainer(), Twice())
    assert signal.getsignal(signal.SIGINT) is before


def test_another_optimiser_or_schedule_is_refused(tmp_path: Path) -> None:
    fit(trainer(), Checkpoint(tmp_path))
    with pytest.raises(ArgumentError, match="only the saved run has a learning-rate schedule"):
        trainer("none").resume(tmp_path)
    model = network()
    other = Trainer(model, "cross_entropy", optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(ArgumentError, match="the run used optimiser Adam, this trainer has SGD"):
        other.resume(tmp_path)


def test_other_data_is_refused(tmp_path: Path) -> None:
    fit(trainer(), Checkpoint(tmp_path))
    with pytest.raises(ArgumentError, match="examples=50, this loader has 40"):
        made = trainer()
        made.fit((X[:40], Y[:40]), epochs=9, resume=tmp_path, progress="none")


def test_randomness_does_not_depend_on_the_default_stream() -> None:
    one, two = trainer(), trainer()
    lamina.manual_seed(1)
    fit(one)
    lamina.manual_seed(2)
    fit(two)
    assert_identical(_state(one), _state(two))
    other = fit(trainer(seed=1))
    assert not np.array_equal(one.weights()["0.weight"], other.weights()["0.weight"])
