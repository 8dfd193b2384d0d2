"""Numbers of health over a run of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.types import Array
from lamina.insight.health.report import Finding, HealthReport

Dead = dict[str, Array]


@dataclass
class HealthHistory:
    """What was measured at some steps, by layer, and what was found first at which step.

    ``history["gradient.norm"]`` is an array ``[measurements, layers]``; NaN where a layer has no
    such number. Names are those of `LayerHealth.numbers`: ``z.mean``, ``a.q95``, ``delta.norm``,
    ``gradient.std``, ``weight.norm``, ``update_ratio``, ``saturated``, ``dead``, ….

    Attributes:
        layers: their names.
        steps: when was measured, and ``losses`` the loss then.
        rows: for every measurement the numbers of each layer.
        findings: the step at which each finding came up, and the finding.
        dead: for every epoch over, the share of each layer's units that were dead in all
            measurements of the epoch.
    """

    layers: tuple[str, ...] = ()
    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    rows: list[list[dict[str, float]]] = field(default_factory=list)
    findings: list[tuple[int, Finding]] = field(default_factory=list)
    dead: list[dict[str, float]] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        """What is measured of some layer."""
        return tuple(dict.fromkeys(name for row in self.rows for one in row for name in one))

    def __getitem__(self, name: str) -> Array:
        if name not in self.names:
            raise ArgumentError(f"health: no {name!r}; there are {', '.join(self.names) or 'none'}")
        return np.array([[layer.get(name, np.nan) for layer in row] for row in self.rows])

    def add(self, step: int, report: HealthReport) -> None:
        """Note a measurement."""
        self.layers = tuple(row.name for row in report.rows)
        self.steps.append(step)
        self.losses.append(report.loss)
        self.rows.append([row.numbers() for row in report.rows])

    def state_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        found = [{"step": step, **finding.to_dict()} for step, finding in self.findings]
        plain = {"layers": list(self.layers), "steps": list(self.steps), "findings": found}
        return {**plain, "losses": list(self.losses), "rows": self.rows, "dead": self.dead}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Replace everything by what was saved."""
        self.layers = tuple(state["layers"])
        self.steps, self.losses = list(state["steps"]), list(state["losses"])
        self.rows = [[dict(layer) for layer in row] for row in state["rows"]]
        self.dead = [dict(epoch) for epoch in state["dead"]]
        self.findings = [(each["step"], _finding(each)) for each in state["findings"]]


def _finding(saved: Mapping[str, Any]) -> Finding:
    texts = (saved["kind"], tuple(saved["layers"]), saved["where"], saved["cause"])
    return Finding(*texts, dict(saved["evidence"]), tuple(saved["advice"]))
