"""Formulas of scalar functions: put together, measured, and simplified where that is exact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from lamina.core.node import Node
from lamina.core.types import DType, bool_
from lamina.ops.pointwise import Pointwise
from lamina.ops.scalar import SCALARS, Arg, Call, Const, Expr, Scalar


def scalar_of(node: Node) -> Scalar:
    """Return a pointwise node's function."""
    assert isinstance(node.operation, Pointwise)
    return node.operation.function


def function_of(node: Node) -> Expr:
    """Return a pointwise node's function as a formula in its operands."""
    function = scalar_of(node)
    arguments = tuple(Arg(n) for n in range(function.arity))
    if function.body is None or SCALARS.get(function.name) == function:
        return Call(function, arguments)
    return function.body


def named(expr: Expr, operands: Sequence[Node], dtype: DType) -> Scalar:
    """Return the function that a formula in the operands is: a registered one if it is that."""
    plain = tuple(Arg(n) for n in range(len(operands)))
    match expr:
        case Call(function, arguments) if arguments == plain:
            if SCALARS.get(function.name) == function:
                return function
    kinds = "".join({"b": "b", "f": "f"}.get(operand.dtype.kind, "n") for operand in operands)
    return Scalar("fused", kinds, body=expr, boolean=dtype == bool_)


def applied(function: Scalar, arguments: Sequence[Expr], floats: bool) -> Expr:
    """Return ``function`` applied to expressions.

    A registered function stays a call, which has a name; the formula of any other is written
    out. ``floats`` says whether the numbers are floats (for what is exact).
    """
    if function.body is None or SCALARS.get(function.name) == function:
        return exact(function, tuple(arguments), floats)
    return _substituted(function.body, arguments, floats, {})


def _substituted(
    expr: Expr, arguments: Sequence[Expr], floats: bool, done: dict[int, Expr]
) -> Expr:
    if isinstance(expr, Arg):
        return arguments[expr.index]
    if not isinstance(expr, Call):
        return expr
    if id(expr) not in done:
        inner = tuple(_substituted(a, arguments, floats, done) for a in expr.arguments)
        done[id(expr)] = exact(expr.function, inner, floats)
    return done[id(expr)]


# What is exact -------------------------------------------------------------------------------


def exact(function: Scalar, arguments: tuple[Expr, ...], floats: bool) -> Expr:
    """Apply a function, leaving out what changes no bit of any result.

    x · 1, x / 1, x - 0 and -(-x) are x, for infinities and zeros of either sign too. x + 0 is
    x for integers only (-0 + 0 is 0), and x · 0 is never replaced (it may be NaN or -0).
    """
    rule = _RULES.get(function.name)
    found = rule(arguments, floats) if rule and SCALARS[function.name] == function else None
    return Call(function, arguments) if found is None else found


def _is(expr: Expr, value: int) -> bool:
    return isinstance(expr, Const) and str(float(expr.value)) == str(float(value))


def _multiply(arguments: tuple[Expr, ...], floats: bool) -> Expr | None:
    a, b = arguments
    if _is(a, 1):
        return b
    return a if _is(b, 1) else None


def _divide(arguments: tuple[Expr, ...], floats: bool) -> Expr | None:
    return arguments[0] if _is(arguments[1], 1) else None


def _add(arguments: tuple[Expr, ...], floats: bool) -> Expr | None:
    a, b = arguments
    if not floats and _is(a, 0):
        return b
    return a if not floats and _is(b, 0) else None


def _subtract(arguments: tuple[Expr, ...], floats: bool) -> Expr | None:
    return arguments[0] if _is(arguments[1], 0) else None


def _negative(arguments: tuple[Expr, ...], floats: bool) -> Expr | None:
    (a,) = arguments
    again = isinstance(a, Call) and a.function == SCALARS["negative"]
    return a.arguments[0] if again else None  # type: ignore[attr-defined]


_RULES: dict[str, Callable[[tuple[Expr, ...], bool], Expr | None]] = {
    "multiply": _multiply,
    "divide": _divide,
    "add": _add,
    "subtract": _subtract,
    "negative": _negative,
}

# Measures ------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def size(expr: Expr) -> int:
    """Return how many calls a formula has when it is written out."""
    return 1 + sum(map(size, expr.arguments)) if isinstance(expr, Call) else 0


@lru_cache(maxsize=4096)
def functions(expr: Expr) -> frozenset[str]:
    """Return the names of the functions that a formula calls."""
    if not isinstance(expr, Call):
        return frozenset()
    return frozenset((expr.function.name,)).union(*map(functions, expr.arguments))


@lru_cache(maxsize=4096)
def occurrences(expr: Expr, argument: int) -> int:
    """Return how often a formula mentions an argument when it is written out."""
    if isinstance(expr, Call):
        return sum(occurrences(a, argument) for a in expr.arguments)
    return int(expr == Arg(argument))


@lru_cache(maxsize=4096)
def has_number(expr: Expr) -> bool:
    """Return whether a formula mentions a constant."""
    if isinstance(expr, Call):
        return any(map(has_number, expr.arguments))
    return isinstance(expr, Const)
