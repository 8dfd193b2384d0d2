"""Unevaluated sums of two floats: twice the precision where one is not enough.

A pair (high, low) stands for high + low (Dekker 1971; Muller et al., *Handbook of
Floating-Point Arithmetic*, ch. 4 and 14).
"""

from __future__ import annotations

from lamina.compiler.elementary.term import Term, fma

Pair = tuple[Term, Term]


def two_sum(a: Term, b: Term) -> Pair:
    """Return a + b exactly."""
    high = a + b
    part = high - a
    return high, (a - (high - part)) + (b - part)


def fast_two_sum(a: Term, b: Term) -> Pair:
    """Return a + b exactly, for |a| ≥ |b| or a = 0."""
    high = a + b
    return high, b - (high - a)


def two_product(a: Term, b: Term) -> Pair:
    """Return a · b exactly (unless it under- or overflows)."""
    high = a * b
    return high, fma(a, b, -high)


def product(a: Pair, b: Pair) -> Pair:
    """Return a · b to nearly twice the precision."""
    high, low = two_product(a[0], b[0])
    return fast_two_sum(high, fma(a[0], b[1], fma(a[1], b[0], low)))
