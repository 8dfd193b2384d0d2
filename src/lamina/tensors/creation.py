"""Making tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.node import constant
from lamina.core.types import DEFAULT_FLOAT, Array, as_dtype
from lamina.tensors.handle import Tensor, TensorLike, as_tensor, shape_of


def _made(array: Array, requires_grad: bool) -> Tensor:
    made = Tensor(constant(array))
    return made.requires_grad_() if requires_grad else made


def full(shape: Any, fill_value: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of one value (float32, int64 or bool after the value, unless given)."""
    kind = as_tensor(fill_value).dtype if dtype is None else as_dtype(dtype)
    sizes = shape_of(shape if isinstance(shape, list | tuple) else (shape,))
    if any(n < 0 for n in sizes):
        raise ShapeError(f"full: lengths must be at least 0, got {sizes}")
    value = np.broadcast_to(as_tensor(fill_value, kind).value, sizes)
    return _made(value, requires_grad)


def zeros(*shape: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return zeros: ``zeros(2, 3)`` or ``zeros((2, 3))``; float32 unless told otherwise."""
    return full(shape_of(shape), 0, dtype or DEFAULT_FLOAT, requires_grad)


def ones(*shape: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return ones: ``ones(2, 3)`` or ``ones((2, 3))``; float32 unless told otherwise."""
    return full(shape_of(shape), 1, dtype or DEFAULT_FLOAT, requires_grad)


def full_like(input: TensorLike, fill_value: Any, dtype: Any = None) -> Tensor:
    """Return one value in the shape and dtype of ``input``."""
    x = as_tensor(input)
    return full(x.shape, fill_value, dtype or x.dtype)


def zeros_like(input: TensorLike, dtype: Any = None) -> Tensor:
    """Return zeros in the shape and dtype of ``input``."""
    return full_like(input, 0, dtype)


def ones_like(input: TensorLike, dtype: Any = None) -> Tensor:
    """Return ones in the shape and dtype of ``input``."""
    return full_like(input, 1, dtype)


def arange(start: float, end: float | None = None, step: float = 1, dtype: Any = None) -> Tensor:
    """Return ``start, start + step, …`` below ``end``; ``arange(n)`` counts from 0.

    int64 if all arguments are integers, else float32.
    """
    low, high = (0, start) if end is None else (start, end)
    if step == 0:
        raise ArgumentError(f"arange: step must not be 0 (from {low} to {high})")
    whole = all(isinstance(n, int | np.integer) for n in (low, high, step))
    kind = as_dtype(dtype) if dtype is not None else np.dtype("int64" if whole else DEFAULT_FLOAT)
    return Tensor(constant(np.arange(low, high, step).astype(kind)))


def linspace(start: float, end: float, steps: int, dtype: Any = None) -> Tensor:
    """Return ``steps`` equally spaced numbers from ``start`` to ``end``, both included."""
    return Tensor(constant(np.linspace(start, end, steps).astype(as_dtype(dtype or DEFAULT_FLOAT))))


def eye(n: int, m: int | None = None, dtype: Any = None) -> Tensor:
    """Return the n × m matrix with ones on the diagonal."""
    return Tensor(constant(np.eye(n, m, dtype=as_dtype(dtype or DEFAULT_FLOAT))))


def from_numpy(array: Array) -> Tensor:
    """Return a tensor that shares the array's memory (do not write to it afterwards)."""
    return as_tensor(array)


def from_dlpack(source: Any) -> Tensor:
    """Return a tensor on the memory of another library's array (PyTorch, JAX, CuPy on CPU, …)."""
    return as_tensor(np.from_dlpack(source))
