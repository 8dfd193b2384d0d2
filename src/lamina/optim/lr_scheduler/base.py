"""`LRScheduler`: a position in a schedule, and the optimiser whose rates it sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lamina.core.errors import ArgumentError
from lamina.optim.groups import Group
from lamina.optim.lr_scheduler.schedules import Schedule
from lamina.optim.optimizer import Optimizer
from lamina.tensors import Tensor


class LRScheduler:
    """Base of the schedulers; call `step` after each epoch (or batch) has been trained.

    A scheduler sets each group's ``"lr"`` when it is made, so make it before the optimiser's
    ``load_state_dict``. Subclasses override `get_lr`, which may use ``last_epoch`` (the number of
    steps so far) and ``base_lrs`` (the rates without schedule, also in the groups' ``initial_lr``).
    ``last_epoch`` other than -1 continues as if that many epochs had passed.

    >>> import lamina
    >>> from lamina.optim import SGD
    >>> from lamina.optim.lr_scheduler import ExponentialLR
    >>> optimizer = SGD([lamina.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> scheduler = ExponentialLR(optimizer, gamma=0.5)
    >>> for epoch in range(3):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.125]
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked_optimizer(type(self).__name__, optimizer)
        self.base_lrs = self._base_rates(last_epoch)
        self.last_epoch = last_epoch
        self.step()

    def _base_rates(self, last_epoch: int) -> list[float]:
        for index, group in enumerate(self.optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", float(group["lr"]))
            elif "initial_lr" not in group:
                raise ArgumentError(
                    f"{type(self).__name__}: last_epoch={last_epoch} needs 'initial_lr' in group "
                    f"{index}; load the optimiser's state first, or leave last_epoch out"
                )
        return [float(group["initial_lr"]) for group in self.optimizer.param_groups]

    def get_lr(self) -> list[float]:
        """Return each group's rate at ``last_epoch``; here, the rate that it has."""
        return current_rates(self.optimizer)

    def step(self) -> None:
        """Go on by one epoch: set the rates, and whatever else the schedule governs."""
        self.last_epoch += 1
        set_rates(self.optimizer, self.get_lr())
        self._last_lr = current_rates(self.optimizer)

    def restart(self) -> None:
        """Begin again at epoch 0 from the base rates."""
        set_rates(self.optimizer, self.base_lrs)
        self.rewind()
        self.step()

    def rewind(self) -> None:
        """Go to before epoch 0, leaving the rates as they are."""
        self.last_epoch = -1

    def get_last_lr(self) -> list[float]:
        """Return the rates that the last step has set."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Return the position in the schedule, as plain numbers and lists.

        What the schedule is (its arguments) is not part of it: make the scheduler alike, then load.
        """
        return {
            "last_epoch": self.last_epoch,
            "base_lrs": list(self.base_lrs),
            "_last_lr": list(self._last_lr),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go to a saved position (the optimiser's rates are part of the optimiser's state)."""
        check_groups(self, "base_lrs", state_dict["base_lrs"])
        self.last_epoch = int(state_dict["last_epoch"])
        self.base_lrs = [float(rate) for rate in state_dict["base_lrs"]]
        self._last_lr = [float(rate) for rate in state_dict["_last_lr"]]


class ScheduledLR(LRScheduler):
    """Rates by a `Schedule`: one for all groups, or one for each."""

    def __init__(
        self, optimizer: Optimizer, schedule: Schedule | Sequence[Schedule], last_epoch: int = -1
    ) -> None:
        checked_optimizer(type(self).__name__, optimizer)
        if isinstance(schedule, Schedule):
            schedule = [schedule] * len(optimizer.param_groups)
        self.schedules = list(schedule)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        present = current_rates(self.optimizer)
        together = zip(self.schedules, present, self.base_lrs, strict=True)
        return [schedule.advance(lr, base, self.last_epoch) for schedule, lr, base in together]


def current_rates(optimizer: Optimizer) -> list[float]:
    """Return each group's learning rate as a float."""
    return [float(group["lr"]) for group in optimizer.param_groups]


def set_rates(optimizer: Optimizer, rates: Sequence[float]) -> None:
    """Set each group's learning rate."""
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        _set(group, rate)


def _set(group: Group, rate: float) -> None:
    # A tensor is filled, not replaced: a compiled step may hold on to it as its input.
    if isinstance(group["lr"], Tensor):
        group["lr"].assign(rate)
    else:
        group["lr"] = rate


def checked_optimizer(owner: str, optimizer: Any) -> Optimizer:
    """Return the optimiser, or raise if it is not one."""
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(
            f"{owner}: expected a lamina.optim optimiser, got {type(optimizer).__name__}"
        )
    return optimizer


def check_groups(scheduler: LRScheduler, name: str, values: Sequence[Any]) -> None:
    """Raise unless there is one value for each parameter group."""
    groups = len(scheduler.optimizer.param_groups)
    if len(values) != groups:
        raise ArgumentError(
            f"{type(scheduler).__name__}: expected {name} for {groups} parameter groups, "
            f"got {len(values)}"
        )


def per_group(owner: str, name: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """Return one value for each parameter group from one for all, or a list of them."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [value] * groups
    if len(value) != groups:
        raise ArgumentError(
            f"{owner}: {name} has {len(value)} values for {groups} parameter groups; "
            f"give one value, or one for each group"
        )
    return list(value)
