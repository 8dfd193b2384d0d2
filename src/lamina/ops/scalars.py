"""The scalar functions that NumPy evaluates: arithmetic, elementary functions, comparisons.

The lambda after NumPy's function gives the partial derivatives, from the arguments and the
result. Adding a function is adding a record here (or a formula in `lamina.ops.activations`).
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from lamina.core.types import Array
from lamina.ops import special
from lamina.ops.scalar import Scalar, primitive

_POSITIVE = (0.2, 4.0)
_UNIT = (-0.9, 0.9)
_PAIR = ((-3.0, 3.0), (-3.0, 3.0))

# Arithmetic ----------------------------------------------------------------------------------

add: Scalar = primitive(
    "add", np.add, lambda x, y, z: (1, 1), kinds="nn", domain=_PAIR, sympy="x + y", symbol="+"
)
subtract: Scalar = primitive(
    "subtract",
    np.subtract,
    lambda x, y, z: (1, -1),
    kinds="nn",
    domain=_PAIR,
    sympy="x - y",
    symbol="-",
)
multiply: Scalar = primitive(
    "multiply",
    np.multiply,
    lambda x, y, z: (y, x),
    kinds="nn",
    domain=_PAIR,
    sympy="x*y",
    symbol="·",
)
divide: Scalar = primitive(
    "divide",
    np.divide,
    lambda x, y, z: (1 / y, -z / y),
    kinds="ff",
    domain=((-3.0, 3.0), _POSITIVE),
    sympy="x/y",
    symbol="/",
)
negative: Scalar = primitive(
    "negative", np.negative, lambda x, y: -1, kinds="n", sympy="-x", symbol="-"
)
floor_divide: Scalar = primitive(
    "floor_divide",
    np.floor_divide,
    kinds="nn",
    domain=((-3.0, 3.0), _POSITIVE),
    sympy="floor(x/y)",
    symbol="//",
)
remainder: Scalar = primitive(
    "remainder",
    np.remainder,
    lambda x, y, z: (1, -floor(x / y)),
    kinds="nn",
    domain=((-3.0, 3.0), _POSITIVE),
    sympy="x - y*floor(x/y)",
    symbol="mod",
)
power: Scalar = primitive(
    "power",
    np.power,
    lambda x, y, z: (
        where(equal(y, 0), 0, y * power(x, y - 1)),
        where(logical_and(equal(x, 0), y >= 0), 0, z * log(x)),
    ),
    kinds="nn",
    domain=(_POSITIVE, (-2.0, 3.0)),
    sympy="x**y",
    symbol="^",
)
square: Scalar = primitive("square", np.square, lambda x, y: 2 * x, kinds="n", sympy="x**2")
reciprocal: Scalar = primitive(
    "reciprocal", np.reciprocal, lambda x, y: -(y * y), domain=_POSITIVE, sympy="1/x"
)
absolute: Scalar = primitive("abs", np.abs, lambda x, y: sign(x), kinds="n", sympy="Abs(x)")
sign: Scalar = primitive("sign", np.sign, kinds="n", sympy="sign(x)")
floor: Scalar = primitive("floor", np.floor, sympy="floor(x)")
ceil: Scalar = primitive("ceil", np.ceil, sympy="ceiling(x)")
round_: Scalar = primitive("round", np.round, sympy="floor(x + 1/2)")

# Exponentials and logarithms -----------------------------------------------------------------


def _rsqrt(x: Array) -> Array:
    return np.reciprocal(np.sqrt(x))


def _logistic(x: Array) -> Array:
    """Evaluate through exp(-|x|), which cannot overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small)).astype(x.dtype)


exp: Scalar = primitive("exp", np.exp, lambda x, y: y, sympy="exp(x)")
expm1: Scalar = primitive("expm1", np.expm1, lambda x, y: y + 1, sympy="exp(x) - 1")
log: Scalar = primitive("log", np.log, lambda x, y: 1 / x, domain=_POSITIVE, sympy="log(x)")
log1p: Scalar = primitive(
    "log1p", np.log1p, lambda x, y: 1 / (1 + x), domain=(-0.8, 4.0), sympy="log(1 + x)"
)
sqrt_: Scalar = primitive("sqrt", np.sqrt, lambda x, y: 0.5 / y, domain=_POSITIVE, sympy="sqrt(x)")
rsqrt: Scalar = primitive(
    "rsqrt", _rsqrt, lambda x, y: -0.5 * (y / x), domain=_POSITIVE, sympy="1/sqrt(x)"
)
logistic: Scalar = primitive(
    "logistic", _logistic, lambda x, y: y * (1 - y), sympy="1/(1 + exp(-x))"
)
softplus: Scalar = primitive(
    "softplus",
    lambda x: np.logaddexp(x, x.dtype.type(0)),
    lambda x, y: logistic(x),
    sympy="log(1 + exp(x))",
)
erf: Scalar = primitive(
    "erf", special.erf, lambda x, y: 2 / sqrt(pi) * exp(-square(x)), sympy="erf(x)"
)

