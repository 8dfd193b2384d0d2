"""exp and what is built on it: expm1, logistic, tanh, sinh, cosh.

x = k log 2 + r with |r| ≤ log 2 / 2, and eˣ = 2ᵏ (1 + r + r² P(r)) (Muller, *Elementary
Functions*, ch. 11). Arguments beyond the range are clamped, and overflow by the last product.
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina.compiler.elementary.coefficients import EXP, LOG2, LOG2_E, SINH
from lamina.compiler.elementary.floats import (
    at_most,
    clamp,
    format_of,
    nearest_integer,
    power_of_two,
    scale,
    with_sign,
)
from lamina.compiler.elementary.term import Term, fma, polynomial, select


@dataclass(frozen=True)
class Reduced:
    """eˣ = 2^exponent (1 + rest + square): r without its last bits, and those with r² P(r)."""

    exponent: Term
    rest: Term
    square: Term

    def mantissa(self) -> Term:
        """Return 1 + rest + square."""
        return (self.square + self.rest) + 1.0

    def small(self) -> Term:
        """Return eˣ where 2^exponent is a normal number."""
        return self.mantissa() * power_of_two(self.exponent, self.rest.dtype)


def reduce(x: Term, low: Term | None = None) -> Reduced:
    """Reduce x (+ low, a correction below its last bit) for an x in exp's range."""
    bits = format_of(x.dtype).bits
    k, exponent = nearest_integer(x, LOG2_E[bits][0])
    rest = fma(-k, LOG2[bits][0], x)  # exact
    low = k * -LOG2[bits][1] if low is None else fma(k, -LOG2[bits][1], low)
    r = rest + low
    return Reduced(exponent, rest, fma(polynomial(r, EXP[bits]), r * r, low))


def exp(x: Term) -> Term:
    """eˣ."""
    return exp_scaled(x, 0)


def exp_scaled(x: Term, shift: int, low: Term | None = None) -> Term:
    """Return 2^shift · e^(x + low), which overflows only if the result does."""
    form = format_of(x.dtype)
    # e^bottom is below half the smallest subnormal number, e^top above the greatest number.
    top = 0.6932 * (form.bias + 3)
    bottom = -0.6932 * (form.bias + form.fraction + 3)
    reduced = reduce(clamp(x, bottom, top), low)
    exponent = reduced.exponent + shift if shift else reduced.exponent
    return scale(reduced.mantissa(), exponent)


def expm1(x: Term) -> Term:
    """2ᵏ (r + r² P(r)) + (2ᵏ - 1), computed at half its size since 2ᵏ may overflow."""
    form = format_of(x.dtype)
    reduced = reduce(clamp(x, -0.7 * (form.fraction + 3), 0.6932 * (form.bias + 1.2)))
    half = power_of_two(reduced.exponent - 1, x.dtype)
    value = 2.0 * fma(half, reduced.square, fma(half, reduced.rest, half - 0.5))
    return select(abs(x) < 2.0 ** -(form.fraction + 2), x, value)


def logistic(x: Term) -> Term:
    """1 / (1 + e^-|x|) for x ≥ 0 and e^-|x| / (1 + e^-|x|) below: neither can overflow.

    What the denominator lost in rounding is made good.
    """
    small = exp(-abs(x))
    numerator = select(x < 0.0, small, 1.0)
    denominator = 1.0 + small
    lost = small - (denominator - 1.0)
    return _quotient(numerator, denominator, lost)


def tanh(x: Term) -> Term:
    """(1 - p) / (1 + p) for p = e^-2|x| = 2ᵏ + 2ᵏ (r + r² P(r)), and the sign of x.

    Numerator and denominator are rounded once each.
    """
    form = format_of(x.dtype)
    doubled = at_most(abs(x), 0.35 * (form.fraction + 3)) * -2.0
    k, exponent = nearest_integer(doubled, LOG2_E[form.bits][0])
    r = fma(-k, LOG2[form.bits][1], fma(-k, LOG2[form.bits][0], doubled))
    power, change = power_of_two(exponent, x.dtype), fma(polynomial(r, EXP[form.bits]), r * r, r)
    return with_sign(fma(power, change, power - 1.0) / fma(power, change, power + 1.0), x)


def _quotient(numerator: Term, denominator: Term, lost: Term) -> Term:
    """Return numerator / (denominator + lost), the quotient corrected by its remainder."""
    inverse = 1.0 / denominator
    value = numerator * inverse
    remainder = fma(-value, lost, fma(-value, denominator, numerator))
    return fma(remainder, inverse, value)


def sinh(x: Term) -> Term:
    """x + x³ P(x²) near zero, (e^|x| - e^-|x|) / 2 beyond."""
    size = abs(x)
    half = exp_scaled(size, -1)
    far = half - 0.25 / half
    near = odd(size, SINH[format_of(x.dtype).bits])
    return with_sign(select(size < 1.0, near, far), x)


def cosh(x: Term) -> Term:
    """(e^|x| + e^-|x|) / 2."""
    half = exp_scaled(abs(x), -1)
    return half + 0.25 / half


def odd(x: Term, coefficients: tuple[float, ...]) -> Term:
    """Return x + x³ P(x²) for x ≥ 0."""
    square = x * x
    return fma(polynomial(square, coefficients) * square, x, x)


RULES = {
    "exp": exp,
    "expm1": expm1,
    "logistic": logistic,
    "tanh": tanh,
    "sinh": sinh,
    "cosh": cosh,
}
