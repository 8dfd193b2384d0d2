"""A run's folder: its settings, its log, its checkpoints.

RUN/config.json       settings as dotted keys, and what is known of the data
RUN/log.jsonl         what was measured
RUN/checkpoints/      the last ones, and the best in checkpoints/best
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lamina.cli.building import make_model
from lamina.cli.layers import Settings
from lamina.core.errors import DataError
from lamina.nn import Module
from lamina.train import load_checkpoint, storage

CONFIG = "config.json"


@dataclass(frozen=True)
class RunFolder:
    """Where a run keeps its files."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def log(self) -> Path:
        """The log of metrics."""
        return self.path / "log.jsonl"

    def started(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return bool(storage.checkpoints(self.checkpoints))

    def write(self, settings: Settings, about: dict[str, Any]) -> None:
        """Save the settings and what is known of the data."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            text = json.dumps({"settings": settings, "data": about}, indent=2)
            storage.write_text(self.path / CONFIG, text + "\n")
        except OSError as error:
            raise DataError(f"{self.path}: cannot be written: {error.strerror or error}") from error

    def read(self) -> dict[str, Any]:
        """What `write` saved.

        Raises `DataError` if the folder is not one of a run.
        """
        file = self.path / CONFIG
        try:
            config = json.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise DataError(f"{file}: cannot be read: {error.strerror}; is it a run?") from error
        except ValueError as error:
            raise DataError(f"{file}: not a JSON document: {error}") from error
        if not isinstance(config, dict) or not isinstance(config.get("settings"), dict):
            raise DataError(f'{file}: expected keys "settings" and "data"')
        return config

    def settings(self) -> Settings:
        """The run's settings."""
        found: Settings = self.read()["settings"]
        return found

    def weights(self, which: str | None = None) -> str:
        """Which weights are meant: ``"best"`` or ``"last"`` (by default the best, if there are)."""
        return which or ("best" if storage.checkpoints(self.checkpoints / "best") else "last")

    def model(self, which: str | None = None) -> Module:
        """The run's model with the weights meant."""
        model, best = make_model(self.settings()), self.checkpoints / "best"
        state = load_checkpoint(best if self.weights(which) == "best" else self.checkpoints)
        model.load_state_dict(state["model"])
        return model.eval()
