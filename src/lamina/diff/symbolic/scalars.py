"""Scalar functions as SymPy expressions, read from the one record of each function."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy

from lamina.core.errors import ArgumentError
from lamina.ops.scalar import Arg, Call, Const, Expr, Out, Scalar

_NAMES = ("x", "y", "z")


def to_sympy(function: Scalar | Expr, *arguments: Any, out: Any = None) -> Any:
    """Return a scalar function of ``arguments`` (or an expression in them) in SymPy.

    A function given without arguments is one of the real symbols x, y, z; an argument that
    must be bool is a plain symbol. ``out`` stands for the result, in partial derivatives that
    are written by it.

    Errors: `ArgumentError` if arguments are missing, or a function has no counterpart.

    >>> from lamina.ops import activations, scalars
    >>> x = sympy.Symbol("x", real=True)
    >>> to_sympy(activations.silu)
    x/(1 + exp(-x))
    >>> sympy.diff(to_sympy(scalars.tanh), x)
    1 - tanh(x)**2
    >>> to_sympy(scalars.tanh.partial(0), x, out=to_sympy(scalars.tanh))
    1 - tanh(x)**2
    """
    if isinstance(function, Expr):
        return _expression(function, arguments, out)
    given = arguments or symbols(function)
    if len(given) != function.arity:
        raise ArgumentError(
            f"to_sympy: {function.name} takes {function.arity} arguments, got {len(given)}"
        )
    if function.body is not None:
        return _expression(function.body, given, out)
    if not function.sympy:
        raise ArgumentError(f"to_sympy: {function.name} has no counterpart in SymPy")
    return _pattern(function.sympy).xreplace(_named(given))


def symbols(function: Scalar) -> tuple[Any, ...]:
    """Return the symbols x, y, z for a function's arguments, real unless they are bool."""
    if function.arity > len(_NAMES):
        raise ArgumentError(f"to_sympy: {function.name} has more than 3 arguments; name them")
    return tuple(
        sympy.Symbol(name, real=None if kind == "b" else True)
        for name, kind in zip(_NAMES, function.kinds, strict=False)
    )


@lru_cache(maxsize=256)
def _pattern(text: str) -> Any:
    return sympy.sympify(text, locals=_placeholders(), convert_xor=False)


def _placeholders() -> dict[str, Any]:
    return {name: sympy.Symbol(name) for name in _NAMES}


def _named(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    return dict(zip(_placeholders().values(), map(sympy.sympify, arguments), strict=False))


def _expression(expr: Expr, arguments: tuple[Any, ...], out: Any) -> Any:
    if isinstance(expr, Const):
        return _number(expr.value)
    if isinstance(expr, Call):
        inner = [_expression(a, arguments, out) for a in expr.arguments]
        return to_sympy(expr.function, *inner)
    if isinstance(expr, Arg) and expr.index < len(arguments):
        return arguments[expr.index]
    if isinstance(expr, Out) and out is not None:
        return out
    missing = (
        "give out=, the result" if isinstance(expr, Out) else f"got {len(arguments)} arguments"
    )
    raise ArgumentError(f"to_sympy: nothing stands for {expr}; {missing}")


def _number(value: float) -> Any:
    return sympy.Integer(int(value)) if float(value).is_integer() else sympy.Float(value)
