"""Schedules as pure functions of the step: records that map a step to a factor of the rate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from math import cos, isfinite, pi
from typing import ClassVar

from lamina.core.errors import ArgumentError
from lamina.functions.number_checks import whole, within


class Schedule(ABC):
    """A learning rate over time: ``rate(base, t) = floor + (base - floor) · factor(t)``.

    >>> from lamina.optim.lr_scheduler import StepDecay
    >>> schedule = StepDecay(step_size=2, gamma=0.5)
    >>> [schedule.rate(8.0, t) for t in range(5)]
    [8.0, 8.0, 4.0, 4.0, 2.0]
    """

    composes: ClassVar[bool] = True
    """Whether, where something else changes the rate too, the factors multiply."""

    @abstractmethod
    def factor(self, step: int) -> float:
        """Return the factor at ``step`` = 0, 1, 2, …"""

    @property
    def floor(self) -> float:
        """The rate at a factor of zero."""
        return 0.0

    def rate(self, base: float, step: int) -> float:
        """Return the learning rate at ``step`` for the rate ``base`` without schedule."""
        return self.floor + (base - self.floor) * self.factor(step)

    def advance(self, present: float, base: float, step: int) -> float:
        """Return the rate at ``step``, given the one in use since the step before.

        If that is this schedule's own, the answer is `rate` (so rounding never adds up).
        Otherwise something else has changed the rate, and the change is kept by scaling.
        """
        before = self.factor(step - 1) if step > 0 else 1.0
        own = self.floor + (base - self.floor) * before
        after = self.factor(step)
        if not self.composes or present == own:
            return self.rate(base, step)
        if after == before:
            return present
        if before == 0:
            return self.rate(base, step)
        return self.floor + (present - self.floor) * (after / before)


@dataclass(frozen=True)
class StepDecay(Schedule):
    """``γ^⌊t / step_size⌋``."""

    step_size: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        whole("StepLR", "step_size", self.step_size)
        within("StepLR", "gamma", self.gamma)

    def factor(self, step: int) -> float:
        return self.gamma ** (step // self.step_size)


@dataclass(frozen=True)
class MultiStepDecay(Schedule):
    """``γ^(number of milestones ≤ t)``."""

    milestones: tuple[int, ...]
    gamma: float = 0.1

    def __post_init__(self) -> None:
        for milestone in self.milestones:
            whole("MultiStepLR", "milestones", milestone, low=0)
        within("MultiStepLR", "gamma", self.gamma)

    def factor(self, step: int) -> float:
        return self.gamma ** bisect_right(sorted(self.milestones), step)


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """``γ^t``."""

    gamma: float

    def __post_init__(self) -> None:
        within("ExponentialLR", "gamma", self.gamma)

    def factor(self, step: int) -> float:
        return float(self.gamma**step)


@dataclass(frozen=True)
class ConstantFactor(Schedule):
    """``factor`` before ``total_iters``, 1 from then on."""

    initial: float = 1.0 / 3
    total_iters: int = 5

    def __post_init__(self) -> None:
        within("ConstantLR", "factor", self.initial, high=1.0, closed=True)
        whole("ConstantLR", "total_iters", self.total_iters, low=0)

    def factor(self, step: int) -> float:
        return self.initial if step < self.total_iters else 1.0


@dataclass(frozen=True)
class LinearRamp(Schedule):
    """From ``start_factor`` to ``end_factor`` in equal parts over ``total_iters`` steps."""

    start_factor: float = 1.0 / 3
    end_factor: float = 1.0
    total_iters: int = 5

    def __post_init__(self) -> None:
        within("LinearLR", "start_factor", self.start_factor, high=1.0, closed=True)
        within("LinearLR", "end_factor", self.end_factor, high=1.0, closed=True)
        whole("LinearLR", "total_iters", self.total_iters)

    def factor(self, step: int) -> float:
        done = min(step, self.total_iters) / self.total_iters
        return self.start_factor + (self.end_factor - self.start_factor) * done


@dataclass(frozen=True)
class PolynomialDecay(Schedule):
    """``(1 - t / total_iters)^power``, then 0."""

    total_iters: int = 5
    power: float = 1.0

    def __post_init__(self) -> None:
        whole("PolynomialLR", "total_iters", self.total_iters)
        within("PolynomialLR", "power", self.power)

    def factor(self, step: int) -> float:
        done = min(step, self.total_iters) / self.total_iters
        return float((1.0 - done) ** self.power)


@dataclass(frozen=True)
class CosineDecay(Schedule):
    """``(1 + cos(π t / T_max)) / 2`` above the floor ``eta_min``."""

    T_max: int
    eta_min: float = 0.0

    def __post_init__(self) -> None:
        whole("CosineAnnealingLR", "T_max", self.T_max)
        within("CosineAnnealingLR", "eta_min", self.eta_min)

    @property
    def floor(self) -> float:
        return self.eta_min

    def factor(self, step: int) -> float:
        return (1.0 + cos(pi * step / self.T_max)) / 2


@dataclass(frozen=True)
class CosineRestarts(Schedule):
    """Cosine decay that starts again after T_0, T_0 T_mult, T_0 T_mult², … steps."""

    T_0: int
    T_mult: int = 1
    eta_min: float = 0.0
    composes: ClassVar[bool] = False

    def __post_init__(self) -> None:
        whole("CosineAnnealingWarmRestarts", "T_0", self.T_0)
        whole("CosineAnnealingWarmRestarts", "T_mult", self.T_mult)
        within("CosineAnnealingWarmRestarts", "eta_min", self.eta_min)

    @property
    def floor(self) -> float:
        return self.eta_min

    def factor(self, step: int) -> float:
        length, since = self.T_0, step
        if self.T_mult == 1:
            since = step % length
        while since >= length:
            since -= length
            length *= self.T_mult
        return (1.0 + cos(pi * since / length)) / 2


@dataclass(frozen=True)
class Custom(Schedule):
    """The factor that a function gives."""

    function: Callable[[int], float]
    composes: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ArgumentError(
                f"LambdaLR: lr_lambda must be a function of the step, got {self.function!r}"
            )

    def factor(self, step: int) -> float:
        factor = float(self.function(step))
        if not isfinite(factor):
            raise ArgumentError(
                f"LambdaLR: lr_lambda({step}) is {factor}, expected a finite factor"
            )
        return factor
