"""Reading at computed positions, and its adjoint: gather and scatter-add."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from lamina.core.errors import ArgumentError, DTypeError, ShapeError
from lamina.core.node import Example, Operation
from lamina.core.types import Array, Shape, Type
from lamina.ops.kinds import LinearInFirst


@dataclass(frozen=True)
class Gather(LinearInFirst):
    """``out[p…, j…, r…] = x[p…, i₁[j…], …, i_k[j…], r…]``: k index operands from ``axis`` on.

    Errors: `ArgumentError` names the first index that is out of range.
    """

    axis: int

    def infer(self, *operands: Type) -> Type:
        x, *indices = operands
        shape = _index_shape("gather", x.shape, self.axis, indices)
        rest = x.shape[self.axis + len(indices) :]
        return Type(x.shape[: self.axis] + shape + rest, x.dtype)

    def evaluate(self, *operands: Array) -> Array:
        x, *indices = operands
        _check_range("gather", x.shape, self.axis, indices)
        return np.asarray(x[(slice(None),) * self.axis + tuple(indices)])

    def transposed(self, shape: Shape) -> Operation:
        return ScatterAdd(self.axis, shape)

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        x = rng.normal(size=(3, 4, 2))
        yield Example(cls(0), (x, rng.integers(0, 3, 5)))
        yield Example(cls(1), (x, rng.integers(0, 4, (2, 2)), rng.integers(0, 2, (2, 2))))
        yield Example(cls(0), (x, rng.integers(0, 3, (0,))))


@dataclass(frozen=True)
class ScatterAdd(LinearInFirst):
    """The adjoint of `Gather`: add each element of g to the place of x that it was read from."""

    axis: int
    shape: Shape

    @property
    def name(self) -> str:
        return "scatter_add"

    def infer(self, *operands: Type) -> Type:
        g, *indices = operands
        shape = _index_shape(self.name, self.shape, self.axis, indices)
        expected = self.shape[: self.axis] + shape + self.shape[self.axis + len(indices) :]
        if g.shape != expected:
            raise ShapeError(f"scatter_add: expected values of shape {expected}, got {g}")
        return Type(self.shape, g.dtype)

    def evaluate(self, *operands: Array) -> Array:
        g, *indices = operands
        _check_range(self.name, self.shape, self.axis, indices)
        return scatter_add(g, _flat(self.shape, self.axis, indices), self.shape)

    def transposed(self, shape: Shape) -> Operation:
        return Gather(self.axis)

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        yield Example(cls(0, (3, 2)), (rng.normal(size=(5, 2)), rng.integers(0, 3, 5)))
        indices = (rng.integers(0, 3, (4,)), rng.integers(0, 2, (4,)))
        yield Example(cls(1, (2, 3, 2)), (rng.normal(size=(2, 4)), *indices))


def scatter_add(values: Array, flat: Array, shape: Shape) -> Array:
    """Add ``values`` at flat positions of zeros of ``shape``."""
    if values.dtype.kind == "f":
        sums = np.bincount(flat.ravel(), values.ravel(), prod(shape))
        return sums.astype(values.dtype).reshape(shape)
    out = np.zeros(prod(shape), values.dtype)
    np.add.at(out, flat.ravel(), values.ravel())
    return out.reshape(shape)


def _flat(shape: Shape, axis: int, indices: list[Array]) -> Array:
    """Return the flat position in ``shape`` of each gathered element."""
    k = len(indices)
    before, after = shape[:axis], shape[axis + k :]
    middle = np.ravel_multi_index(tuple(indices), shape[axis : axis + k])
    inner = prod(after)
    outer = np.arange(prod(before)) * (prod(shape[axis : axis + k]) * inner)
    flat = np.add.outer(np.add.outer(outer, middle * inner), np.arange(inner))
    return np.asarray(flat)


def _index_shape(name: str, shape: Shape, axis: int, indices: list[Type]) -> Shape:
    if not indices or axis + len(indices) > len(shape):
        raise ShapeError(f"{name}: {len(indices)} indices from axis {axis} on do not fit {shape}")
    if any(i.dtype.kind not in "iu" for i in indices):
        raise DTypeError(f"{name}: indices must be integers, got {[str(i) for i in indices]}")
    if any(i.shape != indices[0].shape for i in indices):
        raise ShapeError(f"{name}: index shapes differ: {[str(i) for i in indices]}")
    return indices[0].shape


def _check_range(name: str, shape: Shape, axis: int, indices: list[Array]) -> None:
    for offset, index in enumerate(indices):
        size = shape[axis + offset]
        if index.size and (index.min() < 0 or index.max() >= size):
            bad = index[(index < 0) | (index >= size)].flat[0]
            raise ArgumentError(
                f"{name}: index {bad} is out of range for axis {axis + offset} of size {size}"
            )
