"""Running a function again and again, under the same conditions, and counting the runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lamina.core.errors import DTypeError, GradientError
from lamina.core.node import constant
from lamina.core.types import Array, DType, as_dtype, is_float
from lamina.diff.interface import Function
from lamina.random import KeyStream, key_stream, use_keys
from lamina.tensors import Tensor, as_tensor, no_grad


class SameRandomness:
    """The key stream as it is now, to be drawn from anew as often as wanted.

    A function that draws random numbers (dropout) is a fixed function if it always draws the same
    ones. The stream itself does not move on.
    """

    def __init__(self) -> None:
        stream = key_stream()
        self._key, self._count = stream.key, stream.count

    @contextmanager
    def again(self) -> Iterator[None]:
        """Draw, inside the block, what was drawn in every other such block."""
        with use_keys(KeyStream(self._key, self._count)):
            yield


@dataclass
class Evaluations:
    """A function from array to array, with the number of times it was run."""

    function: Function
    randomness: SameRandomness = field(default_factory=SameRandomness)
    count: int = 0

    def __call__(self, x: Array) -> Array:
        """Return f(x), without recording history."""
        self.count += 1
        with no_grad(), self.randomness.again():
            return checked_output(self.function(Tensor(constant(x)))).value


def checked_output(output: Any) -> Tensor:
    """Return what a function to be differentiated gave, or raise if it is not a float tensor."""
    if not isinstance(output, Tensor):
        raise GradientError(
            f"numerical: the function must return a tensor, got {type(output).__name__}"
        )
    if not is_float(output.dtype):
        raise DTypeError(
            f"numerical: the function must return floats, got {output.dtype}: it has no derivative"
        )
    return output


def checked_point(x: Any, dtype: DType | str) -> Array:
    """Return x in the dtype in which to compute, or raise if it is not of floats."""
    given = as_tensor(x)
    if not is_float(given.dtype):
        raise DTypeError(f"numerical: only floats have derivatives, got x of {given.dtype}")
    return np.array(given.value, as_dtype(dtype))


def precision(*dtypes: DType) -> float:
    """Return the spacing of floats at 1 in the coarsest of the dtypes."""
    return max(float(np.finfo(dtype).eps) for dtype in dtypes)
