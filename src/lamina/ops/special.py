"""Special functions that NumPy lacks, by Chebyshev series."""

from __future__ import annotations

import numpy as np
from numpy.polynomial.chebyshev import chebval

from lamina.core.types import Array

# Chebyshev coefficients computed in 40 digits from the definitions:
# erf(√t) / √t for t in [0, 4], and erfc(1/u) exp(1/u²) / u for u in [1/6, 1/2].
_NEAR = np.array(
    [
        0.74155528204240179094,
        -0.30107107338659494247,
        0.068994830689831566247,
        -0.013916271264722187683,
        0.0024207995224334636629,
        -0.00036586396858480864465,
        0.000048620984432319048283,
        -5.7492565580356848351e-6,
        6.1132435784347646971e-7,
        -5.8991015312958434391e-8,
        5.2070090920686482405e-9,
        -4.2329758799655432681e-10,
        3.1881135066491749748e-11,
        -2.2361550188326842727e-12,
        1.4673298479910849185e-13,
        -9.0440019853817471415e-15,
        5.2548137154709186774e-16,
        -2.8874261222849453543e-17,
    ]
)
_FAR = np.array(
    [
        0.53537320684388194571,
        -0.023155412139469354446,
        -0.0016392210759605804508,
        0.00022227996277607012724,
        -8.7899995427353404302e-6,
        -8.8103957167908124307e-7,
        1.8418972159404268069e-7,
        -1.408724766132011637e-8,
        -2.1633908484773031233e-10,
        2.10643173095270633e-10,
        -2.979314476337555109e-11,
        1.8153634618564102681e-12,
        1.452450319186951776e-13,
    ]
)


def erf(x: Array) -> Array:
    """Return the error function ``2/√π ∫₀ˣ exp(-t²) dt`` to double precision, in ``x``'s dtype.

    Evaluated as ``x P(x²)`` near zero and ``1 - exp(-x²) Q(1/x)/x`` beyond 2 (NIST DLMF, §7).

    >>> erf(np.array([0.0, 0.5, np.inf]))
    array([0.        , 0.52049988, 1.        ])
    """
    size = np.abs(np.asarray(x, np.float64))
    near = np.minimum(size, 2.0)
    far = np.clip(size, 2.0, 6.0)
    inner = near * chebval((near * near - 2.0) / 2.0, _NEAR)
    outer = 1.0 - np.exp(-far * far) / far * chebval((1.0 / far - 1 / 3) * 6.0, _FAR)
    value = np.where(size < 2.0, inner, outer)
    return np.where(np.isnan(x), x, np.copysign(value, x)).astype(np.asarray(x).dtype)
