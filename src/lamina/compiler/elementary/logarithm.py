"""log, log1p, softplus.

x = 2ᵏ m with √½ ≤ m < √2 and f = m - 1: log x = k log 2 + (f - f²/2 + f³ P(f)), of which the
greatest parts are added last (Muller, *Elementary Functions*, ch. 11).
"""

from __future__ import annotations

from math import inf, nan, sqrt

from lamina.compiler.elementary.coefficients import LOG, LOG2
from lamina.compiler.elementary.exponential import exp
from lamina.compiler.elementary.floats import format_of, power_of_two, whole_number
from lamina.compiler.elementary.term import Term, fma, polynomial, select


def split(x: Term) -> tuple[Term, Term]:
    """Return k and m of a positive normal x = 2ᵏ m, √½ ≤ m < √2, k an integer."""
    form = format_of(x.dtype)
    base = form.pattern(sqrt(0.5))
    bits = x.bits(form.integer) + (form.pattern(1.0) - base)
    exponent = (bits >> form.fraction) - form.bias
    mantissa = (bits & (2**form.fraction - 1)) + base
    return exponent, mantissa.bits(x.dtype)


def split_any(x: Term) -> tuple[Term, Term]:
    """Return the same of a positive x that may be subnormal."""
    form = format_of(x.dtype)
    lifted = select(x < form.smallest, x * 2.0**form.fraction, x)
    exponent, mantissa = split(lifted)
    return select(x < form.smallest, exponent - form.fraction, exponent), mantissa


def log_sum(f: Term, k: Term) -> Term:
    """Return log(1 + f) + k log 2 for 1 + f in [√½, √2] and a whole number k."""
    high, low, _ = LOG2[format_of(f.dtype).bits]
    square = f * f
    cubic = polynomial(f, LOG[format_of(f.dtype).bits]) * (square * f)
    rest = fma(square, -0.5, fma(k, low, cubic))
    return fma(k, high, rest + f)


def log(x: Term) -> Term:
    """Log x."""
    k, m = split_any(x)
    value = log_sum(m - 1.0, whole_number(k, x.dtype))
    special = select(x.equals(0.0), -inf, select(x < 0.0, nan, x))
    return select((x > 0.0) & (x < inf), value, special)


def log1p(x: Term) -> Term:
    """log(1 + x), where f = 2⁻ᵏ x + (2⁻ᵏ - 1) is rounded once."""
    form = format_of(x.dtype)
    k, m = split(1.0 + x)
    down = power_of_two(-k, x.dtype)
    f = select(x < 2.0 ** (form.fraction + 1), fma(x, down, down - 1.0), m - 1.0)
    special = select(x.equals(-1.0), -inf, select(x < -1.0, nan, x))
    ordinary = (x > -1.0) & (x < inf) & x.differs(0.0)
    return select(ordinary, log_sum(f, whole_number(k, x.dtype)), special)


def softplus(x: Term) -> Term:
    """max(x, 0) + log(1 + e^-|x|)."""
    small = exp(-abs(x))
    doubled = small > sqrt(2) - 1
    f = select(doubled, fma(small, 0.5, -0.5), small)
    rest = log_sum(f, select(doubled, x.like(1.0), 0.0))
    return select(x < 0.0, 0.0, x) + rest


RULES = {"log": log, "log1p": log1p, "softplus": softplus}
