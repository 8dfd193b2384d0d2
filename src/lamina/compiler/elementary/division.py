"""floor_divide and remainder, rounded towards minus infinity as in Python and NumPy."""

from __future__ import annotations

from lamina.compiler.elementary.floats import with_sign
from lamina.compiler.elementary.term import Term, fma, select
from lamina.core.types import float64

# A step takes 52 bits off the quotient, which can have 277 in float32 and 2098 in float64.
_STEPS = {32: 6, 64: 41}


def floor_divide(x: Term, y: Term) -> Term:
    """⌊x / y⌋."""
    if x.dtype.kind != "f":
        return _integers(x, y)[0]
    remainder = _truncated(x, y)
    crosses = _crosses(remainder, y)
    quotient = (x - remainder) / y - select(crosses, x.like(1.0), 0.0)
    down = quotient.apply("floor")
    nearest = select(quotient - down > 0.5, down + 1.0, down)
    value = select(quotient.equals(0.0), with_sign(x.like(0.0), x / y), nearest)
    return select(y.equals(0.0), x / y, value)


def remainder(x: Term, y: Term) -> Term:
    """x - y ⌊x / y⌋, exact before its one rounding, with the sign of y."""
    if x.dtype.kind != "f":
        return _integers(x, y)[1]
    value = _truncated(x, y)
    moved = select(_crosses(value, y), value + y, value)
    return select(value.equals(0.0), with_sign(x.like(0.0), y), moved)


def _crosses(remainder: Term, y: Term) -> Term:
    return remainder.differs(0.0) & ((remainder < 0.0) ^ (y < 0.0))


def _truncated(x: Term, y: Term) -> Term:
    """Return the exact remainder of the quotient towards zero, by long division in float64."""
    rest, divisor = (abs(v).convert(float64) for v in (x, y))
    multiples = [divisor]
    for _ in range(_STEPS[8 * x.dtype.itemsize] - 1):
        multiples.append(multiples[-1] * 2.0**52)
    for multiple in reversed(multiples):
        left = fma(-(rest / multiple).apply("floor"), multiple, rest)
        # A rounded quotient can be one too large.
        left = select(left < 0.0, left + multiple, left)
        rest = select(rest < multiple, rest, left)
    return with_sign(rest.convert(x.dtype), x)


def _integers(x: Term, y: Term) -> tuple[Term, Term]:
    """Return quotient and remainder; 0 and 0 for y = 0, and MIN / -1 wraps, as in NumPy."""
    unsigned = x.dtype.kind == "u"
    trap = y.equals(0) if unsigned else y.equals(0) | y.equals(-1)
    divisor = select(trap, 1, y)
    quotient, rest = x.apply("divide", divisor), x.apply("rem", divisor)
    if not unsigned:
        crosses = rest.differs(0) & ((rest ^ divisor) < 0)
        quotient = select(y.equals(-1), 0 - x, select(crosses, quotient - 1, quotient))
        rest = select(crosses, rest + divisor, rest)
    return select(y.equals(0), 0, quotient), rest


RULES = {"floor_divide": floor_divide, "remainder": remainder}
