"""The state dict: parameters and persistent buffers by qualified name, under PyTorch's keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.types import Array
from lamina.tensors import Tensor

if TYPE_CHECKING:
    from lamina.nn.module import Module


class IncompatibleKeys(NamedTuple):
    """What a non-strict load left out."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def state(module: Module) -> dict[str, Tensor]:
    """Return the values of parameters and persistent buffers, without history."""
    return {name: tensor.detach() for name, tensor in _entries(module)}


def load(module: Module, values: Mapping[str, Any], strict: bool) -> IncompatibleKeys:
    """Assign ``values`` to the entries of the same name, all or none."""
    entries = dict(_entries(module))
    missing = [name for name in entries if name not in values]
    unexpected = [name for name in values if name not in entries]
    arrays = {name: _array(values[name]) for name in entries if name in values}
    problems = [_misfit(name, entries[name], array) for name, array in arrays.items()]
    if strict:
        problems += [f"missing: {', '.join(missing)}"] if missing else []
        problems += [f"unexpected: {', '.join(unexpected)}"] if unexpected else []
    if any(problems):
        listed = "\n  ".join(filter(None, problems))
        raise ArgumentError(f"load_state_dict into {type(module).__name__}:\n  {listed}")
    for name, array in arrays.items():
        entries[name].assign(array.astype(entries[name].dtype))
    return IncompatibleKeys(missing, unexpected)


def _entries(module: Module) -> Iterator[tuple[str, Tensor]]:
    """Yield parameters, then persistent buffers, module by module; shared ones under each name."""
    for path, part in module.named_modules(remove_duplicate=False):
        named = {
            **part._parameters,
            **{k: v for k, v in part._buffers.items() if k not in part._transient},
        }
        for name, tensor in named.items():
            if tensor is not None:
                yield (f"{path}.{name}" if path else name), tensor


def _array(value: Any) -> Array:
    return np.asarray(value.detach() if hasattr(value, "detach") else value)


def _misfit(name: str, tensor: Tensor, array: Array) -> str:
    if array.shape != tensor.shape:
        return f"{name}: expected shape {tensor.shape}, got {array.shape}"
    if not np.can_cast(array.dtype, tensor.dtype, "same_kind"):
        return f"{name}: expected dtype {tensor.dtype}, got {array.dtype}"
    return ""
