"""A program's value for complex arguments: for the complex step, Im f(x + ih) / h.

Analytic functions are taken as they are. Those that choose (relu, abs, maximum, where) choose by
the real part, as they would without the step.

Source: Squire and Trapp, *Using complex variables to estimate derivatives of real functions*,
SIAM Review 40, 1998.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina.core.errors import GradientError
from lamina.core.node import Node
from lamina.core.program import Program
from lamina.core.types import is_float
from lamina.ops.contraction import Contraction
from lamina.ops.kinds import LinearInFirst
from lamina.ops.pointwise import Cast, Pointwise
from lamina.ops.scalar import Arg, Call, Const, Expr, Scalar
from lamina.ops.structure import Alias, Concatenate
from lamina.ops.window import WindowArgMax, WindowMax, WindowSelect

Complex = np.ndarray[Any, np.dtype[Any]]


def _by_real_part(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *z: function(*(each.real for each in z))


def _power(z: Complex, w: Complex) -> Complex:
    whole = (w.imag == 0) & (w.real == np.round(w.real))
    return np.where(whole, _whole_power(z, w), np.exp(w * np.log(np.where(whole, 1, z))))


def _whole_power(z: Complex, w: Complex) -> Complex:
    """Return zⁿ with its derivative n zⁿ⁻¹ along the step, which is far below rounding."""
    n = np.round(w.real)
    return np.asarray(z.real**n + 1j * z.imag * n * z.real ** (n - 1) * (n != 0))


def _softplus(z: Complex) -> Complex:
    size = np.where(z.real > 0, z, -z)
    return np.asarray(np.where(z.real > 0, z, 0) + np.log1p(np.exp(-size)))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide,
    "negative": np.negative, "square": np.square, "reciprocal": np.reciprocal,
    "sqrt": np.sqrt, "rsqrt": lambda z: 1 / np.sqrt(z), "exp": np.exp, "expm1": np.expm1,
    "log": np.log, "log1p": np.log1p, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
    "tanh": np.tanh, "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "softplus": _softplus,
    "power": _power,
    "abs": lambda z: np.where(z.real < 0, -z, z),
    "relu": lambda z: np.where(z.real > 0, z, 0),
    "maximum": lambda z, w: np.where(z.real < w.real, w, z),
    "minimum": lambda z, w: np.where(z.real < w.real, z, w),
    "clamp": lambda z, low, high: np.where(
        z.real < low.real, low, np.where(z.real > high.real, high, z)
    ),
    "where": lambda c, z, w: np.where(c.real != 0, z, w),
    "sign": _by_real_part(np.sign), "floor": _by_real_part(np.floor),
    "ceil": _by_real_part(np.ceil), "round": _by_real_part(np.round),
    "less": _by_real_part(np.less), "less_equal": _by_real_part(np.less_equal),
    "greater": _by_real_part(np.greater), "greater_equal": _by_real_part(np.greater_equal),
    "equal": _by_real_part(np.equal), "not_equal": _by_real_part(np.not_equal),
    "logical_and": _by_real_part(np.logical_and), "logical_or": _by_real_part(np.logical_or),
    "logical_not": _by_real_part(np.logical_not), "isnan": _by_real_part(np.isnan),
    "isfinite": _by_real_part(np.isfinite),
}  # fmt: skip


def complex_values(program: Program, *arguments: Complex) -> list[Complex]:
    """Return the outputs for complex values of the inputs.

    Errors: `GradientError` for an operation or function that is not analytic.
    """
    values = {id(n): a.astype(complex) for n, a in zip(program.inputs, arguments, strict=True)}
    with np.errstate(all="ignore"):
        for node in program.nodes:
            if id(node) not in values:
                values[id(node)] = _value(node, values)
    return [values[id(node)] for node in program.outputs]


def _value(node: Node, values: dict[int, Complex]) -> Complex:
    if node.value is not None:
        return np.asarray(node.value)
    operation, operands = node.operation, [values[id(operand)] for operand in node.operands]
    if isinstance(operation, Pointwise):
        return np.asarray(_scalar(operation.function, operands))
    if isinstance(operation, Cast):
        return operands[0] if is_float(operation.dtype) else np.real(operands[0])
    if isinstance(operation, Contraction | Concatenate):
        return np.asarray(operation.evaluate(*(o.astype(complex) for o in operands)))
    if not is_float(node.dtype):
        return np.asarray(operation.evaluate(*map(np.real, operands)))
    if isinstance(operation, WindowMax):
        place = WindowArgMax(operation.window).evaluate(np.real(operands[0]))
        operation, operands = WindowSelect(operation.window), [operands[0], place]
    if isinstance(operation, Alias | LinearInFirst):
        return np.asarray(operation.evaluate(operands[0], *map(np.real, operands[1:])))
    raise GradientError(f"complex step: {operation.name} cannot be evaluated; use 'central'")


def _scalar(function: Scalar, operands: Sequence[Complex]) -> Complex:
    if function.body is not None:
        return _expression(function.body, operands, {})
    if function.name not in FUNCTIONS:
        raise GradientError(
            f"complex step: {function.name} has no complex counterpart here; use the method "
            "'central' or 'ridders'"
        )
    return np.asarray(FUNCTIONS[function.name](*map(np.asarray, operands)))


def _expression(expr: Expr, operands: Sequence[Complex], known: dict[Expr, Complex]) -> Complex:
    if expr not in known:
        if isinstance(expr, Arg):
            known[expr] = operands[expr.index]
        elif isinstance(expr, Const):
            known[expr] = np.asarray(expr.value)
        else:
            assert isinstance(expr, Call)
            inner = [_expression(a, operands, known) for a in expr.arguments]
            known[expr] = _scalar(expr.function, inner)
    return known[expr]