# Trigonometric and hyperbolic ----------------------------------------------------------------

sin: Scalar = primitive("sin", np.sin, lambda x, y: cos(x), sympy="sin(x)")
cos: Scalar = primitive("cos", np.cos, lambda x, y: -sin(x), sympy="cos(x)")
tan: Scalar = primitive("tan", np.tan, lambda x, y: 1 + y * y, domain=(-1.2, 1.2), sympy="tan(x)")
asin: Scalar = primitive(
    "asin", np.arcsin, lambda x, y: rsqrt(1 - x * x), domain=_UNIT, sympy="asin(x)"
)
acos: Scalar = primitive(
    "acos", np.arccos, lambda x, y: -rsqrt(1 - x * x), domain=_UNIT, sympy="acos(x)"
)
atan: Scalar = primitive("atan", np.arctan, lambda x, y: 1 / (1 + x * x), sympy="atan(x)")
sinh: Scalar = primitive("sinh", np.sinh, lambda x, y: cosh(x), sympy="sinh(x)")
cosh: Scalar = primitive("cosh", np.cosh, lambda x, y: sinh(x), sympy="cosh(x)")
tanh: Scalar = primitive("tanh", np.tanh, lambda x, y: 1 - y * y, sympy="tanh(x)")

# Choices -------------------------------------------------------------------------------------

relu: Scalar = primitive(
    "relu",
    lambda x: np.maximum(x, x.dtype.type(0)),
    lambda x, y: where(x <= 0, 0, 1),
    kinds="n",
    sympy="Max(x, 0)",
)
maximum: Scalar = primitive(
    "maximum",
    np.maximum,
    lambda x, y, z: (
        where(x > y, 1, where(x < y, 0, 0.5)),
        where(y > x, 1, where(y < x, 0, 0.5)),
    ),
    kinds="nn",
    domain=_PAIR,
    sympy="Max(x, y)",
)
minimum: Scalar = primitive(
    "minimum",
    np.minimum,
    lambda x, y, z: (
        where(x < y, 1, where(x > y, 0, 0.5)),
        where(y < x, 1, where(y > x, 0, 0.5)),
    ),
    kinds="nn",
    domain=_PAIR,
    sympy="Min(x, y)",
)
clamp: Scalar = primitive(
    "clamp",
    lambda x, low, high: np.minimum(np.maximum(x, low), high),
    lambda x, low, high, z: (
        where(logical_and(low <= x, x <= high), 1, 0),
        where(logical_and(x < low, low < high), 1, 0),
        where(logical_or(x > high, low > high), 1, 0),
    ),
    kinds="nnn",
    domain=((-3.0, 3.0), (-1.5, -0.5), (0.5, 1.5)),
    sympy="Min(Max(x, y), z)",
)
where: Scalar = primitive(
    "where",
    np.where,
    lambda c, x, y, z: (None, where(c, 1, 0), where(c, 0, 1)),
    kinds="baa",
    domain=((0.0, 1.0), *_PAIR),
    sympy="Piecewise((y, x), (z, True))",
)

# Predicates ----------------------------------------------------------------------------------

less: Scalar = primitive("less", np.less, kinds="aa", boolean=True, sympy="x < y", symbol="<")
less_equal: Scalar = primitive(
    "less_equal", np.less_equal, kinds="aa", boolean=True, sympy="x <= y", symbol="≤"
)
greater: Scalar = primitive(
    "greater", np.greater, kinds="aa", boolean=True, sympy="x > y", symbol=">"
)
greater_equal: Scalar = primitive(
    "greater_equal", np.greater_equal, kinds="aa", boolean=True, sympy="x >= y", symbol="≥"
)
equal: Scalar = primitive("equal", np.equal, kinds="aa", boolean=True, sympy="Eq(x, y)", symbol="=")
not_equal: Scalar = primitive(
    "not_equal", np.not_equal, kinds="aa", boolean=True, sympy="Ne(x, y)", symbol="≠"
)
logical_and: Scalar = primitive(
    "logical_and", np.logical_and, kinds="bb", boolean=True, sympy="x & y", symbol="∧"
)
logical_or: Scalar = primitive(
    "logical_or", np.logical_or, kinds="bb", boolean=True, sympy="x | y", symbol="∨"
)
logical_xor: Scalar = primitive(
    "logical_xor", np.logical_xor, kinds="bb", boolean=True, sympy="x ^ y"
)
logical_not: Scalar = primitive(
    "logical_not", np.logical_not, kinds="b", boolean=True, sympy="~x", symbol="¬"
)
isnan: Scalar = primitive("isnan", np.isnan, kinds="f", boolean=True, sympy="Ne(x, x)")
isfinite: Scalar = primitive("isfinite", np.isfinite, kinds="f", boolean=True, sympy="Eq(x - x, 0)")
