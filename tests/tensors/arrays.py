"""What the tests of tensors share: random arrays, and comparison with NumPy."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lamina.core.types import Array
from lamina.tensors import Tensor

FLOATS = ("float32", "float64")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint32")


def shapes(max_dims: int = 3, max_side: int = 4) -> st.SearchStrategy[tuple[int, ...]]:
    return hnp.array_shapes(min_dims=0, max_dims=max_dims, min_side=0, max_side=max_side)


def filled(shape: tuple[int, ...], dtype: str, seed: int) -> Array:
    """Return numbers that every dtype holds: small, both signs where there are."""
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.random(shape) < 0.5
    low = 0 if dtype.startswith("u") else -6
    whole = rng.integers(low, 7, shape)
    return np.asarray(whole + rng.integers(0, 4, shape) / 4 if dtype in FLOATS else whole, dtype)


def assert_same(found: Tensor, expected: Array, rtol: float = 0.0) -> None:
    """Same shape, same dtype, same numbers; and an array, never a NumPy scalar."""
    assert isinstance(found.node.value, np.ndarray)
    assert found.shape == np.shape(expected)
    assert found.dtype == expected.dtype, (found.dtype, expected.dtype)
    np.testing.assert_allclose(found.numpy(), expected, rtol=rtol, atol=rtol)
