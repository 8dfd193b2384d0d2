"""Arrays regenerated from a text seed, so that the comparison stores no inputs.

NumPy promises that a bit generator's raw stream never changes, but not that `Generator` methods
keep theirs; therefore everything here is derived from raw 64-bit words.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def _raw(seed: str, count: int) -> NDArray[np.uint64]:
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "little")
    return np.random.PCG64(number).random_raw(count)


def uniform(seed: str, shape: tuple[int, ...], low: float = -2.0, high: float = 2.0) -> Array:
    """float64 values in [low, high)."""
    unit = (_raw(seed, math.prod(shape)) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return (low + (high - low) * unit).reshape(shape)


def integers(seed: str, shape: tuple[int, ...], low: int, high: int) -> Array:
    """int64 values in {low, …, high - 1}."""
    words = _raw(seed, math.prod(shape)) % np.uint64(high - low)
    return (words.astype(np.int64) + low).reshape(shape)


def distinct(seed: str, shape: tuple[int, ...], low: float, high: float) -> Array:
    """A random permutation of evenly spaced values: no ties, so every maximum is unique."""
    order = np.argsort(_raw(seed, math.prod(shape)), kind="stable")
    return np.linspace(low, high, order.size)[order].reshape(shape)


def probabilities(seed: str, shape: tuple[int, ...]) -> Array:
    """Positive values that sum to one along the class axis (axis 1, or the only axis)."""
    weights = uniform(seed, shape, 0.1, 1.0)
    axis = 1 if len(shape) > 1 else 0
    total: Array = weights.sum(axis=axis, keepdims=True)
    return weights / total


@dataclass(frozen=True)
class Input:
    """One array argument: its shape and how its values are drawn.

    `kind` is one of uniform, integers, distinct, lattice (whole-numbered floats, which have ties
    and sit on kinks), probabilities, signs (-1 or 1), boolean, values (exactly `values`) or
    indices (exactly `values`, as int64).
    An input with a `keyword` is passed by that name, the others by position.
    """

    shape: tuple[int, ...]
    kind: str = "uniform"
    low: float = -2.0
    high: float = 2.0
    keyword: str = ""
    differentiable: bool = True
    values: tuple[float, ...] = ()

    def __repr__(self) -> str:
        size = "x".join(map(str, self.shape)) or "scalar"
        label = f"{self.keyword}=" if self.keyword else ""
        domain = "" if self.kind == "uniform" else f" {self.kind}"
        if (self.low, self.high) != (-2.0, 2.0):
            domain += f" {self.low:g}..{self.high:g}"
        if self.values:
            domain += " " + "/".join(f"{value:g}" for value in self.values)
        return f"{label}{size}{domain}{'' if self.has_gradient else ' fixed'}"

    @property
    def has_gradient(self) -> bool:
        """Whether the comparison differentiates with respect to this input."""
        return self.differentiable and self.kind not in ("integers", "indices", "boolean")

    def array(self, seed: str, dtype: str) -> Array:
        """The values; `dtype` is that of the floating-point kinds."""
        if self.kind == "integers":
            return integers(seed, self.shape, int(self.low), int(self.high))
        if self.kind == "boolean":
            return integers(seed, self.shape, 0, 2).astype(np.bool_)
        if self.kind == "indices":
            return np.array(self.values, dtype=np.int64).reshape(self.shape)
        return self._floats(seed).astype(dtype)

    def _floats(self, seed: str) -> Array:
        match self.kind:
            case "uniform":
                return uniform(seed, self.shape, self.low, self.high)
            case "distinct":
                return distinct(seed, self.shape, self.low, self.high)
            case "lattice":
                return integers(seed, self.shape, int(self.low), int(self.high) + 1)
            case "probabilities":
                return probabilities(seed, self.shape)
            case "signs":
                return integers(seed, self.shape, 0, 2) * 2 - 1
            case "values":
                return np.array(self.values).reshape(self.shape)
        raise ValueError(f"Input.kind: unknown {self.kind!r}")
