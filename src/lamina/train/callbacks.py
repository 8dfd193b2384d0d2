"""What a training run calls between its steps and epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from lamina.core.errors import ArgumentError

if TYPE_CHECKING:
    from lamina.train.trainer import Trainer

Mode = Literal["min", "max"]


class Callback:
    """Base of callbacks; override what is needed.

    What a callback must remember for an exact resumption goes into its `state_dict`. Callbacks are
    called in the order in which they were given, those with a higher `order` later.
    """

    order = 0

    def on_fit_start(self, trainer: Trainer) -> None:
        """Before the first step, and after a checkpoint was loaded."""

    def on_step_end(self, trainer: Trainer) -> None:
        """After each step; ``trainer.step`` counts it."""

    def on_epoch_end(self, trainer: Trainer) -> None:
        """After each epoch and its validation; ``trainer.history.last`` holds what was measured."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """At the end, however it came: see ``trainer.history.status``. Not after an error."""

    def close(self) -> None:
        """Last of all, also after an error."""

    def state_dict(self) -> dict[str, Any]:
        """What to save in a checkpoint: plain data and arrays."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""


def monitored(trainer: Trainer, monitor: str | None) -> tuple[str, float]:
    """Name and last value of the measure to watch: by default the validation loss, or the loss."""
    last = trainer.history.last
    name = monitor or ("validation_loss" if "validation_loss" in last else "loss")
    value = last.get(name)
    if not isinstance(value, int | float):
        numbers = [name for name, value in last.items() if isinstance(value, int | float)]
        raise ArgumentError(f"monitor: no number {name!r} is measured; use {', '.join(numbers)}")
    return name, float(value)


def direction(name: str, mode: Mode | None) -> Mode:
    """Whether less or more of a measure is better."""
    if mode not in ("min", "max", None):
        raise ArgumentError(f"mode: expected 'min', 'max' or None, got {mode!r}")
    smaller = ("loss", "error", "error_rate")
    return mode or ("min" if name.endswith(smaller) else "max")


class Best:
    """The best value of a measure so far."""

    def __init__(self, mode: Mode | None = None, min_delta: float = 0.0) -> None:
        self.mode = mode
        self.min_delta = min_delta
        self.value: float | None = None

    def improve(self, name: str, value: float) -> bool:
        """Whether `value` beats the best by more than `min_delta`; if so, it is the best now."""
        sign = 1.0 if direction(name, self.mode) == "min" else -1.0
        best = math.inf if self.value is None else sign * self.value
        better = sign * value < best - self.min_delta
        if better:
            self.value = value
        return better


class EarlyStopping(Callback):
    """Stop when a measure has not improved by more than `min_delta` for `patience` epochs.

    `monitor` is ``"validation_loss"`` by default, or ``"loss"`` without validation data. With
    `restore_best`, a run stopped this way ends with the weights and buffers of the best epoch.

    Source: L. Prechelt, "Early stopping, but when?" (1998), section 2.
    """

    def __init__(
        self,
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best: bool = False,
        monitor: str | None = None,
        mode: Mode | None = None,
    ) -> None:
        if patience < 1 or min_delta < 0:
            raise ArgumentError(
                "EarlyStopping: patience must be 1 or more and min_delta not negative, "
                f"got {patience} and {min_delta}"
            )
        self.patience = patience
        self.restore_best = restore_best
        self.monitor = monitor
        self.best = Best(mode, min_delta)
        self.best_epoch = 0
        self.best_weights: dict[str, Any] = {}
        self.waited = 0
        self.stopped = False

    def on_epoch_end(self, trainer: Trainer) -> None:
        name, value = monitored(trainer, self.monitor)
        if self.best.improve(name, value):
            self.best_epoch, self.waited = trainer.epoch, 0
            if self.restore_best:
                self.best_weights = trainer.weights()
            return
        self.waited += 1
        if self.waited >= self.patience:
            self.stopped = True
            best = "" if self.best.value is None else f" ({self.best.value:.6g})"
            trainer.stop(f"{name} has not improved since epoch {self.best_epoch}{best}")

    def on_fit_end(self, trainer: Trainer) -> None:
        if self.stopped and self.best_weights:
            trainer.load_weights(self.best_weights)

    def state_dict(self) -> dict[str, Any]:
        return {
            "best": self.best.value,
            "best_epoch": self.best_epoch,
            "best_weights": self.best_weights,
            "waited": self.waited,
            "stopped": self.stopped,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.best.value = state["best"]
        self.best_epoch = state["best_epoch"]
        self.best_weights = dict(state["best_weights"])
        self.waited = state["waited"]
        self.stopped = state["stopped"]
