"""The schedulers that follow a closed formula: decay, warm-up, annealing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lamina.optim.lr_scheduler import schedules
from lamina.optim.lr_scheduler.base import (
    LRScheduler,
    ScheduledLR,
    checked_optimizer,
    current_rates,
    per_group,
)
from lamina.optim.optimizer import Optimizer

Factor = Callable[[int], float]


class StepLR(ScheduledLR):
    """Multiply the rate by ``gamma`` every ``step_size`` epochs: ``γ₀ · gamma^⌊t/step_size⌋``."""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        super().__init__(optimizer, schedules.StepDecay(step_size, gamma), last_epoch)


class MultiStepLR(ScheduledLR):
    """Multiply the rate by ``gamma`` at each milestone (twice where one is listed twice)."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        schedule = schedules.MultiStepDecay(tuple(milestones), gamma)
        super().__init__(optimizer, schedule, last_epoch)


class ExponentialLR(ScheduledLR):
    """Multiply the rate by ``gamma`` every epoch: ``γ₀ · gamma^t``."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        super().__init__(optimizer, schedules.ExponentialDecay(gamma), last_epoch)


class ConstantLR(ScheduledLR):
    """``factor`` times the rate before epoch ``total_iters``, the whole rate from then on."""

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        super().__init__(optimizer, schedules.ConstantFactor(factor, total_iters), last_epoch)


class LinearLR(ScheduledLR):
    """Warm-up: the factor goes from ``start_factor`` to ``end_factor`` in ``total_iters`` steps.

    Source: Goyal et al. 2017, §2.2 (gradual warm-up).
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        schedule = schedules.LinearRamp(start_factor, end_factor, total_iters)
        super().__init__(optimizer, schedule, last_epoch)


class PolynomialLR(ScheduledLR):
    """``γ₀ · (1 - t / total_iters)^power``, and 0 from ``total_iters`` on."""

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        super().__init__(optimizer, schedules.PolynomialDecay(total_iters, power), last_epoch)


class CosineAnnealingLR(ScheduledLR):
    """``η + (γ₀ - η) (1 + cos(π t / T_max)) / 2`` with η = ``eta_min``; past T_max it rises again.

    Source: Loshchilov & Hutter 2017 (SGDR), without the restarts.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        super().__init__(optimizer, schedules.CosineDecay(T_max, eta_min), last_epoch)


class CosineAnnealingWarmRestarts(ScheduledLR):
    """Cosine annealing that starts again after ``T_0`` epochs, then ``T_0 · T_mult``, and so on.

    Source: Loshchilov & Hutter 2017 (SGDR).
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        super().__init__(optimizer, schedules.CosineRestarts(T_0, T_mult, eta_min), last_epoch)


class LambdaLR(ScheduledLR):
    """``γ₀ · lr_lambda(t)``; one function for all groups, or a list with one for each."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Factor | Sequence[Factor],
        last_epoch: int = -1,
    ) -> None:
        checked_optimizer("LambdaLR", optimizer)
        functions = per_group("LambdaLR", "lr_lambda", lr_lambda, optimizer)
        super().__init__(optimizer, [schedules.Custom(f) for f in functions], last_epoch)


class MultiplicativeLR(LRScheduler):
    """Multiply the rate by ``lr_lambda(t)`` at every epoch t = 1, 2, …"""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Factor | Sequence[Factor],
        last_epoch: int = -1,
    ) -> None:
        checked_optimizer("MultiplicativeLR", optimizer)
        functions = per_group("MultiplicativeLR", "lr_lambda", lr_lambda, optimizer)
        self.schedules = [schedules.Custom(function) for function in functions]
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        rates = current_rates(self.optimizer)
        if self.last_epoch == 0:
            return rates
        return [s.rate(lr, self.last_epoch) for s, lr in zip(self.schedules, rates, strict=True)]
