"""Constants that hold one number, repeated or not."""

from __future__ import annotations

import math

import numpy as np

from lamina.core.node import Node
from lamina.core.types import Array, DType, Shape
from lamina.ops.scalar import Const


def is_uniform(value: Array) -> bool:
    """Return whether the array is one stored number, repeated along every axis."""
    return value.size == 1 or (value.size > 0 and not any(value.strides))


def number(node: Node) -> np.generic | None:
    """Return the number that a constant repeats; None for anything else."""
    if node.value is None or not is_uniform(node.value):
        return None
    found: np.generic = node.value.dtype.type(node.value.flat[0])
    return found


def repeated(value: np.generic | float, dtype: DType, shape: Shape) -> Array:
    """Return an array of ``shape`` that stores the number once."""
    return np.broadcast_to(np.asarray(value, dtype), shape)


def as_const(node: Node) -> Const | None:
    """Return the constant that a scalar function's formula can hold in the node's stead.

    Formulas compare constants by value, so -0 (equal to 0) and NaN (equal to nothing) stay
    arrays, and so do bools, which are no numbers there.
    """
    value = number(node)
    if value is None or node.dtype.kind == "b":
        return None
    plain = value.item()
    negative_zero = plain == 0 and math.copysign(1.0, plain) < 0
    return None if negative_zero or math.isnan(plain) else Const(plain)


def compact(value: Array) -> Array:
    """Return the array with equal elements stored once; itself if they differ."""
    if is_uniform(value) or value.size == 0:
        return value
    first = value.flat[0]
    if value.flat[-1] != first or not (value == first).all():
        return value
    if value.dtype.kind == "f" and np.signbit(value).any() != np.signbit(value).all():
        return value
    return repeated(first, value.dtype, value.shape)


def stored_bytes(value: Array) -> int:
    """Return the size of an array, counting what is repeated once."""
    lengths = [n for n, stride in zip(value.shape, value.strides, strict=True) if stride]
    return math.prod(lengths) * value.itemsize if value.size else 0
