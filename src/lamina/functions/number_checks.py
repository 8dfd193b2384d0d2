"""Checks of hyperparameters, with errors that say what was expected and what came."""

from __future__ import annotations

from math import inf
from numbers import Real
from typing import Any

from lamina.core.errors import ArgumentError
from lamina.tensors import Tensor

Number = float | Tensor


def within(
    owner: str, name: str, value: Any, low: float = 0.0, high: float = inf, *, closed: bool = False
) -> None:
    """Raise unless ``low <= value < high`` (``<= high`` if closed), as far as the value is known.

    A tensor must be a scalar; while it is being traced its value cannot be checked.
    """
    number = _known(owner, name, value)
    if number is None or low <= number < high or (closed and number == high):
        return
    raise ArgumentError(f"{owner}: {name} must be {_bounds(low, high, closed)}, got {number}")


def whole(owner: str, name: str, value: Any, low: int = 1) -> None:
    """Raise unless ``value`` is an int of at least ``low``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ArgumentError(f"{owner}: {name} must be an int of at least {low}, got {value!r}")


def one_of(owner: str, name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise unless ``value`` is one of ``choices``."""
    if value not in choices:
        wanted = " or ".join(map(repr, choices))
        raise ArgumentError(f"{owner}: {name} must be {wanted}, got {value!r}")


def _bounds(low: float, high: float, closed: bool) -> str:
    if high == inf:
        return f"at least {low:g}" if closed else f"at least {low:g} and finite"
    return f"in [{low:g}, {high:g}{']' if closed else ')'}"


def _known(owner: str, name: str, value: Any) -> float | None:
    if isinstance(value, Tensor):
        return _scalar(owner, name, value)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ArgumentError(
            f"{owner}: {name} must be a number or a scalar tensor, got {value!r} "
            f"({type(value).__name__})"
        )
    return float(value)


def _scalar(owner: str, name: str, value: Tensor) -> float | None:
    if value.shape != ():
        raise ArgumentError(
            f"{owner}: {name} as a tensor must be a scalar of shape (), got shape {value.shape}; "
            f"use one parameter group for each value"
        )
    return None if value.node.value is None else float(value.item())
