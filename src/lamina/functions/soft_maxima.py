"""Soft maxima along axes, stable because the maximum is subtracted before exponentiating.

The maximum is held constant: the results do not depend on what is subtracted, so derivatives of
every order stay right.
"""

from __future__ import annotations

from typing import Any

from lamina.functions.checks import held_constant, require_float, require_tensors
from lamina.tensors import Tensor, composite
from lamina.tensors.shape import axis_of

__all__ = ["log_softmax", "softmax", "softmin"]


@composite("softmax")
def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """Return ``exp(x_i) / Σ_j exp(x_j)`` along ``dim``: positive, with sum 1.

    Shape and float dtype are those of ``input`` (cast to ``dtype`` first, if given).
    Errors: `DTypeError` unless float, `ArgumentError` if there is no axis ``dim``.

    >>> import lamina, lamina.functions as F
    >>> F.softmax(lamina.tensor([1e4, 1e4, -1e4]), dim=0).tolist()
    [0.5, 0.5, 0.0]

    Source: Qiu, *Neural Networks and Deep Learning*, §3.3; Bridle 1990.
    """
    shifted, axis = _shifted("softmax", input, dim, dtype)
    exponentials = shifted.exp()
    return exponentials / exponentials.sum(axis, keepdim=True)


@composite("log_softmax")
def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """Return ``x_i - log Σ_j exp(x_j)`` along ``dim``: log softmax without underflow.

    Shape, dtype and errors are those of `softmax`.

    >>> import lamina, lamina.functions as F
    >>> F.log_softmax(lamina.tensor([1e4, -1e4]), dim=0).tolist()
    [0.0, -20000.0]

    Source: Goodfellow, Bengio and Courville, *Deep Learning*, §4.1 and §6.2.2.3.
    """
    shifted, axis = _shifted("log_softmax", input, dim, dtype)
    return shifted - shifted.exp().sum(axis, keepdim=True).log()


@composite("softmin")
def softmin(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """Return ``softmax(-x)`` along ``dim``; shape, dtype and errors are those of `softmax`.

    >>> import lamina, lamina.functions as F
    >>> F.softmin(lamina.tensor([0.0, 0.0, 1e4]), dim=0).tolist()
    [0.5, 0.5, 0.0]

    Source: as `softmax`.
    """
    require_tensors("softmin", input=input)
    return softmax(-input, dim, dtype)


def _shifted(function: str, input: Tensor, dim: int, dtype: Any) -> tuple[Tensor, int]:
    """Return the input less its maximum along ``dim``, and that axis counted from the front."""
    require_tensors(function, input=input)
    x = input if dtype is None else input.to(dtype)
    require_float(function, input=x)
    axis = axis_of(function, dim, x.ndim)
    if not x.shape[axis]:
        return x, axis
    with held_constant():
        largest = x.amax(axis, keepdim=True)
    return x - largest, axis
