"""Promotion: the table of PyTorch, for the dtypes that both have."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lamina.core.errors import DTypeError
from lamina.core.types import (
    SUPPORTED,
    Type,
    as_dtype,
    bool_,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    is_float,
    promote,
    promote_scalar,
    uint8,
    uint32,
)

ORDER = (bool_, uint8, int8, int16, int32, int64, float32, float64)
# Rows and columns in the order above; recorded from torch.promote_types.
TABLE = """
bool    uint8   int8    int16   int32   int64   float32 float64
uint8   uint8   int16   int16   int32   int64   float32 float64
int8    int16   int8    int16   int32   int64   float32 float64
int16   int16   int16   int16   int32   int64   float32 float64
int32   int32   int32   int32   int32   int64   float32 float64
int64   int64   int64   int64   int64   int64   float32 float64
float32 float32 float32 float32 float32 float32 float32 float64
float64 float64 float64 float64 float64 float64 float64 float64
"""


def test_table() -> None:
    rows = [line.split() for line in TABLE.strip().splitlines()]
    found = [[str(promote(a, b)) for b in ORDER] for a in ORDER]
    assert found == rows


def test_table_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    for a, b in itertools.product(ORDER, ORDER):
        expected = torch.promote_types(getattr(torch, str(a)), getattr(torch, str(b)))
        assert str(promote(a, b)) == str(expected).removeprefix("torch.")


@pytest.mark.parametrize("a", SUPPORTED, ids=str)
def test_promotion_is_a_lattice(a: np.dtype) -> None:
    assert promote(a) == promote(a, a) == a
    for b in SUPPORTED:
        joined = promote(a, b)
        assert joined == promote(b, a)
        assert joined in SUPPORTED
        assert promote(a, joined) == joined
        for c in SUPPORTED:
            assert promote(promote(a, b), c) == promote(a, promote(b, c)) == promote(a, b, c)


def test_promotion_keeps_uint32() -> None:
    assert promote(uint32, uint8) == uint32
    assert promote(uint32, int32) == int64
    assert promote(uint32, float32) == float32


def test_python_numbers_are_weak() -> None:
    for dtype in SUPPORTED:
        assert promote_scalar(dtype, bool) == dtype
        assert promote_scalar(dtype, int) == (int64 if dtype == bool_ else dtype)
        assert promote_scalar(dtype, float) == (dtype if is_float(dtype) else float32)


def test_names_of_dtypes() -> None:
    assert as_dtype("float64") == as_dtype(np.float64) == as_dtype(np.dtype("float64")) == float64
    assert as_dtype(float) == float32
    assert as_dtype(int) == int64
    assert as_dtype(bool) == bool_


@pytest.mark.parametrize("name", ["float16", "complex64", "uint64", "O", "S3", ">f4", "datetime64"])
def test_unsupported_dtypes_are_errors(name: str) -> None:
    with pytest.raises(DTypeError, match="not supported; use one of float32, float64"):
        as_dtype(name)


@pytest.mark.parametrize("name", ["float31", 3.5, "no dtype at all"])
def test_what_is_no_dtype_is_an_error(name: object) -> None:
    with pytest.raises(DTypeError, match="is not a dtype"):
        as_dtype(name)


def test_type() -> None:
    made = Type((2, 3), float32)
    assert (made.size, made.rank, str(made)) == (6, 2, "float32[2, 3]")
    assert Type((), float32).size == 1
    assert Type((2, 0), float32).size == 0
    assert made == Type((2, 3), np.dtype("float32")) != Type((2, 3), float64)
    assert hash(made) == hash(Type((2, 3), float32))
