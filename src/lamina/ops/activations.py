"""Activation functions as formulas. Their derivatives follow from the formula.

Functions with parameters are made by a factory, one record a parameter value; the registered
record has the usual parameters. Where a branch ends, the derivative is that of PyTorch.
Sources are named with each; overviews: Qiu, *Neural Networks and Deep Learning*, §4.1.
"""

from __future__ import annotations

from functools import lru_cache
from math import pi, sqrt

from lamina.ops.scalar import Expr, Scalar, formula, register
from lamina.ops.scalars import (
    absolute,
    equal,
    erf,
    expm1,
    log,
    log1p,
    logical_and,
    logistic,
    softplus,
    square,
    tanh,
    where,
)

silu = register(formula("silu", lambda x: x * logistic(x)))
"""SiLU or swish, x σ(x) (Ramachandran et al. 2017)."""

mish = register(formula("mish", lambda x: x * tanh(softplus(x))))
"""Mish, x tanh(log(1 + eˣ)) (Misra 2019)."""

gelu = register(formula("gelu", lambda x: 0.5 * x * (1 + erf(x / sqrt(2)))))
"""GELU, x Φ(x) (Hendrycks and Gimpel 2016)."""

gelu_tanh = register(
    formula("gelu_tanh", lambda x: 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x))))
)
"""GELU by its tanh approximation (Hendrycks and Gimpel 2016, §2)."""

softsign = register(formula("softsign", lambda x: x / (1 + absolute(x))))
"""Softsign, x / (1 + |x|) (Glorot and Bengio 2010)."""

logsigmoid = register(formula("logsigmoid", lambda x: -softplus(-x)))
"""log σ(x) without overflow."""

tanhshrink = register(formula("tanhshrink", lambda x: x - tanh(x)))
"""x - tanh x."""

prelu = register(formula("prelu", lambda x, w: where(x > 0, x, w * x), arity=2))
"""Parametric ReLU with the slope as second argument (He et al. 2015)."""

xlogy = register(
    formula("xlogy", lambda x, y: where(equal(x, 0), 0, x * log(y)), arity=2, domain=(0.2, 4.0))
)
"""x log y, and 0 where x = 0."""


def _binary_cross_entropy(p: Expr, y: Expr) -> Expr:
    """Bound the logarithms by -100; the steep line there keeps the derivative from vanishing."""
    of_one = where(log(p) > -100, log(p), 1e12 * p - 100)
    of_zero = where(log1p(-p) > -100, log1p(-p), 1e12 * (1 - p) - 100)
    return -(y * of_one + (1 - y) * of_zero)


binary_cross_entropy = register(
    formula("binary_cross_entropy", _binary_cross_entropy, arity=2, domain=(0.1, 0.9))
)
"""-(y log p + (1 - y) log(1 - p)), finite for p in {0, 1} (Goodfellow et al. 2016, §6.2.2.2)."""

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
"""The fixed point of self-normalising networks (Klambauer et al. 2017, eq. 14)."""


@lru_cache(maxsize=256)
def leaky_relu(slope: float) -> Scalar:
    """Leaky ReLU: x, and slope · x where x ≤ 0 (Maas et al. 2013)."""
    return formula(f"leaky_relu({slope:g})", lambda x: where(x > 0, x, slope * x))


@lru_cache(maxsize=256)
def elu(alpha: float, scale: float = 1.0) -> Scalar:
    """ELU: x, and α (eˣ - 1) where x ≤ 0 (Clevert et al. 2015); ``scale`` makes it SELU."""
    name = f"elu({alpha:g})" if scale == 1.0 else f"selu({alpha:g}, {scale:g})"
    return formula(name, lambda x: where(x > 0, scale * x, scale * alpha * expm1(x)))


@lru_cache(maxsize=256)
def celu(alpha: float) -> Scalar:
    """CELU: x, and α (exp(x/α) - 1) where x ≤ 0 (Barron 2017)."""
    return formula(f"celu({alpha:g})", lambda x: where(x > 0, x, alpha * expm1(x / alpha)))


@lru_cache(maxsize=256)
def softplus_scaled(beta: float, threshold: float) -> Scalar:
    """Softplus log(1 + exp(βx)) / β, linear where βx exceeds the threshold."""
    name = f"softplus({beta:g}, {threshold:g})"
    return formula(name, lambda x: where(beta * x > threshold, x, softplus(beta * x) / beta))


@lru_cache(maxsize=256)
def hardtanh(low: float, high: float) -> Scalar:
    """Clip to [low, high]; the derivative is 0 at both ends."""
    name = f"hardtanh({low:g}, {high:g})"
    return formula(name, lambda x: where(x <= low, low, where(x >= high, high, x)), domain=(-3, 7))


@lru_cache(maxsize=256)
def threshold(limit: float, value: float) -> Scalar:
    """X, and ``value`` where x ≤ limit."""
    return formula(f"threshold({limit:g}, {value:g})", lambda x: where(x <= limit, value, x))


@lru_cache(maxsize=256)
def softshrink(size: float) -> Scalar:
    """Move x towards 0 by ``size``, and to 0 where |x| ≤ size."""

    def body(x: Expr) -> Expr:
        return where(x > size, x - size, where(x < -size, x + size, 0 * x))

    return formula(f"softshrink({size:g})", body)


@lru_cache(maxsize=256)
def hardshrink(size: float) -> Scalar:
    """X, and 0 where |x| ≤ size."""
    name = f"hardshrink({size:g})"
    return formula(name, lambda x: where(logical_and(x >= -size, x <= size), 0, x))


@lru_cache(maxsize=256)
def scaled_tanh(amplitude: float, slope: float) -> Scalar:
    """A tanh(S x): LeNet-5's squashing function for A = 1.7159, S = 2/3 (LeCun et al. 1998)."""
    return formula(f"scaled_tanh({amplitude:g}, {slope:g})", lambda x: amplitude * tanh(slope * x))


@lru_cache(maxsize=256)
def huber(delta: float) -> Scalar:
    """Huber's function: x²/2, and δ (|x| - δ/2) where |x| > δ (Huber 1964)."""

    def body(x: Expr) -> Expr:
        return where(absolute(x) < delta, 0.5 * square(x), delta * (absolute(x) - 0.5 * delta))

    return formula(f"huber({delta:g})", body)


hardsigmoid = register(
    formula(
        "hardsigmoid",
        lambda x: where(x <= -3, 0, where(x >= 3, 1, x / 6 + 0.5)),
        domain=(-5.0, 5.0),
    )
)
"""A piecewise linear logistic function (Courbariaux et al. 2015)."""

hardswish = register(
    formula(
        "hardswish",
        lambda x: where(x <= -3, 0, where(x < 3, x * (x + 3) / 6, x)),
        domain=(-5.0, 5.0),
    )
)
"""x times the hard logistic function (Howard et al. 2019)."""

FAMILIES = tuple(
    register(function)
    for function in (
        leaky_relu(0.01),
        elu(1.0),
        elu(SELU_ALPHA, SELU_SCALE),
        celu(1.5),
        softplus_scaled(2.0, 20.0),
        hardtanh(-1.0, 1.0),
        hardtanh(0.0, 6.0),
        threshold(0.1, 20.0),
        softshrink(0.5),
        hardshrink(0.5),
        scaled_tanh(1.7159, 2 / 3),
        huber(1.0),
    )
)
"""A registered member of each family, so that the tests walk over all of them."""
