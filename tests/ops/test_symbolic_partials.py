"""Every scalar record against SymPy: its value, its formula, its partial derivatives."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import sympy

from lamina.core.errors import ArgumentError
from lamina.core.types import Array
from lamina.diff.symbolic.scalars import symbols, to_sympy
from lamina.ops import SCALARS, activations, scalars
from lamina.ops.pointwise import example_operands
from lamina.ops.scalar import Arg, Const, Out, Scalar, formula
from lamina.ops.scalar_calculus import (
    differentiate,
    evaluate,
    product_with_partial,
    substitute,
)

DIFFERENTIABLE = [
    (name, index)
    for name, function in SCALARS.items()
    if not function.boolean
    for index, kind in enumerate(function.kinds)
    if kind != "b"
]


def operands(function: Scalar) -> tuple[Array, ...]:
    return example_operands(function, (40,), np.random.default_rng(11))


def without_jumps(expression: sympy.Expr) -> sympy.Expr:
    """Drop the derivatives of steps, which are zero almost everywhere."""

    def is_step(e: sympy.Basic) -> bool:
        return isinstance(e, sympy.Subs | sympy.Derivative) and e.has(sympy.floor, sympy.ceiling)

    return expression.replace(is_step, lambda e: sympy.Integer(0)).replace(
        sympy.DiracDelta, lambda *a: sympy.Integer(0)
    )


def numbers(
    expression: sympy.Basic, names: tuple[sympy.Symbol, ...], at: tuple[Array, ...]
) -> Array:
    compiled = sympy.lambdify(names, expression, modules=["scipy", "numpy"])
    with np.errstate(all="ignore"):
        return np.broadcast_to(compiled(*at), at[0].shape)


def partial_by_record(function: Scalar, index: int, at: tuple[Array, ...]) -> Array:
    """Evaluate the record's partial derivative, through the rule that both modes use."""
    rule, inputs = product_with_partial(function, index)
    result = evaluate(function, at)
    given = [result if i is None else at[i] for i in inputs]
    with np.errstate(all="ignore"):
        return evaluate(rule, [*given, np.ones(at[0].shape)])


@pytest.mark.parametrize("name", SCALARS)
def test_value(name: str) -> None:
    function = SCALARS[name]
    at = operands(function)
    names = symbols(function)
    expected = numbers(to_sympy(function), names, at)
    found = evaluate(function, at)
    if function.boolean:
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "index"), DIFFERENTIABLE)
def test_partial(name: str, index: int) -> None:
    """The record's partial derivative is the one that SymPy finds."""
    function = SCALARS[name]
    at, names = operands(function), symbols(function)
    whole = to_sympy(function)
    by_sympy = without_jumps(sympy.diff(whole, names[index]))
    expected = numbers(by_sympy, names, at)
    np.testing.assert_allclose(
        partial_by_record(function, index, at), expected, rtol=1e-10, atol=1e-10
    )
    written = to_sympy(function.partial(index), *names, out=whole)
    np.testing.assert_allclose(numbers(written, names, at), expected, rtol=1e-10, atol=1e-10)


# Functions whose partial derivative is written by the argument alone.
SMOOTH = (
    "sin",
    "log",
    "atan",
    "softplus",
    "erf",
    "gelu",
    "gelu_tanh",
    "mish",
    "silu",
    "tanhshrink",
)


@pytest.mark.parametrize("name", SMOOTH)
def test_second_derivatives(name: str) -> None:
    """A partial derivative, made a formula, can be differentiated again."""
    function = SCALARS[name]
    (at,), (x,) = operands(function), symbols(function)
    rule, inputs = product_with_partial(function, 0)
    assert inputs == (0,)
    assert rule.body is not None
    second = differentiate(substitute(rule.body, {Arg(1): Const(1)}), Arg(0))
    found = evaluate(Scalar("second", "f", body=second), (at,))
    expected = numbers(sympy.diff(to_sympy(function), x, 2), (x,), (at,))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", [n for n, f in SCALARS.items() if f.body is not None])
def test_formulas_are_their_bodies(name: str) -> None:
    function = SCALARS[name]
    names = symbols(function)
    assert function.body is not None
    assert to_sympy(function) == to_sympy(function.body, *names)


def test_known_derivatives_exactly() -> None:
    x = sympy.Symbol("x", real=True)
    assert sympy.simplify(sympy.diff(to_sympy(scalars.square), x) - 2 * x) == 0
    assert sympy.diff(to_sympy(scalars.erf), x) == 2 * sympy.exp(-(x**2)) / sympy.sqrt(sympy.pi)
    assert sympy.diff(to_sympy(scalars.absolute), x) == sympy.sign(x)
    sigma = to_sympy(scalars.logistic)
    assert sympy.simplify(sympy.diff(sigma, x) - sigma * (1 - sigma)) == 0


def test_other_arguments() -> None:
    a, b = sympy.symbols("a b")
    assert to_sympy(scalars.subtract, b, a) == b - a
    assert to_sympy(scalars.multiply, a + b, 2) == 2 * a + 2 * b
    assert to_sympy(formula("twice", lambda x: 2 * x), a) == 2 * a
    assert to_sympy(activations.prelu, a, b) == sympy.Piecewise((a, a > 0), (a * b, True))
    y, z = sympy.symbols("y z")
    assert to_sympy(scalars.subtract, y, z) == y - z
    assert to_sympy(scalars.subtract, z, y) == z - y


def test_xor_is_not_a_power() -> None:
    a, b = sympy.symbols("a b")
    assert to_sympy(scalars.logical_xor, a, b) == sympy.Xor(a, b)


def test_what_is_missing_is_an_error() -> None:
    x = sympy.Symbol("x")
    with pytest.raises(ArgumentError, match="add takes 2 arguments, got 1"):
        to_sympy(scalars.add, x)
    with pytest.raises(ArgumentError, match="give out="):
        to_sympy(Out(), x)
    with pytest.raises(ArgumentError, match="got 1 arguments"):
        to_sympy(Arg(1), x)
    with pytest.raises(ArgumentError, match="mystery has no counterpart in SymPy"):
        to_sympy(Scalar("mystery", "f", np.exp))


ABSENT = """
import sys
sys.modules["sympy"] = None
import lamina
from lamina.core.errors import MissingExtraError
try:
    import lamina.diff.symbolic.scalars
except MissingExtraError as error:
    print(error)
"""


def test_without_sympy_the_error_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ABSENT], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == (
        "a symbolic derivative needs SymPy: run `pip install 'lamina[symbolic]'`"
    )


def test_importing_lamina_does_not_import_sympy() -> None:
    code = "import sys, lamina; print('sympy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
