"""Answers of a case, their compact digests, and when two of them agree."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from tests.torch_reference.data import Array, uniform

PROJECTIONS = 3
ROUNDING = {"float64": 1e-9, "float32": 1e-4}
# Analytically zero results come out as rounding noise, so a little is always allowed.
NOISE = {"float64": 1e-12, "float32": 1e-5}
# Statistics of random initialisers are scaled so that this is about four standard errors.
STATISTICAL = 1.0

Answer = dict[str, Array]
"""Arrays by slot name: "output 0", "gradient 1", "tangent 0", "state weight", "step 3.0", …"""


@dataclass(frozen=True)
class Digest:
    """An array reduced to its type, norm, random projections and a code of its non-finite part."""

    shape: tuple[int, ...]
    dtype: str
    numbers: tuple[float, ...]


def digest(array: Array) -> Digest:
    """The norm, the projections and the non-finite code of an array.

    Projecting on random directions notices what a norm does not: a permutation, a sign, a shift.
    """
    values = np.asarray(array).astype(np.float64).ravel()
    finite = np.isfinite(values)
    kept = np.where(finite, values, 0.0)
    with np.errstate(over="ignore"):
        norm = float(np.linalg.norm(kept))
    if not np.isfinite(norm):
        raise OverflowError("digest: the norm overflows, so it would hide every difference")
    weights = _weights(values.size)
    code = float(weights[PROJECTIONS] @ _non_finite(values))
    numbers = (norm, *(weights[:PROJECTIONS] @ kept).tolist(), code)
    return Digest(array.shape, str(array.dtype), numbers)


@cache
def _weights(size: int) -> Array:
    return uniform("projection", (PROJECTIONS + 1, size), -1.0, 1.0)


def _non_finite(values: Array) -> Array:
    """1 for NaN, 2 for infinity, 3 for negative infinity, 0 for finite values."""
    return np.select([np.isnan(values), values == np.inf, values == -np.inf], [1.0, 2.0, 3.0])


def digests(answer: Answer) -> dict[str, Digest]:
    """The digest of each slot."""
    return {slot: digest(array) for slot, array in answer.items()}


def tolerance(slot: str, dtype: str, norm: float) -> float:
    """The largest difference taken for rounding, for an array of this norm."""
    if slot.startswith("statistic"):
        return STATISTICAL
    return ROUNDING.get(dtype, 1e-12) * norm + NOISE.get(dtype, 0.0)


def disagreements(expected: dict[str, Digest], actual: dict[str, Digest]) -> Iterable[str]:
    """What differs between two digested answers, in words; nothing when they agree."""
    if list(expected) != list(actual):
        yield f"expected {list(expected)}, got {list(actual)}"
        return
    for slot, wanted in expected.items():
        got = actual[slot]
        if (wanted.shape, wanted.dtype) != (got.shape, got.dtype):
            yield f"{slot}: expected {wanted.dtype}{wanted.shape}, got {got.dtype}{got.shape}"
        elif not _close(slot, wanted, got):
            yield f"{slot}: expected digest {wanted.numbers}, got {got.numbers}"


def _close(slot: str, wanted: Digest, got: Digest) -> bool:
    size = float(np.prod(wanted.shape))
    limit = tolerance(slot, wanted.dtype, wanted.numbers[0]) * max(1.0, size) ** 0.5
    finite = np.allclose(wanted.numbers[:-1], got.numbers[:-1], rtol=0.0, atol=limit)
    return bool(finite and abs(wanted.numbers[-1] - got.numbers[-1]) < 1e-9)


def differences(expected: Answer, actual: Answer) -> Iterable[str]:
    """What differs between two whole answers, element by element; nothing when they agree."""
    if list(expected) != list(actual):
        yield f"expected {list(expected)}, got {list(actual)}"
        return
    for slot, wanted in expected.items():
        got = actual[slot]
        if (wanted.shape, wanted.dtype) != (got.shape, got.dtype):
            yield f"{slot}: expected {wanted.dtype}{wanted.shape}, got {got.dtype}{got.shape}"
        elif not _equal(slot, wanted, got):
            yield f"{slot}: expected {_excerpt(wanted)}, got {_excerpt(got)}"


def _equal(slot: str, wanted: Array, got: Array) -> bool:
    if wanted.dtype == np.bool_:
        return bool(np.array_equal(wanted, got))
    largest = float(np.max(np.abs(np.where(np.isfinite(wanted), wanted, 0)), initial=0.0))
    limit = tolerance(slot, str(wanted.dtype), largest)
    return bool(np.allclose(wanted, got, rtol=0.0, atol=limit, equal_nan=True))


def _excerpt(array: Array) -> str:
    return np.array2string(array, precision=6, threshold=8, edgeitems=2).replace("\n", "")
