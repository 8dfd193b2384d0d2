"""The error function: x + x P(x²) near zero, 1 - exp(Q(x)) beyond, Q ≈ log erfc."""

from __future__ import annotations

from lamina.compiler.elementary.coefficients import ERF, LOG_ERFC_32, LOG_ERFC_64
from lamina.compiler.elementary.exponential import reduce
from lamina.compiler.elementary.floats import at_most, format_of, with_sign
from lamina.compiler.elementary.term import Term, fma, polynomial, select

# The number beyond which erf rounds to 1, and the polynomial up to there.
_FAR = {32: (4.0, LOG_ERFC_32), 64: (6.0, LOG_ERFC_64)}


def erf(x: Term) -> Term:
    """2/√π ∫₀ˣ exp(-t²) dt."""
    bits = format_of(x.dtype).bits
    end, coefficients = _FAR[bits]
    size = abs(x)
    beyond = at_most(size, end) - 1.0
    far = 1.0 - reduce(polynomial(beyond, coefficients[bits])).small()
    near = fma(polynomial(x * x, ERF[bits]), size, size)
    return with_sign(select(size < 1.0, near, far), x)


RULES = {"erf": erf}
