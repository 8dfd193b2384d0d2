"""xʸ = e^(y log x), of floats, with the logarithm in more precision than the result; of integers.

float32 is computed in float64, and float64 with log x as a pair of floats.
"""

from __future__ import annotations

from math import inf, nan

from lamina.compiler.elementary.coefficients import LOG2, LOG_RATIO, TWO_THIRDS
from lamina.compiler.elementary.doubled import Pair, fast_two_sum, product, two_product, two_sum
from lamina.compiler.elementary.exponential import exp_scaled, reduce
from lamina.compiler.elementary.floats import clamp, flip_where, whole_number, with_sign
from lamina.compiler.elementary.logarithm import log, split_any
from lamina.compiler.elementary.term import Term, fma, polynomial, select
from lamina.compiler.ir import Number
from lamina.core.types import float32, float64


def power(x: Term, y: Term) -> Term:
    """xʸ; a few constant exponents by multiplication."""
    if isinstance(y.expression, Number) and y.expression.value in (1, 2):
        return x if y.expression.value == 1 else x * x
    return _of_floats(x, y) if x.dtype.kind == "f" else _of_integers(x, y)


def _of_floats(x: Term, y: Term) -> Term:
    """|x|ʸ with the sign of x if y is odd; NaN for x < 0 and y no whole number."""
    size = _magnitude(abs(x), y)
    half = y * 0.5
    whole = y.apply("floor").equals(y)
    odd = half.apply("floor").differs(half) & whole
    signed = flip_where(size, odd & (with_sign(x.like(1.0), x) < 0.0))
    value = select((x < 0.0) & (x > -inf) & ~whole, nan, signed)
    return select(x.equals(1.0) | y.equals(0.0), 1.0, value)


def _magnitude(size: Term, y: Term) -> Term:
    if size.dtype == float32:
        wide = y.convert(float64) * log(size.convert(float64))
        # In float64 this neither over- nor underflows, and in float32 it does.
        return reduce(clamp(_of_one(size, wide), -200.0, 200.0)).small().convert(float32)
    high, low = log_pair(size)
    high = select(size.equals(0.0), -inf, select(size < inf, high, size))
    main = _of_one(size, y * high)
    rest = fma(y, low, fma(y, high, -main))
    finite = (abs(main) < 1e3) & size.differs(1.0)
    return exp_scaled(main, 0, low=select(finite, rest, 0.0))


def _of_one(size: Term, exponent: Term) -> Term:
    """Return the exponent, 0 where it is that of 1^y (y may be infinite)."""
    return select(size.equals(1.0), 0.0, exponent)


def log_pair(x: Term) -> Pair:
    """Return log x of a positive float64 to about 2⁻⁶⁸: with s = (m - 1)/(m + 1), log m is
    s (2 + s² (⅔ + s² P(s²))), in which all but P is doubled.
    """
    k, m = split_any(x)
    s = _ratio(m - 1.0)
    square = product(s, s)
    inner = fast_two_sum(
        x.like(TWO_THIRDS[64][0]), square[0] * polynomial(square[0], LOG_RATIO[64])
    )
    outer = product((inner[0], inner[1] + TWO_THIRDS[64][1]), square)
    two, lost = fast_two_sum(x.like(2.0), outer[0])
    high, low = product(s, (two, lost + outer[1]))
    whole = whole_number(k, float64)
    main, rest = two_product(whole, x.like(LOG2[64][0]))
    total, lost = two_sum(main, high)
    return fast_two_sum(total, lost + (fma(whole, LOG2[64][1], rest) + low))


def _ratio(f: Term) -> Pair:
    """Return f / (2 + f)."""
    below, lost = fast_two_sum(f.like(2.0), f)
    inverse = 1.0 / below
    high = f * inverse
    return high, fma(-high, lost, fma(-high, below, f)) * inverse


def _of_integers(x: Term, y: Term) -> Term:
    """Multiply the squares x^(2ⁱ) that y has digits for; 1/xʸ towards zero for negative y."""
    bits = 8 * x.dtype.itemsize
    value, factor = x.like(1), x
    for digit in range(bits if x.dtype.kind == "u" else bits - 1):
        value = select(((y >> digit) & 1).differs(0), value * factor, value)
        factor = factor * factor
    if x.dtype.kind == "u":
        return value
    unit = select(((y & 1).differs(0)) | x.equals(1), x, 1)
    inverse = select(x.equals(1) | x.equals(-1), unit, 0)
    return select(y < 0, inverse, value)


RULES = {"power": power}
