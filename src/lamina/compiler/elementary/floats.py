"""What the expansions need to know of a float's format, and tricks on its bits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from lamina.compiler.elementary.term import Term, Value, fma, select
from lamina.core.types import DType, int32, int64


@dataclass(frozen=True)
class Format:
    """An IEEE binary format: ``bits`` in all, of which ``fraction`` stand after the point."""

    dtype: DType
    integer: DType
    bits: int
    fraction: int
    bias: int
    smallest: float
    """The smallest normal number."""

    @property
    def mover(self) -> float:
        """A number that has the units of x in its last bits once x is added (1.5 · 2^fraction)."""
        return 1.5 * 2.0**self.fraction

    def pattern(self, value: float) -> int:
        """Return a number's bits as a signed integer."""
        return int(np.asarray(value, self.dtype).view(self.integer))


@cache
def format_of(dtype: DType) -> Format:
    """Return the format of a float dtype."""
    info = np.finfo(dtype)
    integer = int32 if info.bits == 32 else int64
    bias = 2 ** (info.bits - info.nmant - 2) - 1
    smallest = float(info.smallest_normal)
    return Format(dtype, integer, int(info.bits), int(info.nmant), bias, smallest)


def nearest_integer(x: Term, factor: float) -> tuple[Term, Term]:
    """Return round(x · factor) as a float and as an integer; it must be below 2^(fraction - 2)."""
    form = format_of(x.dtype)
    moved = fma(x, factor, form.mover)
    return moved - form.mover, moved.bits(form.integer) - form.pattern(form.mover)


def power_of_two(exponent: Term, dtype: DType) -> Term:
    """Return 2^exponent for an integer exponent of a normal number."""
    form = format_of(dtype)
    return ((exponent + form.bias) << form.fraction).bits(dtype)


def scale(x: Term, exponent: Term) -> Term:
    """Return x · 2^exponent rounded once, for results of every size."""
    half = ((exponent + 4096) >> 1) - 2048  # shifts bring zeros in, so not below zero
    return x * power_of_two(half, x.dtype) * power_of_two(exponent - half, x.dtype)


def whole_number(n: Term, dtype: DType) -> Term:
    """Return an integer below 2^(fraction - 2) as a float, by adding only.

    (Not all machines convert vectors of int64 to floats.)
    """
    form = format_of(dtype)
    return (n + form.pattern(form.mover)).bits(dtype) - form.mover


def at_most(x: Term, high: float) -> Term:
    """Return min(x, high); NaN stays."""
    return select(x > high, high, x)


def clamp(x: Term, low: float, high: float) -> Term:
    """Return x moved into [low, high]; NaN stays."""
    return at_most(select(x < low, low, x), high)


def is_nan(x: Term) -> Term:
    """Return whether x is NaN."""
    return x.differs(x)


def flip_where(x: Term, condition: Term) -> Term:
    """Return -x where the condition holds."""
    return select(condition, -x, x)


def with_sign(size: Term, of: Term | Value) -> Term:
    """Return the size with another number's sign bit."""
    return size.apply("copysign", of)
