"""Calculus on scalar expressions: simplify, substitute, differentiate, evaluate, print."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from lamina.core.types import Array, DType
from lamina.ops.scalar import SCALARS, Arg, Call, Const, Expr, Out, Scalar, arguments_of

ZERO, ONE = Const(0), Const(1)


# Simplification ------------------------------------------------------------------------------


def simplified(function: Scalar, arguments: tuple[Expr, ...]) -> Expr:
    """Return ``function(arguments)`` with 0, 1 and branches that coincide removed."""
    rule = _RULES.get(function.name)
    found = rule(*arguments) if rule else None
    return Call(function, arguments) if found is None else found


def _add(a: Expr, b: Expr) -> Expr | None:
    if a == ZERO:
        return b
    if b == ZERO:
        return a
    if _is_where(a) and _is_where(b) and _condition(a) == _condition(b):
        (_, x, y), (_, u, v) = _arguments(a), _arguments(b)
        return _select(_condition(a), x + u, y + v)
    return None


def _subtract(a: Expr, b: Expr) -> Expr | None:
    if b == ZERO:
        return a
    return -b if a == ZERO else None


def _multiply(a: Expr, b: Expr) -> Expr | None:
    if ZERO in (a, b):
        return ZERO
    if a == ONE:
        return b
    if b == ONE:
        return a
    if Const(-1) in (a, b):
        return -(b if a == Const(-1) else a)
    return _distribute(a, b)


def _distribute(a: Expr, b: Expr) -> Expr | None:
    """Move a product into the branches of `where`, so that 0 · inf cannot arise in a dead one."""
    if _is_where(a):
        condition, x, y = _arguments(a)
        return _select(condition, x * b, y * b)
    if _is_where(b):
        condition, x, y = _arguments(b)
        return _select(condition, a * x, a * y)
    return None


def _divide(a: Expr, b: Expr) -> Expr | None:
    if a == ZERO:
        return ZERO
    return a if b == ONE else None


def _negative(a: Expr) -> Expr | None:
    if isinstance(a, Const):
        return Const(-a.value)
    if isinstance(a, Call) and a.function.name == "negative":
        return a.arguments[0]
    if _is_where(a):
        condition, x, y = _arguments(a)
        return _select(condition, -x, -y)
    return None


def _where(condition: Expr, a: Expr, b: Expr) -> Expr | None:
    return a if a == b else None


_RULES: dict[str, Callable[..., Expr | None]] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "negative": _negative,
    "where": _where,
}


def _is_where(expr: Expr) -> bool:
    return isinstance(expr, Call) and expr.function.name == "where"


def _arguments(expr: Expr) -> tuple[Expr, ...]:
    assert isinstance(expr, Call)
    return expr.arguments


def _condition(expr: Expr) -> Expr:
    return _arguments(expr)[0]


def _select(condition: Expr, a: Expr, b: Expr) -> Expr:
    return simplified(SCALARS["where"], (condition, a, b))


# Substitution and differentiation ------------------------------------------------------------


def substitute(expr: Expr, by: Mapping[Expr, Expr]) -> Expr:
    """Replace arguments and the result by other expressions."""
    if expr in by:
        return by[expr]
    if isinstance(expr, Call):
        return simplified(expr.function, tuple(substitute(a, by) for a in expr.arguments))
    return expr


@lru_cache(maxsize=4096)
def partial(function: Scalar, index: int) -> Expr:
    """Return the partial derivative of ``function`` by argument ``index``."""
    if function.body is not None:
        return differentiate(function.body, Arg(index))
    if function.derivatives is None:
        return ZERO
    arguments = [Arg(i) for i in range(function.arity)]
    found = function.derivatives(*arguments, Out())
    value = found[index] if isinstance(found, tuple) else found
    if value is None:
        return ZERO
    return value if isinstance(value, Expr) else Const(value)


@lru_cache(maxsize=4096)
def differentiate(expr: Expr, by: Arg) -> Expr:
    """Return d expr / d by, by the chain rule over the expression."""
    if not isinstance(expr, Call):
        return ONE if expr == by else ZERO
    names: dict[Expr, Expr] = {Arg(i): a for i, a in enumerate(expr.arguments)}
    names[Out()] = expr
    total: Expr = ZERO
    for i, argument in enumerate(expr.arguments):
        inner = differentiate(argument, by)
        if inner != ZERO:
            total = total + inner * substitute(partial(expr.function, i), names)
    return total


@lru_cache(maxsize=4096)
def product_with_partial(function: Scalar, index: int) -> tuple[Scalar, tuple[int | None, ...]]:
    """Return the function ``(…, v) -> v · ∂function/∂index`` and which inputs it reads.

    The inputs are argument numbers, or None for the function's result; the vector v comes
    last. This one function is both the reverse rule and the forward rule.
    """
    expr = partial(function, index)
    inputs = tuple(sorted(arguments_of(expr), key=lambda a: function.arity if a is None else a))
    vector = Arg(len(inputs))
    names: dict[Expr, Expr] = {
        (Out() if a is None else Arg(a)): Arg(i) for i, a in enumerate(inputs)
    }
    body = vector * substitute(expr, names)
    kinds = "".join(_kind_for_derivative(function, a) for a in inputs) + "f"
    return Scalar(f"{function.name}'", kinds, body=body), inputs


def _kind_for_derivative(function: Scalar, argument: int | None) -> str:
    return "b" if argument is not None and function.kinds[argument] == "b" else "f"


# Evaluation ----------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _steps(function: Scalar) -> tuple[list[tuple[Callable[..., Any], tuple[int, ...]]], list[Any]]:
    """Flatten a body into steps over slots: arguments, then constants, then intermediate values."""
    assert function.body is not None
    slots: dict[Expr, int] = {Arg(i): i for i in range(function.arity)}
    constants = list(dict.fromkeys(_constants(function.body)))
    slots |= {c: function.arity + i for i, c in enumerate(constants)}
    steps: list[tuple[Callable[..., Any], tuple[int, ...]]] = []
    _flatten(function.body, slots, steps)
    return steps, [c.value for c in constants]


def _constants(expr: Expr) -> list[Const]:
    if isinstance(expr, Const):
        return [expr]
    return [c for a in expr.arguments for c in _constants(a)] if isinstance(expr, Call) else []


def _flatten(
    expr: Expr, slots: dict[Expr, int], steps: list[tuple[Callable[..., Any], tuple[int, ...]]]
) -> int:
    if expr in slots:
        return slots[expr]
    assert isinstance(expr, Call)
    function = expr.function
    arguments = tuple(_flatten(a, slots, steps) for a in expr.arguments)
    steps.append((function.numpy or (lambda *a: evaluate(function, a)), arguments))
    slots[expr] = len(slots)
    return slots[expr]


def evaluate(function: Scalar, operands: Sequence[Array]) -> Array:
    """Return the function's value, element by element, in the operands' own dtype."""
    if function.numpy is not None:
        return np.asarray(function.numpy(*operands))
    steps, constants = _steps(function)
    dtype = common_dtype(operands)
    values: list[Any] = [*operands, *(dtype.type(c) for c in constants)]
    for numpy, arguments in steps:
        values.append(numpy(*[values[a] for a in arguments]))
    result = values[-1] if steps else values[_steps_result(function)]
    return np.asarray(np.broadcast_to(result, np.broadcast_shapes(*map(np.shape, operands))))


def _steps_result(function: Scalar) -> int:
    body = function.body
    return body.index if isinstance(body, Arg) else function.arity


def common_dtype(operands: Sequence[Array]) -> DType:
    """Return the dtype shared by the operands that are not bool (bool if all are)."""
    return next((o.dtype for o in operands if o.dtype.kind != "b"), operands[0].dtype)


# Printing ------------------------------------------------------------------------------------


def render(expr: Expr, names: Sequence[str], out: str = "out") -> str:
    """Return an expression as text; infix where the function has a symbol."""
    return _render(expr, names, out)[0]


def _render(expr: Expr, names: Sequence[str], out: str) -> tuple[str, bool]:
    """Return the text and whether it needs parentheses inside another infix."""
    if isinstance(expr, Arg):
        return names[expr.index], False
    if isinstance(expr, Const):
        return f"{expr.value:g}", expr.value < 0
    if isinstance(expr, Out):
        return out, False
    assert isinstance(expr, Call)
    parts = [_render(a, names, out) for a in expr.arguments]
    symbol = expr.function.symbol
    if not symbol:
        return f"{expr.function.name}({', '.join(text for text, _ in parts)})", False
    wrapped = [f"({text})" if loose else text for text, loose in parts]
    return (f" {symbol} ".join(wrapped) if len(parts) > 1 else symbol + wrapped[0]), True
