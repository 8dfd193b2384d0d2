"""Evaluate expressions of the loop language with NumPy, element by element, exactly as machines do.

Every operation rounds once, in the dtype of its operands; in particular `fma` is exact before
its one rounding. This is the oracle for native code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from lamina.compiler.ir import Affine, Assign, Expression, Load, Local, Number, Op
from lamina.core.errors import GraphError
from lamina.core.types import Array, DType, float32, float64

Read = Callable[[Load | Affine], Array]


def evaluate(
    expression: Expression, values: Mapping[str, Array], read: Read | None = None
) -> Array:
    """Return the expression's value, given those of its locals by name (and a reader of memory).

    >>> from lamina.compiler.ir import Local, Number, op
    >>> x = Local("x", float32)
    >>> evaluate(op("fma", x, x, Number(1.0, float32)), {"x": np.float32([2, 3])})
    array([ 5., 10.], dtype=float32)
    """
    with np.errstate(all="ignore"):
        return _evaluate(expression, values, read)


def evaluate_after(
    statements: Sequence[Assign],
    expression: Expression,
    values: Mapping[str, Array],
    read: Read | None = None,
) -> Array:
    """Return the expression's value after the assignments, in order."""
    known = dict(values)
    for statement in statements:
        known[statement.local.name] = evaluate(statement.value, known, read)
    return evaluate(expression, known, read)


def _evaluate(expression: Expression, values: Mapping[str, Array], read: Read | None) -> Array:
    if isinstance(expression, Number):
        return np.asarray(expression.value, expression.dtype)
    if isinstance(expression, Local):
        return values[expression.name]
    if isinstance(expression, Op):
        arguments = [_evaluate(a, values, read) for a in expression.arguments]
        return apply(expression.name, arguments, expression.dtype)
    if read is None:
        raise GraphError(f"{expression} reads memory or a loop, and no reader was given")
    return read(expression)


def apply(name: str, arguments: Sequence[Array], dtype: DType) -> Array:
    """Return one machine operation's result on arrays."""
    if name == "convert":
        return arguments[0].astype(dtype)
    if name == "bitcast":
        return np.ascontiguousarray(arguments[0]).view(dtype).reshape(arguments[0].shape)
    dtypes = {a.dtype for a in arguments[name == "select" :]}
    if len(dtypes) > 1:
        raise GraphError(f"{name} of {', '.join(str(a.dtype) for a in arguments)}: mixed dtypes")
    with np.errstate(all="ignore"):
        return np.asarray(_FUNCTIONS[name](*arguments), dtype)


# Operations that NumPy lacks or defines otherwise ---------------------------------------------


def _divide(a: Array, b: Array) -> Array:
    if a.dtype.kind == "f":
        return np.asarray(a / b)
    quotient = a // b
    return np.asarray(quotient + ((quotient * b != a) & (quotient < 0)).astype(a.dtype))


def _shift_left(a: Array, count: Array) -> Array:
    return np.asarray(np.left_shift(a, count.astype(a.dtype)))


def _shift_right(a: Array, count: Array) -> Array:
    unsigned = np.dtype(f"u{a.dtype.itemsize}")
    shifted = np.right_shift(a.view(unsigned), count.astype(unsigned))
    return np.asarray(shifted, unsigned).view(a.dtype)


def fma(a: Array, b: Array, c: Array) -> Array:
    """Return a·b + c rounded once."""
    a, b, c = np.broadcast_arrays(a, b, c)
    if a.dtype == float32:
        wide = [v.astype(float64) for v in (a, b, c)]
        return _sum_to_odd(wide[0] * wide[1], wide[2]).astype(float32)
    if a.dtype == float64:
        return _fma64(a, b, c)
    return np.asarray(a * b + c)


def _two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Return the rounded sum and its error (Knuth, TAOCP vol. 2, §4.2.2, theorem B)."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def _sum_to_odd(a: Array, b: Array) -> Array:
    """Return a + b rounded to the odd neighbour where inexact, so that rounding again is safe."""
    s, error = _two_sum(a, b)
    even = (np.asarray(s, order="C").view(np.int64) & 1) == 0
    inexact = np.isfinite(s) & (error != 0) & ~np.isnan(error)
    return np.where(inexact & even, np.nextafter(s, np.copysign(np.inf, error)), s)


def _two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """Return the rounded product and its error (Dekker 1971)."""
    p = a * b
    (ah, al), (bh, bl) = _halves(a), _halves(b)
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl


def _halves(a: Array) -> tuple[Array, Array]:
    scaled = a * 134217729.0
    high = scaled - (scaled - a)
    return high, a - high


def _fma64(a: Array, b: Array, c: Array) -> Array:
    """Multiply and add in doubled precision, the last sum to odd (Boldo and Melquiond 2008)."""
    p, error = _two_product(a, b)
    low, lowest = _two_sum(c, error)
    high, middle = _two_sum(p, low)
    exact = np.asarray(high + _sum_to_odd(lowest, middle))
    plain = np.asarray(a * b + c)
    size = np.abs(p)
    safe = (size > 1e-280) & (size < 1e300) & (np.abs(c) < 1e300)
    safe &= (np.abs(a) < 1e290) & (np.abs(b) < 1e290)
    trivial = (a == 0) | (b == 0) | ~np.isfinite(a) | ~np.isfinite(b) | ~np.isfinite(c)
    result = np.where(safe, exact, plain)
    rest = np.nonzero(np.ravel(~safe & ~trivial))[0]
    flat = result.reshape(-1)
    for i in rest:
        flat[i] = _exact_fma(float(a.flat[i]), float(b.flat[i]), float(c.flat[i]), flat[i])
    return flat.reshape(result.shape)


def _exact_fma(a: float, b: float, c: float, plain: float) -> float:
    """Return the same in rational arithmetic, for products that over- or underflow."""
    value = Fraction(a) * Fraction(b) + Fraction(c)
    if value == 0:
        return plain
    try:
        return float(value) or (0.0 if value > 0 else -0.0)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sum": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": _divide,
    "rem": np.fmod,
    "negative": np.negative,
    "fma": fma,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,
    "copysign": np.copysign,
    "less": np.less,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "not": np.invert,
    "shift_left": _shift_left,
    "shift_right": _shift_right,
    "select": np.where,
}
