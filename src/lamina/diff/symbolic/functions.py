"""From SymPy expressions back to functions of tensors, which compile and can be differentiated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
import sympy

import lamina.tensors as T
from lamina.core.errors import ArgumentError
from lamina.core.types import float32
from lamina.diff.symbolic.expressions import Expressions
from lamina.tensors import Tensor, as_tensor

Values = dict[Any, Tensor]


def _all(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda *args: reduce(function, args)


HEADS: dict[Any, Callable[..., Tensor]] = {
    sympy.Add: _all(lambda a, b: a + b),
    sympy.Mul: _all(lambda a, b: a * b),
    sympy.Max: _all(T.maximum),
    sympy.Min: _all(T.minimum),
    sympy.exp: T.exp, sympy.log: T.log, sympy.sin: T.sin, sympy.cos: T.cos, sympy.tan: T.tan,
    sympy.asin: T.asin, sympy.acos: T.acos, sympy.atan: T.atan, sympy.sinh: T.sinh,
    sympy.cosh: T.cosh, sympy.tanh: T.tanh, sympy.erf: T.erf, sympy.Abs: T.abs,
    sympy.sign: T.sign, sympy.floor: T.floor, sympy.ceiling: T.ceil,
    sympy.Lt: lambda a, b: a < b, sympy.Le: lambda a, b: a <= b, sympy.Gt: lambda a, b: a > b,
    sympy.Ge: lambda a, b: a >= b, sympy.Eq: lambda a, b: a == b, sympy.Ne: lambda a, b: a != b,
    sympy.And: _all(lambda a, b: a & b), sympy.Or: _all(lambda a, b: a | b),
    sympy.Not: lambda a: ~a,
}  # fmt: skip
"""What stands for which head of an expression."""


def to_function(found: Any, *variables: Any) -> Callable[..., Tensor]:
    """Return a function of tensors that computes an expression, or an array of them.

    Args:
        found: an expression, or an array (or list) of expressions.
        variables: for each argument of the function its symbol, or an array of symbols.

    What expressions have in common is computed once. The function compiles (`lamina.compile`) and
    can be differentiated.

    Errors: `ArgumentError` for a head without a counterpart, and for a symbol that is no variable.

    >>> import lamina
    >>> x = sympy.Symbol("x", real=True)
    >>> f = to_function(sympy.exp(-x) * x**2, x)
    >>> round(f(lamina.tensor(2.0)).item(), 5), round(lamina.grad(f)(lamina.tensor(2.0)).item(), 5)
    (0.54134, 0.0)
    """
    wanted = np.asarray(found, object)
    arrays = [np.asarray(variable, object) for variable in variables]
    common, reduced = sympy.cse(list(wanted.ravel()))
    _check(wanted, arrays)

    def function(*args: Any) -> Tensor:
        values = _given(arrays, args)
        for name, expression in common:
            values[name] = _value(expression, values)
        results = [_value(expression, values) for expression in reduced]
        return results[0] if not wanted.shape else T.stack(results).reshape(*wanted.shape)

    return function


def _check(wanted: Expressions, arrays: Sequence[Expressions]) -> None:
    known = {symbol for array in arrays for symbol in array.ravel()}
    free = {symbol for each in wanted.ravel() for symbol in sympy.sympify(each).free_symbols}
    if free - known:
        names = ", ".join(sorted(map(str, free - known)))
        raise ArgumentError(f"to_function: {names} is no variable; name it among the variables")


def _given(arrays: Sequence[Expressions], args: Sequence[Any]) -> Values:
    if len(args) != len(arrays):
        raise ArgumentError(f"to_function: expected {len(arrays)} arguments, got {len(args)}")
    values: Values = {}
    for array, arg in zip(arrays, args, strict=True):
        given = as_tensor(arg)
        if tuple(given.shape) != array.shape:
            raise ArgumentError(
                f"to_function: expected an argument of shape {array.shape}, got {given.shape}"
            )
        for place in np.ndindex(*array.shape):
            values[array[place]] = given[place] if place else given
    return values


def _value(expression: Any, values: Values) -> Any:
    if expression in values:
        return values[expression]
    if expression in (sympy.true, sympy.false):
        return as_tensor(bool(expression))
    if isinstance(expression, sympy.Number | sympy.NumberSymbol):
        return _like(float(expression), values)
    if isinstance(expression, sympy.Pow):
        return _power(expression, values)
    if isinstance(expression, sympy.Piecewise):
        return _pieces(expression.args, values)
    head = HEADS.get(expression.func)
    if head is None:
        known = ", ".join(sorted(h.__name__ for h in HEADS))
        raise ArgumentError(
            f"to_function: {expression.func.__name__} has no counterpart; there are Pow, "
            f"Piecewise, {known}"
        )
    return head(*(_value(argument, values) for argument in expression.args))


def _like(number: float, values: Values) -> Tensor:
    """Return a number in the precision of the variables."""
    dtype = next((v.dtype for v in values.values() if v.dtype.kind == "f"), float32)
    return as_tensor(np.asarray(number, dtype))


def _power(expression: Any, values: Values) -> Tensor:
    base, exponent = expression.args
    if base == sympy.E:
        return T.exp(_value(exponent, values))
    given: Tensor = _value(base, values)
    if exponent == sympy.Rational(1, 2):
        return T.sqrt(given)
    if exponent == -1:
        return 1 / given
    if isinstance(exponent, sympy.Integer):
        exponent = int(exponent)
    else:
        exponent = _value(exponent, values)
    found: Tensor = given**exponent
    return found


def _pieces(pieces: Sequence[Any], values: Values) -> Tensor:
    (value, condition), *rest = pieces
    if condition == sympy.true or not rest:
        found: Tensor = _value(value, values)
        return found
    return T.where(_value(condition, values), _value(value, values), _pieces(rest, values))
