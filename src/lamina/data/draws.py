"""Random numbers by key, in NumPy, for the generators and transforms."""

from __future__ import annotations

from math import prod

import numpy as np

from lamina.core.philox import Words, random_bits
from lamina.core.types import Array


def uniform(key: Words, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> Array:
    """Float64 numbers, even over ``(low, high)``; 32 random bits each, never an end point."""
    unit = (random_bits(key, prod(shape)) + 0.5) * 2.0**-32
    return (low + (high - low) * unit).reshape(shape)


def normal(key: Words, shape: tuple[int, ...]) -> Array:
    """Float64 numbers with the standard normal distribution.

    Source: G. E. P. Box, M. E. Muller, "A note on the generation of random normal deviates" (1958).
    """
    first, second = uniform(key, (2, prod(shape)))
    deviates = np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)
    return np.asarray(deviates.reshape(shape))


def integers(key: Words, count: int, stop: int) -> Array:
    """`count` integers, even over ``0 … stop - 1``; the bias is below ``stop / 2**32``."""
    return (random_bits(key, count).astype(np.uint64) * np.uint64(stop) >> np.uint64(32)).astype(
        np.int64
    )
