"""Arithmetic, comparisons and choices: what takes a few machine operations.

Integers wrap around as NumPy's do. Rules for bools are made of bit operations.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from lamina.compiler.elementary.floats import is_nan
from lamina.compiler.elementary.term import Term, select
from lamina.core.types import bool_


def _machine(name: str) -> Callable[..., Term]:
    return lambda x, *others: x.apply(name, *others)


def is_float(x: Term) -> bool:
    """Return whether the term's dtype is a float."""
    return x.dtype.kind == "f"


def absolute(x: Term) -> Term:
    """|x|."""
    return x if x.dtype.kind == "u" else abs(x) if is_float(x) else select(x < 0, -x, x)


def sign(x: Term) -> Term:
    """-1, 0 or 1; NaN for NaN."""
    positive = select(x > 0, 1, x)
    if x.dtype.kind == "u":
        return positive
    return select(x < 0, -1, select(x.equals(0), 0, positive))


def negative(x: Term) -> Term:
    """-x."""
    return -x if is_float(x) else 0 - x


def relu(x: Term) -> Term:
    """max(x, 0), NaN for NaN; one instruction on most processors."""
    return select(x < 0, 0, x)


def maximum(x: Term, y: Term) -> Term:
    """max(x, y), NaN if either is NaN."""
    larger = select(y < x, x, y)
    return select(is_nan(x), x, larger) if is_float(x) else larger


def minimum(x: Term, y: Term) -> Term:
    """min(x, y), NaN if either is NaN."""
    smaller = select(x < y, x, y)
    return select(is_nan(x), x, smaller) if is_float(x) else smaller


def less(x: Term, y: Term) -> Term:
    """X < y."""
    return ~x & y if x.dtype == bool_ else x < y


def less_equal(x: Term, y: Term) -> Term:
    """X ≤ y."""
    return ~x | y if x.dtype == bool_ else x <= y


def equal(x: Term, y: Term) -> Term:
    """X = y."""
    return ~(x ^ y) if x.dtype == bool_ else x.equals(y)


def not_equal(x: Term, y: Term) -> Term:
    """X ≠ y."""
    return x ^ y if x.dtype == bool_ else x.differs(y)


def rsqrt(x: Term) -> Term:
    """1 / √x."""
    return 1.0 / x.apply("sqrt")


RULES: dict[str, Callable[..., Term]] = {
    "add": _machine("add"),
    "subtract": _machine("subtract"),
    "multiply": _machine("multiply"),
    "divide": _machine("divide"),
    "negative": negative,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1.0 / x,
    "abs": absolute,
    "sign": sign,
    "floor": _machine("floor"),
    "ceil": _machine("ceil"),
    "round": _machine("round"),
    "sqrt": _machine("sqrt"),
    "rsqrt": rsqrt,
    "relu": relu,
    "maximum": maximum,
    "minimum": minimum,
    "clamp": lambda x, low, high: minimum(maximum(x, low), high),
    "where": select,
    "less": less,
    "less_equal": less_equal,
    "greater": lambda x, y: less(y, x),
    "greater_equal": lambda x, y: less_equal(y, x),
    "equal": equal,
    "not_equal": not_equal,
    "logical_and": lambda x, y: x & y,
    "logical_or": lambda x, y: x | y,
    "logical_xor": lambda x, y: x ^ y,
    "logical_not": lambda x: ~x,
    "isnan": is_nan,
    "isfinite": lambda x: abs(x) < inf,
}
