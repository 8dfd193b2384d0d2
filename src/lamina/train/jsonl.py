"""A log of metrics that other programs can read while the run goes on."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import IO, TYPE_CHECKING, Any

from lamina.core.errors import ArgumentError, DataError
from lamina.train.callbacks import Callback

if TYPE_CHECKING:
    from lamina.train.trainer import Trainer


class JsonLines(Callback):
    """Append one JSON object a line to `path`: one an epoch, and one every `every_steps` steps.

    Lines of epochs have ``"event": "epoch"``, the epoch's and step's number, everything measured,
    and the seconds since the run (or its resumption) started; those of steps have ``"event":
    "step"`` and the loss; the last one has ``"event": "end"`` and the status. NaN and infinities
    are ``null``. A resumed run first cuts off what was logged after its checkpoint.
    """

    def __init__(self, path: str | Path, every_steps: int | None = None) -> None:
        if every_steps is not None and every_steps < 1:
            raise ArgumentError(f"JsonLines: every_steps must be 1 or more, got {every_steps}")
        self.path = Path(path)
        self.every_steps = every_steps
        self.length: int | None = None
        self.file: IO[bytes] | None = None
        self.started = 0.0

    def on_fit_start(self, trainer: Trainer) -> None:
        self.started = monotonic()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = self.path.open("ab")
            if self.length is not None and self.length < self.file.tell():
                self.file.truncate(self.length)
        except OSError as error:
            raise DataError(f"{self.path}: cannot be written: {error.strerror}") from error

    def on_step_end(self, trainer: Trainer) -> None:
        if self.every_steps and trainer.step % self.every_steps == 0:
            loss = trainer.history.step_losses[-1]
            self._write("step", trainer, {"loss": loss})

    def on_epoch_end(self, trainer: Trainer) -> None:
        seconds = round(monotonic() - self.started, 3)
        self._write("epoch", trainer, {**trainer.history.last, "seconds": seconds})

    def on_fit_end(self, trainer: Trainer) -> None:
        self._write("end", trainer, {"status": trainer.history.status})

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None

    def state_dict(self) -> dict[str, Any]:
        return {"length": self.length}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.length = state["length"]

    def _write(self, event: str, trainer: Trainer, values: Mapping[str, Any]) -> None:
        assert self.file is not None
        record = {"event": event, "epoch": trainer.epoch, "step": trainer.step, **values}
        self.file.write(json.dumps(_finite(record), allow_nan=False).encode() + b"\n")
        self.file.flush()
        self.length = self.file.seek(0, os.SEEK_END)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
