"""Functions over whole axes: sums, means, extrema."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from lamina.core.errors import DTypeError
from lamina.core.types import Shape, is_float
from lamina.ops.contraction import Contraction
from lamina.ops.loops import Loop, contraction
from lamina.ops.structure import Reshape
from lamina.ops.window import WindowArgMax, WindowMax, WindowSelect
from lamina.tensors import elementwise
from lamina.tensors.application import apply, composite
from lamina.tensors.dtypes import to
from lamina.tensors.handle import Tensor, TensorLike, as_tensor
from lamina.tensors.shape import Dims, axes_of


class Extremum(NamedTuple):
    """Extreme values (or sorted ones) and where they stand."""

    values: Tensor
    indices: Tensor


def kept_shape(shape: Shape, axes: Sequence[int]) -> Shape:
    """Return the shape with length 1 at the reduced axes."""
    return tuple(1 if a in axes else n for a, n in enumerate(shape))


@lru_cache(maxsize=4096)
def reduction(shape: Shape, axes: tuple[int, ...]) -> Contraction:
    """Return the contraction that sums over ``axes``; its windows serve maxima too."""
    loops = [Loop("ijklmnpq"[a % 8], n) for a, n in enumerate(shape)]
    ordered = [loop for a, loop in enumerate(loops) if a not in axes]
    return contraction(ordered, (shape, loops))


def sum(input: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the sum over the axes ``dim`` (None: all). Integers and bools sum as int64.

    >>> import lamina
    >>> lamina.tensor([[1.0, 2.0], [3.0, 4.0]]).sum(dim=0)
    tensor([4., 6.])
    """
    x = as_tensor(input)
    if not is_float(x.dtype):
        x = to(x, "int64")
    axes = axes_of("sum", dim, x.ndim)
    total = apply(reduction(x.shape, axes), x) if axes else x
    return apply(Reshape(kept_shape(x.shape, axes)), total) if keepdim else total


