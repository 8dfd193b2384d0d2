"""Reducing the rate when a metric has stopped getting better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isnan
from typing import Any, SupportsFloat

from lamina.core.errors import ArgumentError
from lamina.functions.number_checks import one_of, whole, within
from lamina.optim.lr_scheduler.base import (
    LRScheduler,
    checked_optimizer,
    current_rates,
    per_group,
    set_rates,
)
from lamina.optim.optimizer import Optimizer


@dataclass(frozen=True)
class PlateauState:
    """What has been seen: the best metric (None before the first), and two counters."""

    best: float | None = None
    num_bad_epochs: int = 0
    cooldown_counter: int = 0


@dataclass(frozen=True)
class Plateau:
    """When to reduce the rate, as a pure function of the metrics (see `ReduceLROnPlateau`)."""

    mode: str = "min"
    patience: int = 10
    threshold: float = 1e-4
    threshold_mode: str = "rel"
    cooldown: int = 0

    def __post_init__(self) -> None:
        one_of("ReduceLROnPlateau", "mode", self.mode, ("min", "max"))
        one_of("ReduceLROnPlateau", "threshold_mode", self.threshold_mode, ("rel", "abs"))
        whole("ReduceLROnPlateau", "patience", self.patience, low=0)
        whole("ReduceLROnPlateau", "cooldown", self.cooldown, low=0)
        within("ReduceLROnPlateau", "threshold", self.threshold)

    def observe(self, state: PlateauState, metric: float) -> tuple[PlateauState, bool]:
        """Return the state after one more epoch, and whether to reduce the rate."""
        if isnan(metric):
            raise ArgumentError("ReduceLROnPlateau: the metric is NaN")
        better = state.best is None or self._better(metric, state.best)
        cooling = state.cooldown_counter > 0
        bad = 0 if better or cooling else state.num_bad_epochs + 1
        left = state.cooldown_counter - cooling
        seen = PlateauState(metric if better else state.best, bad, left)
        if bad <= self.patience:
            return seen, False
        return replace(seen, num_bad_epochs=0, cooldown_counter=self.cooldown), True

    def _better(self, metric: float, best: float) -> bool:
        sign = -1.0 if self.mode == "min" else 1.0
        margin = best * self.threshold if self.threshold_mode == "rel" else self.threshold
        bound = best + sign * margin
        return metric < bound if self.mode == "min" else metric > bound


class ReduceLROnPlateau(LRScheduler):
    """Multiply the rate by ``factor`` when the metric has not improved for ``patience`` epochs.

    Better means below ``best · (1 - threshold)`` (mode "min", threshold_mode "rel"),
    ``best - threshold`` ("abs"), or above ``best · (1 + threshold)``, ``best + threshold`` ("max").
    After a reduction, ``cooldown`` epochs pass before bad ones count again. The rate stays at
    ``min_lr`` or more, and changes below ``eps`` are left out.

    >>> import lamina
    >>> from lamina.optim import SGD
    >>> optimizer = SGD([lamina.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     scheduler.step(loss)
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        self.optimizer = checked_optimizer("ReduceLROnPlateau", optimizer)
        within("ReduceLROnPlateau", "factor", factor, high=1.0)
        self.factor, self.eps = factor, eps
        self.plateau = Plateau(mode, patience, threshold, threshold_mode, cooldown)
        self.min_lrs = per_group("ReduceLROnPlateau", "min_lr", min_lr, optimizer)
        self.base_lrs = current_rates(optimizer)
        self._last_lr = current_rates(optimizer)
        self.rewind()

    def rewind(self) -> None:
        """Forget the metrics seen; the rates stay."""
        self.seen = PlateauState()
        self.last_epoch = 0

    def restart(self) -> None:
        """Forget the metrics seen, and set the rates that there were at first."""
        set_rates(self.optimizer, self.base_lrs)
        self._last_lr = current_rates(self.optimizer)
        self.rewind()

    def step(self, metrics: SupportsFloat) -> None:  # type: ignore[override]
        """Take the epoch's metric into account."""
        self.last_epoch += 1
        self.seen, reduce = self.plateau.observe(self.seen, float(metrics))
        if reduce:
            rates = zip(current_rates(self.optimizer), self.min_lrs, strict=True)
            set_rates(self.optimizer, [self._reduced(lr, least) for lr, least in rates])
        self._last_lr = current_rates(self.optimizer)

    def _reduced(self, rate: float, least: float) -> float:
        new = max(rate * self.factor, least)
        return new if rate - new > self.eps else rate

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), **asdict(self.seen)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        super().load_state_dict(state_dict)
        best, *counters = (state_dict[key] for key in asdict(self.seen))
        self.seen = PlateauState(None if best is None else float(best), *map(int, counters))
