"""The curves of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from lamina.core.errors import ArgumentError

Status = Literal["new", "running", "finished", "stopped", "interrupted"]


@dataclass
class History:
    """The loss of every step, and what was measured after every epoch.

    `status` is ``"finished"`` (all epochs done), ``"stopped"`` (by a callback), ``"interrupted"``
    (by a signal) or ``"running"``. ``history["validation_loss"]`` is the curve of one measure.

    >>> history = History(epochs=[{"loss": 0.5}, {"loss": 0.25}])
    >>> history["loss"]
    [0.5, 0.25]
    """

    step_losses: list[float] = field(default_factory=list)
    epochs: list[dict[str, Any]] = field(default_factory=list)
    status: Status = "new"

    @property
    def names(self) -> tuple[str, ...]:
        """What was measured."""
        return tuple(self.epochs[-1]) if self.epochs else ()

    @property
    def last(self) -> dict[str, Any]:
        """The measures of the last epoch."""
        return dict(self.epochs[-1]) if self.epochs else {}

    def __getitem__(self, name: str) -> list[Any]:
        if name not in self.names:
            raise ArgumentError(
                f"history: no {name!r}; there are {', '.join(self.names) or 'none'}"
            )
        return [epoch[name] for epoch in self.epochs if name in epoch]

    def state_dict(self) -> dict[str, Any]:
        """The curves as plain data and an array."""
        return {
            "step_losses": np.array(self.step_losses, np.float64),
            "epochs": [dict(epoch) for epoch in self.epochs],
            "status": self.status,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Replace the curves by saved ones."""
        self.step_losses = np.asarray(state["step_losses"]).tolist()
        self.epochs = [dict(epoch) for epoch in state["epochs"]]
        self.status = state["status"]
