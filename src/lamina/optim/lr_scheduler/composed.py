"""Schedulers made of schedulers: one after another, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from lamina.core.errors import ArgumentError
from lamina.functions.number_checks import whole
from lamina.optim.lr_scheduler.base import LRScheduler, checked_optimizer, current_rates
from lamina.optim.lr_scheduler.plateau import ReduceLROnPlateau
from lamina.optim.optimizer import Optimizer


class _Composed(LRScheduler):
    """Schedulers of one optimiser, whose positions are saved with this one's."""

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler]) -> None:
        self.optimizer = checked_optimizer(type(self).__name__, optimizer)
        self._schedulers = list(schedulers)
        for index, scheduler in enumerate(self._schedulers):
            self._check(index, scheduler)
        self.base_lrs = self._base_rates(-1)
        self.last_epoch = 0

    def rewind(self) -> None:
        super().rewind()
        for scheduler in self._schedulers:
            scheduler.rewind()

    def _check(self, index: int, scheduler: LRScheduler) -> None:
        owner = type(self).__name__
        if isinstance(scheduler, ReduceLROnPlateau) or not isinstance(scheduler, LRScheduler):
            raise ArgumentError(
                f"{owner}: schedulers[{index}] is a {type(scheduler).__name__}; it must be a "
                f"scheduler that steps without a metric"
            )
        if scheduler.optimizer is not self.optimizer:
            raise ArgumentError(f"{owner}: schedulers[{index}] belongs to another optimiser")

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        saved = state_dict["_schedulers"]
        if len(saved) != len(self._schedulers):
            raise ArgumentError(
                f"{type(self).__name__}: expected the state of {len(self._schedulers)} "
                f"schedulers, got {len(saved)}"
            )
        super().load_state_dict(state_dict)
        for scheduler, state in zip(self._schedulers, saved, strict=True):
            scheduler.load_state_dict(state)


class SequentialLR(_Composed):
    """One scheduler after another: number i begins, at its epoch 0, at ``milestones[i - 1]``.

    >>> import lamina
    >>> from lamina.optim import SGD
    >>> from lamina.optim.lr_scheduler import ExponentialLR, LinearLR
    >>> optimizer = SGD([lamina.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> warm_up = LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> decay = ExponentialLR(optimizer, gamma=0.5)
    >>> scheduler = SequentialLR(optimizer, [warm_up, decay], milestones=[2])
    >>> rates = []
    >>> for epoch in range(5):
    ...     rates += scheduler.get_last_lr()
    ...     scheduler.step()
    >>> rates
    [0.5, 0.75, 1.0, 0.5, 0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
    ) -> None:
        super().__init__(optimizer, schedulers)
        if not schedulers or len(milestones) != len(schedulers) - 1:
            raise ArgumentError(
                f"SequentialLR: {len(schedulers)} schedulers need "
                f"{max(len(schedulers) - 1, 0)} milestones, got {len(milestones)}"
            )
        for milestone in milestones:
            whole("SequentialLR", "milestones", milestone, low=0)
        if any(later <= earlier for earlier, later in pairwise(milestones)):
            raise ArgumentError(f"SequentialLR: milestones must rise, got {list(milestones)}")
        self._milestones = list(milestones)
        self.restart()

    @property
    def active(self) -> int:
        """The index of the scheduler whose turn it is."""
        return bisect_right(self._milestones, self.last_epoch)

    def step(self) -> None:
        self.last_epoch += 1
        scheduler = self._schedulers[self.active]
        if self.last_epoch in self._milestones:
            scheduler.restart()
        else:
            scheduler.step()
        self._last_lr = current_rates(self.optimizer)


class ChainedScheduler(_Composed):
    """Several schedulers stepped together: the factors of those that multiply are multiplied."""

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        if not schedulers:
            raise ArgumentError("ChainedScheduler: expected at least one scheduler")
        super().__init__(optimizer or schedulers[0].optimizer, schedulers)
        self._last_lr = current_rates(self.optimizer)

    def step(self) -> None:
        self.last_epoch += 1
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = current_rates(self.optimizer)
