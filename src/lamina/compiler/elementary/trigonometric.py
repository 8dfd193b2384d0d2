"""sin, cos, tan for arguments of every size.

x · 2/π = k + f, k the nearest whole number, and x = k π/2 + r with r = f π/2. 2/π is cut into
pieces, whose products with x are exact; of each, multiples of 4 (full turns) are taken away
before they are added up (Payne and Hanek 1983, in floating point).
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina.compiler.elementary.coefficients import (
    COS,
    HALF_PI,
    SIN,
    TWO_OVER_PI_28,
    TWO_OVER_PI_53,
)
from lamina.compiler.elementary.doubled import fast_two_sum, two_product, two_sum
from lamina.compiler.elementary.floats import (
    flip_where,
    format_of,
    nearest_integer,
    power_of_two,
)
from lamina.compiler.elementary.term import Term, fma, polynomial, select
from lamina.core.types import float32, float64, int64


@dataclass(frozen=True)
class Turned:
    """An angle as quarter turns and a float64 rest in [-π/4, π/4], with its last bits."""

    quarters: Term
    rest: Term
    low: Term

    def bit(self, mask: int, after: int = 0) -> Term:
        """Return whether a bit is set in the number of quarter turns + ``after``."""
        return ((self.quarters + after) & mask).differs(0)

    def sin(self) -> Term:
        """Return the sine of the rest."""
        square = self.rest * self.rest
        cubic = polynomial(square, SIN[64]) * (square * self.rest)
        return self.rest + fma(self.low, fma(square, -0.5, 1.0), cubic)

    def cos(self) -> Term:
        """Return the cosine of the rest: 1 - r²/2, what that lost, and the rest of the series."""
        square = self.rest * self.rest
        main = fma(square, -0.5, 1.0)
        lost = fma(square, -0.5, 1.0 - main)
        series = fma(polynomial(square, COS[64]), square * square, lost)
        return main + fma(-self.rest, self.low, series)


def turned(x: Term) -> Turned:
    """Reduce an angle."""
    return _turned32(x.convert(float64)) if x.dtype == float32 else _turned64(x)


def _without_turns(x: Term) -> Term:
    return fma((x * 0.25).apply("round"), -4.0, x)


def _turned32(x: Term) -> Turned:
    """Reduce a float32 given in float64: seven pieces reach beyond its last turn's last bits."""
    parts = [_without_turns(x * piece) for piece in TWO_OVER_PI_28]
    k, quarters = nearest_integer(sum(parts[1:], parts[0]), 1.0)
    fraction = sum(parts, -k)
    return Turned(quarters, fraction * HALF_PI[64][0], x.like(0.0))


def _turned64(x: Term) -> Turned:
    """Reduce a float64 by five pieces, from the first that matters on."""
    first = _first_piece(x)
    scaled = x * power_of_two(first * -53, float64)
    parts = []
    for i, piece in enumerate(_five_pieces(first, x)):
        product = two_product(scaled * 2.0 ** (-53 * i), piece)
        parts += [_without_turns(p) for p in product]
    k, quarters = nearest_integer(sum(parts[1:], parts[0]), 1.0)
    high, low = -k, x.like(0.0)
    for part in parts:
        high, error = two_sum(high, part)
        low = low + error
    high, low = fast_two_sum(high, low)
    rest, error = two_product(high, x.like(HALF_PI[64][0]))
    error = fma(high, HALF_PI[64][1], fma(low, HALF_PI[64][0], error))
    return Turned(quarters, *fast_two_sum(rest, error))


def _first_piece(x: Term) -> Term:
    """Return the number of the first piece whose product with x is not all full turns."""
    form = format_of(float64)
    exponent = (abs(x).bits(int64) >> form.fraction) - form.bias
    excess = exponent - 54
    # n · 1237 / 2^16 is ⌊n / 53⌋ for all n < 1000.
    return select(excess < 0, 0, (excess * 1237) >> 16)


def _five_pieces(first: Term, x: Term) -> list[Term]:
    """Return the pieces from number ``first`` on, moving down by its binary digits."""
    pieces = [x.like(p) for p in TWO_OVER_PI_53]
    for digit in (16, 8, 4, 2, 1):
        moved = (first & digit).differs(0)
        reach = min(len(pieces), 5 + digit - 1)
        pieces = [
            select(moved, pieces[i + digit], p) if i + digit < len(pieces) else p
            for i, p in enumerate(pieces[:reach])
        ]
    return pieces


def sin(x: Term) -> Term:
    """Sin x."""
    angle = turned(x)
    size = select(angle.bit(1), angle.cos(), angle.sin())
    return _as_itself(x, flip_where(size, angle.bit(2)))


def cos(x: Term) -> Term:
    """Cos x."""
    angle = turned(x)
    size = select(angle.bit(1), angle.sin(), angle.cos())
    return flip_where(size, angle.bit(2, after=1)).convert(x.dtype)


def tan(x: Term) -> Term:
    """Tan x = sin x / cos x, after odd quarter turns -cos / sin of the rest."""
    angle = turned(x)
    sine, cosine = angle.sin(), angle.cos()
    odd = angle.bit(1)
    return _as_itself(x, select(odd, -cosine, sine) / select(odd, sine, cosine))


def _as_itself(x: Term, value: Term) -> Term:
    """Return the value in x's dtype, and x where it is so small that f(x) rounds to x."""
    return select(abs(x) < 2.0**-28, x, value.convert(x.dtype))


RULES = {"sin": sin, "cos": cos, "tan": tan}
