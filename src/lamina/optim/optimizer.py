"""`Optimizer`: applies an update rule to parameters in place, and keeps their state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.optim.groups import Group, Params, add_group, as_groups, label
from lamina.optim.rule import Rule, State, check_gradient
from lamina.optim.saved import loaded_group, loaded_state, packed_group
from lamina.tensors import Tensor, enable_grad, no_grad, zeros_like


class _Due(NamedTuple):
    """A parameter that a step is to update."""

    rule: Rule
    parameter: Tensor
    gradient: Tensor


class Optimizer:
    """Parameters, in groups with their own options, and the state of each.

    ``params`` is an iterable of tensors, of (name, tensor) pairs, or of dicts: a dict has
    ``"params"`` and the options in which its group differs. The hyperparameters in
    ``param_groups`` may be changed between steps (as schedules do). The update itself is
    ``rule``, a pure function of explicit state (see `Rule`); subclass with your own rule.

    >>> import lamina
    >>> from lamina.optim import SGD
    >>> w, b = (lamina.tensor([1.0], requires_grad=True) for _ in range(2))
    >>> optimizer = SGD([{"params": [w]}, {"params": [b], "lr": 0.5}], lr=0.1)
    >>> (w + b).sum().backward()
    >>> optimizer.step()
    >>> round(w.item(), 4), b.item()
    (0.9, 0.5)
    """

    def __init__(self, params: Params, rule: Rule) -> None:
        self.rule = rule
        self.defaults = rule.options()
        self.state: dict[Tensor, State] = {}
        self.param_groups: list[Group] = []
        for group in as_groups(rule.name, params):
            self.add_param_group(group)

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add parameters; options that the group does not name take the optimiser's values."""
        add_group(self.rule, self.param_groups, param_group)

    def group_rule(self, group: Group) -> Rule:
        """Return the update rule with the group's present hyperparameters (checked)."""
        return self.rule.replaced({key: group[key] for key in self.defaults})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; return what ``closure`` returns.

        All gradients are checked before any parameter changes.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for due in list(self._due()):
                self._update(due)
        return loss

    def _due(self) -> Iterator[_Due]:
        for index, group in enumerate(self.param_groups):
            rule = self.group_rule(group)
            for place, parameter in enumerate(group["params"]):
                gradient = parameter.grad
                if gradient is not None:
                    check_gradient(rule.name, label(index, group, place), parameter, gradient)
                    yield _Due(rule, parameter, gradient)

    def _update(self, due: _Due) -> None:
        state = self.state.get(due.parameter, {})
        new, self.state[due.parameter] = due.rule.update(due.parameter, due.gradient, state)
        due.parameter.assign(new)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or make them zero."""
        for parameter in self._parameters():
            if parameter.grad is not None:
                parameter.grad = None if set_to_none else zeros_like(parameter)

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def state_dict(self) -> dict[str, Any]:
        """Return ``{"state": {index: slots}, "param_groups": [options with indices]}``.

        Parameters are numbered through all groups, in order; tensors are snapshots.
        """
        numbers = {parameter: index for index, parameter in enumerate(self._parameters())}
        state = {numbers[p]: dict(slots) for p, slots in self.state.items() if slots}
        groups = [packed_group(group, numbers) for group in self.param_groups]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned (of this optimiser, or of PyTorch's).

        Raises `ArgumentError` or `ShapeError`, and changes nothing, if it does not fit.
        """
        saved = list(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ArgumentError(
                f"{self.rule.name}.load_state_dict: expected {len(self.param_groups)} parameter "
                f"groups, got {len(saved)}"
            )
        pairs = list(zip(self.param_groups, saved, strict=True))
        groups = [loaded_group(self.rule, old, new) for old, new in pairs]
        numbers = [number for group in saved for number in group["params"]]
        owners = dict(zip(numbers, self._parameters(), strict=True))
        state = self._loaded(state_dict["state"], owners, groups)
        self.param_groups, self.state = groups, state

    def _loaded(
        self, saved: Mapping[int, Any], owners: Mapping[int, Tensor], groups: Iterable[Group]
    ) -> dict[Tensor, State]:
        rules = {p: self.group_rule(group) for group in groups for p in group["params"]}
        unknown = sorted(set(saved) - set(owners))
        if unknown:
            raise ArgumentError(
                f"{self.rule.name}.load_state_dict: state of parameter {unknown[0]}, which is in "
                f"no group"
            )
        return {
            owners[number]: loaded_state(rules[owners[number]], number, owners[number], slots)
            for number, slots in saved.items()
        }

    def __repr__(self) -> str:
        lines = [self._describe(index, group) for index, group in enumerate(self.param_groups)]
        return f"{self.rule.name}(\n" + "".join(f"  {line}\n" for line in lines) + ")"

    def _describe(self, index: int, group: Group) -> str:
        sizes = [int(np.prod(p.shape)) for p in group["params"]]
        options = ", ".join(f"{key}={group[key]}" for key in self.defaults)
        return f"group {index}: {len(sizes)} parameters ({sum(sizes):,} values), {options}"
