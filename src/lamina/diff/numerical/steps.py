"""How far to step: far enough that rounding does not drown the difference, and no farther."""

from __future__ import annotations

import numpy as np

from lamina.core.types import Array

RIDDERS_STEP = 2.0**-3
"""The first step of an extrapolation, for |x| ≤ 1: far, since it gets shorter by itself."""

COMPLEX_STEP = 2.0**-100
"""A step along the imaginary axis: nothing is subtracted, so it may be as short as one likes."""


def powers_of_two(steps: Array) -> Array:
    """Return the nearest powers of two (on a logarithmic scale): adding them rounds least.

    >>> powers_of_two(np.array([0.3, 1e-3, 5.0]))
    array([2.500000e-01, 9.765625e-04, 4.000000e+00])
    """
    with np.errstate(all="ignore"):
        return np.exp2(np.round(np.log2(steps)))


def balanced_steps(x: Array, eps: float, order: int) -> Array:
    """Return for each element the step ``ε^(1/(order+1)) · max(|x|, 1)``, as a power of two.

    It balances the truncation error ``O(hᵒʳᵈᵉʳ)`` of a difference with the rounding error
    ``O(ε/h)``: order 1 gives √ε for a one-sided difference, order 2 gives ε^(1/3) for a central
    one. Source: Press et al., *Numerical Recipes*, §5.7.
    """
    return powers_of_two(eps ** (1 / (order + 1)) * np.maximum(np.abs(x.astype(np.float64)), 1))


def ridders_steps(x: Array) -> Array:
    """Return for each element the first step of an extrapolation, in proportion to |x|."""
    return powers_of_two(RIDDERS_STEP * np.maximum(np.abs(x.astype(np.float64)), 1))
