"""Gradient clipping, by total norm and by value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import TypeVar, cast

import numpy as np

from lamina.core.errors import ArgumentError, NonFiniteError
from lamina.functions.number_checks import within
from lamina.tensors import Tensor, amax, clamp, maximum, minimum, no_grad, tensor
from lamina.tensors import abs as absolute

Gradients = TypeVar("Gradients", Mapping[str, Tensor], Sequence[Tensor])
# Keeps the division defined for a total norm of zero.
_MARGIN = 1e-6


def get_total_norm(
    tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """Return ``(Σ |x|^p)^(1/p)`` over the elements of all tensors (max |x| for p = ∞).

    >>> import lamina
    >>> get_total_norm([lamina.tensor([3.0]), lamina.tensor([0.0, 4.0])]).item()
    5.0
    """
    filled = [x for x in _listed(tensors) if x.numel()]
    _check_norm_type(norm_type)
    if not filled:
        return tensor(0.0)
    total = _largest(filled) if norm_type == inf else _power_norm(filled, float(norm_type))
    if error_if_nonfinite and not np.isfinite(total.item()):
        raise NonFiniteError(
            f"get_total_norm: the norm of order {norm_type:g} is {total.item()}; some gradient is "
            f"not finite, or its powers overflow"
        )
    return total


def _check_norm_type(norm_type: float) -> None:
    if not norm_type > 0:
        raise ArgumentError(f"get_total_norm: norm_type must be above 0, got {norm_type}")


def _largest(tensors: Sequence[Tensor]) -> Tensor:
    total = amax(absolute(tensors[0]))
    for x in tensors[1:]:
        total = maximum(total, amax(absolute(x)))
    return total


def _power_norm(tensors: Sequence[Tensor], p: float) -> Tensor:
    if p == 2.0:
        return _added([(x * x).sum() for x in tensors]).sqrt()
    return _added([(absolute(x) ** p).sum() for x in tensors]) ** (1.0 / p)


def _added(terms: Sequence[Tensor]) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def clip_by_norm(
    gradients: Gradients, max_norm: float | Tensor, norm_type: float = 2.0
) -> tuple[Gradients, Tensor]:
    """Return the gradients scaled so that their total norm is at most ``max_norm``, and the norm.

    ``g · min(1, max_norm / (total + 1e-6))`` for every g, in a dict or list like the given one.
    The norm returned is the one before clipping. Source: Pascanu, Mikolov & Bengio 2013.

    >>> import lamina
    >>> clipped, total = clip_by_norm({"w": lamina.tensor([3.0, 4.0])}, 1.0)
    >>> total.item(), [round(g, 4) for g in clipped["w"].tolist()]
    (5.0, [0.6, 0.8])
    """
    values = _values(gradients)
    total = get_total_norm(values, norm_type)
    return _like(gradients, _scaled(values, max_norm, total)), total


def _scaled(gradients: Sequence[Tensor], max_norm: float | Tensor, total: Tensor) -> list[Tensor]:
    within("clip_by_norm", "max_norm", max_norm, closed=True)
    scale = minimum(max_norm / (total + _MARGIN), 1.0)
    return [g * scale.to(g.dtype) for g in gradients]


def clip_by_value(gradients: Gradients, clip_value: float | Tensor) -> Gradients:
    """Return the gradients with every element clamped to ``[-clip_value, clip_value]``.

    >>> import lamina
    >>> clip_by_value([lamina.tensor([3.0, -0.5])], 1.0)
    [tensor([ 1. , -0.5])]
    """
    within("clip_by_value", "clip_value", clip_value, closed=True)
    return _like(gradients, [clamp(g, -clip_value, clip_value) for g in _values(gradients)])


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale the parameters' gradients, in place, to a total norm of at most ``max_norm``.

    Returns the norm before clipping; see `clip_by_norm`. Parameters without gradient are left out.
    With ``error_if_nonfinite`` a norm that is NaN or infinite raises `NonFiniteError`.

    >>> import lamina
    >>> w = lamina.tensor([1.0], requires_grad=True)
    >>> (5 * w).sum().backward()
    >>> clip_grad_norm_([w], 2.0).item(), round(w.grad.item(), 4)
    (5.0, 2.0)
    """
    with no_grad():
        gradients = _gradients(parameters)
        total = get_total_norm(gradients, norm_type, error_if_nonfinite)
        _assign(gradients, _scaled(gradients, max_norm, total))
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Clamp every element of the parameters' gradients, in place; see `clip_by_value`."""
    with no_grad():
        gradients = _gradients(parameters)
        _assign(gradients, clip_by_value(gradients, clip_value))


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [p.grad for p in _listed(parameters) if p.grad is not None]


def _listed(tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _assign(gradients: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for gradient, value in zip(gradients, values, strict=True):
        gradient.assign(value)


def _values(gradients: Mapping[str, Tensor] | Sequence[Tensor]) -> list[Tensor]:
    return list(gradients.values() if isinstance(gradients, Mapping) else gradients)


def _like(gradients: Gradients, values: list[Tensor]) -> Gradients:
    named = isinstance(gradients, Mapping)
    return cast(Gradients, dict(zip(gradients, values, strict=True)) if named else values)