@composite("mean")
def mean(input: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the mean over the axes ``dim`` (None: all); NaN over nothing.

    Errors: `DTypeError` unless ``input`` is of floats.
    """
    x = _float("mean", input)
    count = prod(x.shape[a] for a in axes_of("mean", dim, x.ndim))
    return elementwise.divide(sum(x, dim, keepdim), float(count))


@composite("var")
def var(input: TensorLike, dim: Dims = None, correction: int = 1, keepdim: bool = False) -> Tensor:
    """Return ``Σ (x - mean)² / (n - correction)`` over the axes ``dim`` (None: all)."""
    x = _float("var", input)
    count = prod(x.shape[a] for a in axes_of("var", dim, x.ndim))
    deviation = elementwise.subtract(x, mean(x, dim, keepdim=True))
    total = sum(elementwise.square(deviation), dim, keepdim)
    return elementwise.divide(total, float(count - correction if count > correction else 0))


@composite("std")
def std(input: TensorLike, dim: Dims = None, correction: int = 1, keepdim: bool = False) -> Tensor:
    """Return the standard deviation, the square root of `var`.

    Its derivative where all elements are equal is 0 (as in PyTorch).
    """
    return _root(var(input, dim, correction, keepdim))


@composite("norm")
def norm(input: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the Euclidean (Frobenius) norm √Σ x² over the axes ``dim`` (None: all).

    Its derivative where x = 0 is 0, one of its subgradients (as in PyTorch).
    """
    return _root(sum(elementwise.square(_float("norm", input)), dim, keepdim))


def _root(x: Tensor) -> Tensor:
    """Return √x of a sum of squares; the derivative counts as 0 where x = 0."""
    zero = elementwise.eq(x, 0)
    root = elementwise.sqrt(elementwise.where(zero, 1.0, x))
    return elementwise.where(zero, 0.0, root)


def amax(input: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the maximum over the axes ``dim`` (None: all); the derivative goes to the first.

    Errors: `ArgumentError` for the maximum of nothing.
    """
    x = as_tensor(input)
    axes = axes_of("amax", dim, x.ndim)
    if not axes:
        return x
    best = apply(WindowMax(reduction(x.shape, axes)), x)
    return apply(Reshape(kept_shape(x.shape, axes)), best) if keepdim else best


def amin(input: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the minimum over the axes ``dim`` (None: all); the derivative goes to the first."""
    x = as_tensor(input)
    return _reversed(amax(_reversed(x), dim, keepdim))


def argmax(input: TensorLike, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the first position of the maximum along ``dim`` (None: in the flattened tensor)."""
    x = as_tensor(input)
    axes = axes_of("argmax", dim, x.ndim)
    if x.dtype.kind == "b":
        x = to(x, "uint8")
    place = apply(WindowArgMax(reduction(x.shape, axes)), x)
    return apply(Reshape(kept_shape(x.shape, axes)), place) if keepdim else place


def argmin(input: TensorLike, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return the first position of the minimum along ``dim`` (None: in the flattened tensor)."""
    x = as_tensor(input)
    return argmax(_reversed(to(x, "uint8") if x.dtype.kind == "b" else x), dim, keepdim)


def max(input: TensorLike, dim: int | None = None, keepdim: bool = False) -> Tensor | Extremum:
    """Return the maximum; with ``dim``, the pair (values, indices) along that axis.

    >>> import lamina
    >>> lamina.tensor([[1.0, 5.0], [7.0, 2.0]]).max(dim=1)
    Extremum(values=tensor([5., 7.]), indices=tensor([1, 0]))
    """
    if dim is None:
        return amax(input)
    x = as_tensor(input)
    axes = axes_of("max", dim, x.ndim)
    windows = reduction(x.shape, axes)
    place = apply(WindowArgMax(windows), x)
    values = apply(WindowSelect(windows), x, place)
    if not keepdim:
        return Extremum(values, place)
    kept = Reshape(kept_shape(x.shape, axes))
    return Extremum(apply(kept, values), apply(kept, place))


def min(input: TensorLike, dim: int | None = None, keepdim: bool = False) -> Tensor | Extremum:
    """Return the minimum; with ``dim``, the pair (values, indices) along that axis."""
    found = max(_reversed(as_tensor(input)), dim, keepdim)
    if isinstance(found, Extremum):
        return Extremum(_reversed(found.values), found.indices)
    return _reversed(found)


def _reversed(x: Tensor) -> Tensor:
    """Return the elements in reversed order of size; twice gives them back.

    The least integer has no negative, so integers are taken from the greatest or from -1.
    """
    if x.dtype.kind not in "iu":
        return elementwise.negative(x)
    return elementwise.subtract(-1 if x.dtype.kind == "i" else int(np.iinfo(x.dtype).max), x)


def any(input: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return whether any element is true (not 0) over the axes ``dim`` (None: all)."""
    true = elementwise.not_equal(input, 0) if as_tensor(input).dtype.kind != "b" else input
    return elementwise.greater(sum(true, dim, keepdim), 0)


def all(input: TensorLike, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return whether every element is true (not 0) over the axes ``dim`` (None: all)."""
    false = (
        elementwise.eq(input, 0)
        if as_tensor(input).dtype.kind != "b"
        else elementwise.logical_not(input)
    )
    return elementwise.eq(sum(false, dim, keepdim), 0)


@composite("logsumexp")
def logsumexp(input: TensorLike, dim: Dims, keepdim: bool = False) -> Tensor:
    """Return ``log Σ exp(x)`` over the axes ``dim``, without overflow.

    The greatest element is subtracted first; it is a constant of the derivative, since the
    result does not depend on it. -∞ over nothing but -∞.
    """
    x = _float("logsumexp", input)
    top = amax(x, dim, keepdim=True)
    safe = elementwise.where(elementwise.isfinite(top), top, 0.0).detach()
    total = sum(elementwise.exp(elementwise.subtract(x, safe)), dim, keepdim=True)
    result = elementwise.add(elementwise.log(total), safe)
    if keepdim:
        return result
    axes = axes_of("logsumexp", dim, x.ndim)
    return result.reshape([n for a, n in enumerate(x.shape) if a not in axes])


def _float(name: str, input: TensorLike) -> Tensor:
    x = as_tensor(input)
    if not is_float(x.dtype):
        raise DTypeError(f"{name}: expected floats, got {x.dtype}; use .float()")
    return x
