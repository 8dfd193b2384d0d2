"""Shapes, dtypes and the promotion rules between dtypes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import numpy as np

from lamina.core.errors import DTypeError

Array = np.ndarray[Any, Any]
DType = np.dtype[Any]
Shape = tuple[int, ...]

float32: DType = np.dtype("float32")
float64: DType = np.dtype("float64")
int8: DType = np.dtype("int8")
int16: DType = np.dtype("int16")
int32: DType = np.dtype("int32")
int64: DType = np.dtype("int64")
uint8: DType = np.dtype("uint8")
uint32: DType = np.dtype("uint32")
bool_: DType = np.dtype("bool")

SUPPORTED = (float32, float64, int8, int16, int32, int64, uint8, uint32, bool_)
DEFAULT_FLOAT = float32
DEVICES = ("cpu", "cuda", "mps", "xpu")


def as_dtype(dtype: Any) -> DType:
    """Return the NumPy dtype that ``dtype`` names, or raise if Lamina has no such dtype.

    >>> as_dtype("float32"), as_dtype(float), as_dtype(int), as_dtype(bool)
    (dtype('float32'), dtype('float32'), dtype('int64'), dtype('bool'))
    """
    if dtype is float:
        return DEFAULT_FLOAT
    try:
        found: DType = np.dtype(dtype)
    except TypeError as error:
        is_device = str(dtype).partition(":")[0] in DEVICES
        hint = "Lamina computes on the CPU, there are no devices" if is_device else _supported()
        raise DTypeError(f"{dtype!r} is not a dtype; {hint}") from error
    if found not in SUPPORTED:
        raise DTypeError(f"dtype {found} is not supported; {_supported()}")
    return found


def _supported() -> str:
    return f"use one of {', '.join(map(str, SUPPORTED))}"


def is_float(dtype: DType) -> bool:
    """Return whether ``dtype`` is a floating-point dtype (the only differentiable ones)."""
    return dtype.kind == "f"


def category(dtype: DType) -> int:
    """Return 0 for bool, 1 for integers, 2 for floats."""
    return {"b": 0, "u": 1, "i": 1, "f": 2}[dtype.kind]


@cache
def promote(*dtypes: DType) -> DType:
    """Return the common dtype: bool < integers < floats, the widest within the highest category.

    An integer never widens a float (as in PyTorch, unlike NumPy).

    >>> promote(float32, int64), promote(float32, float64), promote(uint8, int8)
    (dtype('float32'), dtype('float64'), dtype('int16'))
    """
    top = max(category(d) for d in dtypes)
    return np.result_type(*(d for d in dtypes if category(d) == top))


@cache
def promote_scalar(dtype: DType, scalar_type: type) -> DType:
    """Return the dtype of ``tensor ∘ scalar``: the scalar only lifts the category.

    >>> promote_scalar(int64, float), promote_scalar(float32, float), promote_scalar(bool_, int)
    (dtype('float32'), dtype('float32'), dtype('int64'))
    """
    natural = {bool: bool_, int: int64, float: DEFAULT_FLOAT}[scalar_type]
    return natural if category(natural) > category(dtype) else dtype


@dataclass(frozen=True, slots=True)
class Type:
    """The static type of a node: its shape and dtype.

    >>> print(Type((2, 3), float32))
    float32[2, 3]
    """

    shape: Shape
    dtype: DType

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)
