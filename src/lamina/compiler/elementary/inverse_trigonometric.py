"""asin, acos, atan: t + t³ P(t²) for small t, and the rest moved there (Cody and Waite 1980)."""

from __future__ import annotations

from math import sqrt

from lamina.compiler.elementary.coefficients import ASIN, ATAN, HALF_PI
from lamina.compiler.elementary.doubled import fast_two_sum
from lamina.compiler.elementary.floats import at_most, format_of, with_sign
from lamina.compiler.elementary.term import Term, fma, polynomial, select


def atan(x: Term) -> Term:
    """Atan x = π/4 + atan((x - 1)/(x + 1)) = π/2 - atan(1/x), by which comes out smallest."""
    bits = format_of(x.dtype).bits
    size = at_most(abs(x), 2.0**60)
    large, middle = size > sqrt(2) + 1, size > sqrt(2) - 1
    above = select(large, -1.0, select(middle, size - 1.0, size))
    sum_, lost = fast_two_sum(size.like(1.0), size)
    below = select(large, size, select(middle, sum_, 1.0))
    t, low = _quotient(above, below, select(middle & ~large, lost, 0.0))
    square = t * t
    quarters = select(large, x.like(2.0), select(middle, x.like(1.0), 0.0))
    low = fma(quarters, 0.5 * HALF_PI[bits][1], low)
    series = fma(polynomial(square, ATAN[bits]), square * t, low)
    return with_sign(fma(quarters, 0.5 * HALF_PI[bits][0], series + t), x)


def _quotient(above: Term, below: Term, below_low: Term) -> tuple[Term, Term]:
    """Return above / (below + below_low) as a pair."""
    inverse = 1.0 / below
    high = above * inverse
    return high, fma(-high, below_low, fma(-high, below, above)) * inverse


def asin(x: Term) -> Term:
    """Asin x = π/2 - 2 asin √((1 - x)/2), which is small for x near 1."""
    large, root, series = _parts(x)
    far = _quarter_turn_less(2.0 * root, 2.0 * series)
    return with_sign(select(large, far, root + series), x)


def acos(x: Term) -> Term:
    """Acos x = π/2 - asin x = 2 asin √((1 - x)/2)."""
    large, root, series = _parts(x)
    near = _quarter_turn_less(with_sign(root, x), with_sign(series, x))
    far = select(x < 0.0, 2.0 * _quarter_turn_less(root, series), 2.0 * (root + series))
    return select(large, far, near)


def _parts(x: Term) -> tuple[Term, Term, Term]:
    """Return whether |x| > ½, and s = |x| or √((1 - |x|)/2) with s³ P(s²)."""
    size = abs(x)
    large = size > 0.5
    square = select(large, fma(size, -0.5, 0.5), size * size)
    root = select(large, square.apply("sqrt"), size)
    return large, root, polynomial(square, ASIN[format_of(x.dtype).bits]) * (square * root)


def _quarter_turn_less(high: Term, low: Term) -> Term:
    """Return π/2 - (high + low), rounded nearly once."""
    first, second, _ = HALF_PI[format_of(high.dtype).bits]
    value, lost = fast_two_sum(high.like(first), -high)
    return value + (lost - (low - second))


RULES = {"atan": atan, "asin": asin, "acos": acos}
