"""What functions check of their arguments, in one wording, and how losses are reduced."""

from __future__ import annotations

from contextlib import AbstractContextManager

import numpy as np

from lamina.core.context import require_of, suppress
from lamina.core.errors import ArgumentError, DTypeError, ShapeError
from lamina.core.types import Array, Shape, is_float
from lamina.tensors import Tensor


def held_constant() -> AbstractContextManager[None]:
    """Return a context whose results count as constants in every differentiation."""
    return suppress(-1)


def require_tensors(function: str, **values: object) -> None:
    """Raise unless every value that is given is a tensor."""
    for name, value in values.items():
        if value is not None and not isinstance(value, Tensor):
            raise DTypeError(
                f"{function}: {name} must be a tensor, got {type(value).__name__}; "
                f"convert it with lamina.tensor"
            )


def require_float(function: str, **tensors: Tensor | None) -> None:
    """Raise unless every tensor that is given has a floating-point dtype."""
    require_tensors(function, **tensors)
    for name, tensor in tensors.items():
        if tensor is not None and not is_float(tensor.dtype):
            raise DTypeError(
                f"{function}: {name} must be a float tensor, got {tensor.node.type}; "
                f"convert it with .float()"
            )


def require_same_shape(function: str, **tensors: Tensor) -> None:
    """Raise unless all shapes are equal: a silent broadcast would change what is learned."""
    require_tensors(function, **tensors)
    if len({tensor.shape for tensor in tensors.values()}) > 1:
        shapes = ", ".join(f"{name} {tensor.shape}" for name, tensor in tensors.items())
        raise ShapeError(f"{function}: shapes must be equal, got {shapes}; reshape one of them")


def require_shape(function: str, name: str, tensor: Tensor | None, shape: Shape) -> None:
    """Raise unless the tensor, if given, has this shape."""
    require_tensors(function, **{name: tensor})
    if tensor is not None and tensor.shape != shape:
        raise ShapeError(f"{function}: {name} must have shape {shape}, got {tensor.shape}")


def require_fraction(function: str, name: str, value: float) -> None:
    """Raise unless ``value`` is in [0, 1]."""
    if not 0 <= value <= 1:
        raise ArgumentError(f"{function}: {name} must be between 0 and 1, got {value}")


def require_labels(
    function: str, name: str, labels: Tensor, classes: int, ignored: int | None = None
) -> None:
    """Raise unless ``labels`` are integers in ``range(classes)`` or ``ignored``."""
    require_tensors(function, **{name: labels})
    if labels.dtype.kind not in "iu":
        raise DTypeError(
            f"{function}: {name} must hold integer class indices, got {labels.node.type}; "
            f"convert them with .long()"
        )

    def check(value: Array) -> None:
        bad = (value < 0) | (value >= classes)
        wanted = f"integers from 0 to {classes - 1}"
        if ignored is not None:
            bad &= value != ignored
            wanted += f" (or ignore_index, {ignored})"
        _raise_at(function, name, value, bad, wanted)

    require_of(labels.node, check)


def require_between(function: str, name: str, tensor: Tensor, low: float, high: float) -> None:
    """Raise, where the values are known, unless all are in [low, high] (NaN passes)."""

    def check(value: Array) -> None:
        limits = f"values from {low:g} to {high:g}" if high < np.inf else f"values ≥ {low:g}"
        _raise_at(function, name, value, (value < low) | (value > high), limits)

    require_of(tensor.node, check)


def require_signs(function: str, name: str, tensor: Tensor) -> None:
    """Raise, where the values are known, unless all are -1 or 1."""

    def check(value: Array) -> None:
        _raise_at(function, name, value, np.abs(value) != 1, "labels -1 or 1")

    require_of(tensor.node, check)


def _raise_at(function: str, name: str, value: Array, bad: Array, wanted: str) -> None:
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        where = f"{name}{list(place)}" if place else name
        raise ArgumentError(f"{function}: {name} must hold {wanted}, got {where} = {value[place]}")


def require_reduction(function: str, reduction: str, allowed: tuple[str, ...] = ()) -> None:
    """Raise unless ``reduction`` is one of "mean", "sum", "none" (and ``allowed``)."""
    choices = ("mean", "sum", "none", *allowed)
    if reduction not in choices:
        raise ArgumentError(f"{function}: reduction must be one of {choices}, got {reduction!r}")


def reduced(function: str, losses: Tensor, reduction: str) -> Tensor:
    """Return the mean, the sum or all of ``losses``."""
    require_reduction(function, reduction)
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()
