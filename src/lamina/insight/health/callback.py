"""`HealthCallback`: the health of a network while it is trained."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.types import Array
from lamina.insight.health.findings import LEARNING_RATE, Thresholds
from lamina.insight.health.history import HealthHistory
from lamina.insight.health.measuring import gradient_health
from lamina.insight.health.report import HealthReport
from lamina.tensors import Tensor
from lamina.train.callbacks import Callback

if TYPE_CHECKING:
    from lamina.train.trainer import Trainer


class HealthCallback(Callback):
    """Measure gradient health every so many steps, and tell each finding once.

    A measurement runs the step's batch once more, by NumPy and with the weights as they are after
    the step. Training is not changed by it: weights, random numbers and running statistics are, bit
    for bit, what they would be without.

    Args:
        every: how many steps lie between measurements; the first step is measured too.
        tell: what gets the text of a finding when it comes up first; by default it goes to stderr.
        patience: in how many measurements in a row a learning rate must look wrong to be told.
        thresholds: from where on a number counts as a fault.

    Attributes:
        history: the numbers by step and layer, and the findings (see `HealthHistory`).
        report: the last measurement, whole.

    >>> import lamina
    >>> from lamina import nn, optim
    >>> lamina.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))
    >>> trainer = lamina.train.Trainer(model, "mse", optim.SGD(model.parameters(), lr=0.1))
    >>> health = HealthCallback(every=2)
    >>> x = np.linspace(-1, 1, 32, dtype=np.float32)[:, None]
    >>> _ = trainer.fit((x, x**2), epochs=1, callbacks=[health], batch_size=8, progress="none")
    >>> health.history.steps, health.history["gradient.norm"].shape
    ([1, 2, 4], (3, 2))
    """

    def __init__(
        self,
        every: int = 100,
        *,
        tell: Callable[[str], None] | None = None,
        patience: int = 3,
        thresholds: Thresholds | None = None,
    ) -> None:
        if every < 1 or patience < 1:
            raise ArgumentError(
                f"HealthCallback: every and patience must be 1 or more, got {every} and {patience}"
            )
        self.every = every
        self.patience = patience
        self.thresholds = thresholds
        self.history = HealthHistory()
        self.report: HealthReport | None = None
        self._tell = tell or _to_stderr
        self._before: dict[str, Array] | None = None
        self._in_a_row: dict[str, int] = {}
        self._dead: dict[str, Array] = {}

    def on_fit_start(self, trainer: Trainer) -> None:
        self._remember(trainer)

    def on_step_end(self, trainer: Trainer) -> None:
        if self._due(trainer.step):
            self._measure(trainer)
        self._remember(trainer)

    def on_epoch_end(self, trainer: Trainer) -> None:
        self.history.dead.append({name: float(mask.mean()) for name, mask in self._dead.items()})
        self._dead = {}

    def _due(self, step: int) -> bool:
        return step == 1 or step % self.every == 0

    def _remember(self, trainer: Trainer) -> None:
        """Copy the weights if the next step is to be measured."""
        due, weights = self._due(trainer.step + 1), trainer.model.named_parameters()
        self._before = {name: np.array(p) for name, p in weights} if due else None

    def _measure(self, trainer: Trainer) -> None:
        assert trainer.batch is not None
        x, y, key = trainer.batch
        objective = trainer.training_step.objective

        def loss(outputs: Tensor, targets: Tensor) -> Tensor:
            return objective.loss(outputs, targets)

        self.report = gradient_health(
            trainer.model, x, y, loss, before=self._before, key=key, thresholds=self.thresholds
        )
        self.history.add(trainer.step, self.report)
        self._note_dead(self.report)
        self._note_findings(self.report, trainer.step)

    def _note_dead(self, report: HealthReport) -> None:
        for row in report.rows:
            if row.dead is not None:
                self._dead[row.name] = self._dead.get(row.name, True) & row.dead

    def _note_findings(self, report: HealthReport, step: int) -> None:
        found = {finding.kind: finding for finding in report.diagnosis}
        self._in_a_row = {kind: self._in_a_row.get(kind, 0) + 1 for kind in found}
        told = {(each.kind, layer) for _, each in self.history.findings for layer in each.layers}
        for kind, finding in found.items():
            waits = kind in LEARNING_RATE and self._in_a_row[kind] < self.patience
            if not waits and any((kind, layer) not in told for layer in finding.layers):
                self.history.findings.append((step, finding))
                self._tell(f"step {step}: {finding}")

    def state_dict(self) -> dict[str, Any]:
        dead = {name: mask.tolist() for name, mask in self._dead.items()}
        return {
            "history": self.history.state_dict(),
            "in_a_row": dict(self._in_a_row),
            "dead": dead,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.history.load_state_dict(state["history"])
        self._in_a_row = dict(state["in_a_row"])
        self._dead = {name: np.array(mask, bool) for name, mask in state["dead"].items()}


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
