"""Scalar functions of complex numbers: their analytic continuation off the real axis.

Where a function has branches (`relu`, `maximum`, `where`, …), the real part chooses, which is right
wherever the function is differentiable. Exactly where branches meet it is not, and
`NotAnalyticError` says so. Off the real function's domain the result is NaN, as there.

Source: Martins, Sturdza and Alonso, *The complex-step derivative approximation*, ACM Transactions
on Mathematical Software 29, 2003, section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.polynomial.chebyshev import chebval

from lamina.core.errors import GradientError
from lamina.core.types import Array
from lamina.ops import scalars, special
from lamina.ops.scalar import Arg, Call, Const, Expr, Scalar
from lamina.ops.scalar_calculus import evaluate as evaluate_real


class NotAnalyticError(GradientError):
    """The complex step meets an operation that has no derivative by it (at this point)."""


def not_analytic(name: str, why: str) -> NotAnalyticError:
    """Return the error that names the operation."""
    return NotAnalyticError(
        f"complex step: {name} {why}; use another method (central, ridders), or another point"
    )


def evaluate(function: Scalar, operands: Sequence[Array]) -> Array:
    """Return the function's value for operands of which some are complex, element by element."""
    if not any(map(np.iscomplexobj, operands)):
        return evaluate_real(function, operands)
    if function.body is not None:
        arguments: dict[Expr, Array] = {Arg(n): a for n, a in enumerate(operands)}
        value = _formula(function.body, arguments)
        return np.broadcast_to(value, np.broadcast_shapes(*map(np.shape, operands)))
    rule = _RULES.get(function.numpy)
    if rule is None:
        raise not_analytic(function.name, "has no known continuation to complex numbers")
    return np.asarray(rule(*operands))


def _formula(expr: Expr, known: dict[Expr, Array]) -> Array:
    if expr not in known:
        if isinstance(expr, Const):
            known[expr] = np.asarray(expr.value, np.float64)
        else:
            assert isinstance(expr, Call)
            operands = [_formula(argument, known) for argument in expr.arguments]
            known[expr] = evaluate(expr.function, operands)
    return known[expr]


# Where a function is not analytic ------------------------------------------------------------


def _refuse(name: str, where: Any, why: str) -> None:
    if np.any(where):
        raise not_analytic(name, f"is not analytic at this point: {why}")


def _moves(z: Array) -> Any:
    """Return where a number depends on what is varied."""
    return np.imag(z) != 0


def _tied(x: Array, y: Array) -> Any:
    """Return where two numbers are equal, but will not be when the variable moves."""
    return (np.real(x) == np.real(y)) & (np.imag(x) != np.imag(y))


def _on(domain: Any, value: Array) -> Array:
    return np.where(domain, value, complex(np.nan, np.nan))


# Rules ---------------------------------------------------------------------------------------


def _absolute(z: Array) -> Array:
    _refuse("abs", (z.real == 0) & _moves(z), "it has a kink at 0")
    return np.where(z.real < 0, -z, z)


def _relu(z: Array) -> Array:
    _refuse("relu", (z.real == 0) & _moves(z), "it has a kink at 0")
    return np.where(z.real <= 0, 0, z)


def _maximum(x: Array, y: Array) -> Array:
    _refuse("maximum", _tied(x, y), "its arguments are equal")
    first = (np.real(x) >= np.real(y)) | np.isnan(np.real(x))
    return np.where(first, x, y)


def _minimum(x: Array, y: Array) -> Array:
    _refuse("minimum", _tied(x, y), "its arguments are equal")
    first = (np.real(x) <= np.real(y)) | np.isnan(np.real(x))
    return np.where(first, x, y)


def _clamp(x: Array, low: Array, high: Array) -> Array:
    _refuse("clamp", _tied(x, low) | _tied(x, high), "its argument is a limit")
    return _minimum(_maximum(x, low), high)


def _stepwise(name: str, numpy: Any, jumps: Callable[[Array], Any]) -> Callable[[Array], Array]:
    """Return the rule of a function that is constant between jumps."""

    def rule(z: Array) -> Array:
        _refuse(name, jumps(z.real) & _moves(z), "it jumps there")
        return np.asarray(numpy(z.real))

    return rule


def _floor_divide(x: Array, y: Array) -> Array:
    quotient = np.real(x) / np.real(y)
    moving = np.imag(x / y) != 0
    _refuse("floor_divide", (quotient == np.floor(quotient)) & moving, "it jumps there")
    return np.asarray(np.floor_divide(np.real(x), np.real(y)))


def _remainder(x: Array, y: Array) -> Array:
    return np.asarray(x - y * _floor_divide(x, y))


def _comparison(name: str, numpy: Any) -> Callable[[Array, Array], Array]:
    """Return the rule of a predicate: it compares real parts."""

    def rule(x: Array, y: Array) -> Array:
        _refuse(name, _tied(x, y), "what it compares is equal, and branches meet there")
        return np.asarray(numpy(np.real(x), np.real(y)))

    return rule


