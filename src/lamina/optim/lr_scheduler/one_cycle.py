"""The one-cycle policy: up to a large rate and down again, momentum the other way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import cos, pi
from typing import ClassVar, NamedTuple

from lamina.core.errors import ArgumentError
from lamina.functions.number_checks import one_of, whole, within
from lamina.optim.groups import Group
from lamina.optim.lr_scheduler.base import ScheduledLR, checked_optimizer, per_group
from lamina.optim.lr_scheduler.schedules import Schedule
from lamina.optim.optimizer import Optimizer

Rates = float | Sequence[float]


class _Knot(NamedTuple):
    """A turning point: a step, the rate as a factor of the initial one, and the momentum's place.

    ``low_momentum`` is 0 for ``max_momentum`` and 1 for ``base_momentum``.
    """

    step: float
    factor: float
    low_momentum: float


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Factors of the initial rate over ``total_steps`` steps (see `OneCycleLR`)."""

    total_steps: int
    pct_start: float = 0.3
    anneal_strategy: str = "cos"
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    three_phase: bool = False
    composes: ClassVar[bool] = False

    def __post_init__(self) -> None:
        whole("OneCycleLR", "total_steps", self.total_steps)
        within("OneCycleLR", "pct_start", self.pct_start, high=1.0, closed=True)
        one_of("OneCycleLR", "anneal_strategy", self.anneal_strategy, ("cos", "linear"))
        for name in ("div_factor", "final_div_factor"):
            if not getattr(self, name) > 0:
                raise ArgumentError(f"OneCycleLR: {name} must be above 0")

    def factor(self, step: int) -> float:
        before, after, weight = self._place(step)
        return self._between(before.factor, after.factor, weight)

    def low_momentum(self, step: int) -> float:
        """Return where momentum is at ``step``: 0 at its maximum, 1 at its minimum."""
        before, after, weight = self._place(step)
        return self._between(before.low_momentum, after.low_momentum, weight)

    def _knots(self) -> list[_Knot]:
        rise = self.pct_start * self.total_steps
        top = _Knot(rise - 1, self.div_factor, 1.0)
        back = [_Knot(2 * rise - 2, 1.0, 0.0)] if self.three_phase else []
        end = _Knot(self.total_steps - 1, 1 / self.final_div_factor, 0.0)
        return [_Knot(0.0, 1.0, 0.0), top, *back, end]

    def _place(self, step: int) -> tuple[_Knot, _Knot, float]:
        if step > self.total_steps:
            raise ArgumentError(
                f"OneCycleLR: step {step} of a cycle of {self.total_steps}; make total_steps the "
                f"number of times that the scheduler is stepped"
            )
        phases = list(pairwise(self._knots()))
        before, after = next((p for p in phases if step <= p[1].step), phases[-1])
        length = after.step - before.step
        return before, after, min((step - before.step) / length, 1.0) if length else 1.0

    def _between(self, start: float, end: float, weight: float) -> float:
        if self.anneal_strategy == "linear":
            return start + (end - start) * weight
        return end + (start - end) * (1.0 + cos(pi * weight)) / 2


class OneCycleLR(ScheduledLR):
    """From ``max_lr/div_factor`` up to ``max_lr``, then down to that start / ``final_div_factor``.

    The rise takes ``pct_start`` of the steps; with ``three_phase`` the fall first mirrors the rise
    back to the initial rate. Step after every batch, ``total_steps`` (or ``epochs`` times
    ``steps_per_epoch``) times. With ``cycle_momentum`` the momentum (or β₁) goes from
    ``max_momentum`` to ``base_momentum`` and back meanwhile.

    Source: Smith & Topin 2018 (super-convergence).

    >>> import lamina
    >>> from lamina.optim import SGD
    >>> optimizer = SGD([lamina.tensor([1.0], requires_grad=True)], lr=0.1, momentum=0.9)
    >>> scheduler = OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    >>> scheduler.get_last_lr(), optimizer.param_groups[0]["momentum"]
    ([0.04], 0.95)
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Rates,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Rates = 0.85,
        max_momentum: Rates = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        checked_optimizer("OneCycleLR", optimizer)
        steps = _total_steps(total_steps, epochs, steps_per_epoch)
        self.cycle = OneCycle(
            steps, pct_start, anneal_strategy, div_factor, final_div_factor, three_phase
        )
        self.cycle_momentum = cycle_momentum
        self.base_momenta = per_group("OneCycleLR", "base_momentum", base_momentum, optimizer)
        self.max_momenta = per_group("OneCycleLR", "max_momentum", max_momentum, optimizer)
        if cycle_momentum and not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ArgumentError(
                f"OneCycleLR: {optimizer.rule.name} has no momentum to cycle; "
                f"set cycle_momentum=False"
            )
        tops = per_group("OneCycleLR", "max_lr", max_lr, optimizer)
        for top, group in zip(tops, optimizer.param_groups, strict=True):
            within("OneCycleLR", "max_lr", top)
            group["initial_lr"] = top / div_factor
        super().__init__(optimizer, self.cycle, last_epoch)

    def step(self) -> None:
        super().step()
        if self.cycle_momentum:
            self._cycle_momenta(self.cycle.low_momentum(self.last_epoch))

    def _cycle_momenta(self, low: float) -> None:
        groups = self.optimizer.param_groups
        for group, base, top in zip(groups, self.base_momenta, self.max_momenta, strict=True):
            _set_momentum(group, top + (base - top) * low)


def _set_momentum(group: Group, momentum: float) -> None:
    if "betas" in group:
        group["betas"] = (momentum, group["betas"][1])
    else:
        group["momentum"] = momentum


def _total_steps(total: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total is not None:
        return total
    if epochs is None or steps_per_epoch is None:
        raise ArgumentError("OneCycleLR: give total_steps, or both epochs and steps_per_epoch")
    whole("OneCycleLR", "epochs", epochs)
    whole("OneCycleLR", "steps_per_epoch", steps_per_epoch)
    return epochs * steps_per_epoch
