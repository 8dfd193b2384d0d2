"""Between an optimiser's live groups and state, and their saved form by index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.optim.groups import Group
from lamina.optim.rule import STEP, Rule, State
from lamina.tensors import Tensor, tensor


def packed_group(group: Group, numbers: Mapping[Tensor, int]) -> dict[str, Any]:
    """Return the group with indices in place of parameters."""
    packed = {key: _snapshot(value) for key, value in group.items() if key != "params"}
    return {**packed, "params": [numbers[parameter] for parameter in group["params"]]}


def _snapshot(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach()
    return list(value) if isinstance(value, list) else value


def loaded_group(rule: Rule, group: Group, saved: Mapping[str, Any]) -> Group:
    """Return the group with the saved options.

    Options that the rule does not have (how PyTorch should execute, say) are left out.
    """
    if len(group["params"]) != len(saved["params"]):
        raise ArgumentError(
            f"{rule.name}.load_state_dict: a group has {len(group['params'])} parameters, "
            f"but {len(saved['params'])} were saved"
        )
    options = rule.options()
    missing = [key for key in options if key not in saved]
    if missing:
        raise ArgumentError(
            f"{rule.name}.load_state_dict: the saved group has no {missing[0]!r}; "
            f"was it saved by another kind of optimiser? It has {sorted(saved)}"
        )
    # JSON and the like return pairs as lists.
    loaded = {k: tuple(v) if isinstance(v, list) else _snapshot(v) for k, v in saved.items()}
    kept = {key: loaded[key] for key in options}
    rule.replaced(kept)
    notes = {key: saved[key] for key in ("initial_lr", "name", "param_names") if key in saved}
    return {**group, **kept, **notes}


def loaded_state(rule: Rule, number: int, parameter: Tensor, saved: Mapping[str, Any]) -> State:
    """Return the saved slots as tensors of the right dtype."""
    where = f"{rule.name}.load_state_dict: state of parameter {number}"
    needed = set(rule.slots()) - rule.optional
    if not needed <= set(saved):
        raise ArgumentError(f"{where} has {sorted(saved)}, expected {sorted(rule.slots())}")
    return {name: _slot(where, name, parameter, value) for name, value in saved.items()}


def _slot(where: str, name: str, parameter: Tensor, value: Any) -> Tensor:
    # By way of NumPy, so that arrays and other libraries' tensors are as welcome as Lamina's.
    array = np.asarray(value)
    shape, dtype = ((), np.dtype("int64")) if name == STEP else (parameter.shape, parameter.dtype)
    if array.shape != shape:
        raise ShapeError(f"{where}: {name!r} has shape {array.shape}, expected {shape}")
    # A copy: whoever owns the array may go on changing it in place.
    return tensor(array, dtype=dtype)
