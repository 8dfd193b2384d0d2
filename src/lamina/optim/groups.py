"""Parameter groups: which parameters an optimiser updates, with which options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lamina.core.errors import ArgumentError
from lamina.optim.rule import Rule, check_parameter
from lamina.tensors import Tensor

Group = dict[str, Any]
Params = Iterable[Tensor | Mapping[str, Any] | tuple[str, Tensor]]
NOTES = ("params", "param_names", "name", "initial_lr")
"""Keys that a group may have beside the rule's options."""


def as_groups(owner: str, params: Params) -> list[Mapping[str, Any]]:
    """Return ``params`` as a list of group dicts."""
    if isinstance(params, Tensor | Mapping) or not isinstance(params, Iterable):
        raise ArgumentError(
            f"{owner}: params must be an iterable of tensors, of (name, tensor) pairs or of "
            f"dicts, got {type(params).__name__}; pass model.parameters() or a list"
        )
    items: list[Any] = list(params)
    if not items:
        raise ArgumentError(
            f"{owner}: got no parameters; is model.parameters() used up already, or are layers in "
            "a plain list? (nn.ModuleList registers them)"
        )
    if isinstance(items[0], Mapping):
        return items
    return [{"params": items}]


def add_group(rule: Rule, groups: list[Group], given: Mapping[str, Any]) -> None:
    """Append ``given`` to ``groups``, completed from the rule's options, or raise."""
    group = {**_parameters(rule.name, given), **_options(rule, given)}
    known = {p for other in groups for p in other["params"]}
    index = len(groups)
    for place, parameter in enumerate(group["params"]):
        check_parameter(rule.name, label(index, group, place), parameter)
        if parameter in known:
            raise ArgumentError(
                f"{rule.name}: {label(index, group, place)} is there twice; each parameter may "
                f"be in one group, once"
            )
        known.add(parameter)
    groups.append(group)


def _options(rule: Rule, given: Mapping[str, Any]) -> Group:
    options = {key: value for key, value in given.items() if key not in NOTES}
    notes = {key: given[key] for key in ("name", "initial_lr") if key in given}
    return {**rule.replaced(options).options(), **notes}


def _parameters(owner: str, given: Mapping[str, Any]) -> Group:
    if "params" not in given:
        raise ArgumentError(
            f"{owner}: a parameter group needs 'params', got the keys {sorted(given)}"
        )
    params = given["params"]
    if isinstance(params, set | frozenset):
        raise ArgumentError(f"{owner}: params must have an order, got a set; use a list")
    items = [params] if isinstance(params, Tensor) else list(params)
    if items and isinstance(items[0], tuple):
        return {"params": [p for _, p in items], "param_names": [name for name, _ in items]}
    names = given.get("param_names")
    return {"params": items, **({"param_names": list(names)} if names else {})}


def label(index: int, group: Mapping[str, Any], place: int) -> str:
    """Return how errors call a parameter: by name if it has one."""
    names = group.get("param_names")
    return f"parameter {names[place]!r}" if names else f"parameter {place} of group {index}"