def _power(x: Array, y: Array) -> Array:
    base, exponent = np.real(x), np.real(y)
    whole = (exponent == np.round(exponent)) & ~_moves(y)
    _refuse("power", (base == 0) & _moves(x) & ~whole & (exponent < 1), "it has no tangent at 0")
    value = np.power(np.asarray(x, np.complex128), y)
    value = np.where((base == 0) & (exponent > 0) & ~_moves(x), 0, value)
    return _on(whole | (base > 0) | ((base == 0) & (exponent > 0)), value)


def _sqrt(z: Array) -> Array:
    _refuse("sqrt", (z.real == 0) & _moves(z), "it has no tangent at 0")
    return _on(z.real >= 0, np.sqrt(z))


def _log1p(z: Array) -> Array:
    """Evaluate so that the real part stays accurate near zero."""
    x, y = z.real, z.imag
    value = 0.5 * np.log1p(x * (x + 2) + y * y) + 1j * np.arctan2(y, 1 + x)
    return _on(x >= -1, value)


def _logistic(z: Array) -> Array:
    small = np.exp(np.where(z.real >= 0, -z, z))
    return np.where(z.real >= 0, 1 / (1 + small), small / (1 + small))


def _softplus(z: Array) -> Array:
    positive = z.real >= 0
    return np.where(positive, z, 0) + _log1p(np.exp(np.where(positive, -z, z)))


def _erf(z: Array) -> Array:
    """Continue the two series of `lamina.ops.special.erf`, which are polynomials."""
    outward = np.where(z.real < 0, -z, z)
    near = np.where(outward.real < 2, outward, 2)
    far = np.where(outward.real < 2, 2, outward)
    inner = near * chebval((near * near - 2) / 2, special._NEAR)
    outer = 1 - np.exp(-far * far) / far * chebval((1 / far - 1 / 3) * 6, special._FAR)
    value = np.where(outward.real < 2, inner, outer)
    return np.asarray(np.where(z.real < 0, -value, value))


def _arc(numpy: Any) -> Callable[[Array], Array]:
    return lambda z: _on(np.abs(z.real) <= 1, np.asarray(numpy(z)))


def _of_real_part(numpy: Any) -> Callable[[Array], Array]:
    return lambda z: np.asarray(numpy(z.real))


def _whole(x: Array) -> Any:
    return x == np.floor(x)


def _halfway(x: Array) -> Any:
    return x - np.floor(x) == 0.5


_ENTIRE = (
    scalars.add,
    scalars.subtract,
    scalars.multiply,
    scalars.divide,
    scalars.negative,
    scalars.square,
    scalars.reciprocal,
    scalars.exp,
    scalars.expm1,
    scalars.sin,
    scalars.cos,
    scalars.tan,
    scalars.atan,
    scalars.sinh,
    scalars.cosh,
    scalars.tanh,
    scalars.where,
)
"""Functions that NumPy evaluates for complex numbers as for real ones."""

_COMPARISONS = (
    scalars.less,
    scalars.less_equal,
    scalars.greater,
    scalars.greater_equal,
    scalars.equal,
    scalars.not_equal,
)

_RULES: dict[Any, Callable[..., Array]] = {
    **{function.numpy: function.numpy for function in _ENTIRE if function.numpy},
    **{f.numpy: _comparison(f.name, f.numpy) for f in _COMPARISONS},
    scalars.absolute.numpy: _absolute,
    scalars.relu.numpy: _relu,
    scalars.maximum.numpy: _maximum,
    scalars.minimum.numpy: _minimum,
    scalars.clamp.numpy: _clamp,
    scalars.sign.numpy: _stepwise("sign", np.sign, lambda x: x == 0),
    scalars.floor.numpy: _stepwise("floor", np.floor, _whole),
    scalars.ceil.numpy: _stepwise("ceil", np.ceil, _whole),
    scalars.round_.numpy: _stepwise("round", np.round, _halfway),
    scalars.floor_divide.numpy: _floor_divide,
    scalars.remainder.numpy: _remainder,
    scalars.power.numpy: _power,
    scalars.sqrt_.numpy: _sqrt,
    scalars.rsqrt.numpy: lambda z: 1 / _sqrt(z),
    scalars.log.numpy: lambda z: _on(z.real >= 0, np.log(z)),
    scalars.log1p.numpy: _log1p,
    scalars.logistic.numpy: _logistic,
    scalars.softplus.numpy: _softplus,
    scalars.erf.numpy: _erf,
    scalars.asin.numpy: _arc(np.arcsin),
    scalars.acos.numpy: _arc(np.arccos),
    scalars.isnan.numpy: _of_real_part(np.isnan),
    scalars.isfinite.numpy: _of_real_part(np.isfinite),
}
