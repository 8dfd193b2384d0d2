"""Scalar functions as machine operations of the loop language.

A primitive has a rule here or in a module beside this one; a formula is expanded through its
body. Everything is free of branches, so that a loop over it vectorises. What is written must
not be reassociated: the rounding errors of one operation are what the next one corrects.
"""

from __future__ import annotations

from collections.abc import Callable

from lamina.compiler.elementary import (
    arithmetic,
    division,
    error_function,
    exponential,
    inverse_trigonometric,
    logarithm,
    power,
    trigonometric,
)
from lamina.compiler.elementary.term import Bindings, Graph, Term
from lamina.compiler.ir import Expression
from lamina.core.errors import ArgumentError, DTypeError
from lamina.core.types import DType, is_float
from lamina.ops.scalar import Arg, Call, Const, Expr, Scalar

RULES: dict[str, Callable[..., Term]] = {
    **arithmetic.RULES,
    **exponential.RULES,
    **logarithm.RULES,
    **error_function.RULES,
    **trigonometric.RULES,
    **inverse_trigonometric.RULES,
    **power.RULES,
    **division.RULES,
}


def expand(
    function: Scalar,
    arguments: tuple[Expression, ...],
    bindings: Bindings,
    fused: bool = True,
) -> Expression:
    """Return ``function(arguments)`` in machine operations; what it names goes to ``bindings``.

    ``fused`` says whether the machine has fma; without it results may differ in the last bit.

    Errors: `ArgumentError` for a wrong number of arguments or a function without a rule,
    `DTypeError` for an argument of a dtype that the function does not take.

    >>> from lamina.compiler.ir import Local
    >>> from lamina.core.types import float32
    >>> from lamina.ops.scalars import relu
    >>> expand(relu, (Local("x", float32),), Bindings()).name
    'select'
    """
    if len(arguments) != function.arity:
        raise ArgumentError(
            f"{function.name} takes {function.arity} arguments, got {len(arguments)}"
        )
    graph = Graph(fused)
    unique = {a: graph.term(a) for a in arguments}
    return graph.close(_expand(function, tuple(unique[a] for a in arguments)), bindings)


def _expand(function: Scalar, arguments: tuple[Term, ...]) -> Term:
    if function.body is not None:
        known: dict[Expr, Term] = {Arg(i): a for i, a in enumerate(arguments)}
        return _formula(function.body, known, arguments)
    if function.name not in RULES:
        raise ArgumentError(
            f"{function.name} cannot be compiled: lamina.compiler.elementary has no rule for it; "
            "add one, or write the function as a formula of others"
        )
    for argument, kind in zip(arguments, function.kinds, strict=True):
        if kind == "f" and not is_float(argument.dtype):
            raise DTypeError(f"{function.name}: expected a float, got {argument.dtype}")
    return RULES[function.name](*arguments)


def _formula(expr: Expr, known: dict[Expr, Term], arguments: tuple[Term, ...]) -> Term:
    """Expand a body, each of its distinct parts once."""
    if expr not in known:
        if isinstance(expr, Const):
            known[expr] = arguments[0].graph.number(expr.value, _shared(arguments))
        else:
            assert isinstance(expr, Call)
            inner = tuple(_formula(a, known, arguments) for a in expr.arguments)
            known[expr] = _expand(expr.function, inner)
    return known[expr]


def _shared(arguments: tuple[Term, ...]) -> DType:
    """Return the dtype of the arguments that are not bool (bool if all are)."""
    return next((a.dtype for a in arguments if a.dtype.kind != "b"), arguments[0].dtype)
