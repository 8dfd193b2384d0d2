"""Expressions as functions of tensors, and how they swell."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
from lamina.core.errors import ArgumentError
from lamina.diff.examples import iterated
from lamina.diff.symbolic import expressions, swell, symbols_for, to_function, to_sympy
from lamina.ops import SCALARS
from lamina.ops.pointwise import example_operands
from lamina.ops.scalar import Scalar

x, y = sympy.symbols("x y", real=True)


def number(value: float) -> lamina.Tensor:
    return lamina.tensor(value, dtype="float64")


LEAVES = st.sampled_from([x, y, sympy.Integer(2), sympy.Rational(1, 3), sympy.Float(0.7)])


def _bigger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    one = st.sampled_from([sympy.sin, sympy.tanh, sympy.Abs, sympy.atan, lambda a: a**2])
    two = st.sampled_from([sympy.Add, sympy.Mul, sympy.Max, lambda a, b: a - b])
    return st.builds(lambda f, a: f(a), one, inner) | st.builds(
        lambda f, a, b: f(a, b), two, inner, inner
    )


@given(st.recursive(LEAVES, _bigger, max_leaves=8), st.floats(-2, 2), st.floats(-2, 2))
@settings(max_examples=60, deadline=None)
def test_there_and_evaluated(expression: Any, at: float, and_at: float) -> None:
    f = to_function(expression, x, y)
    wanted = float(expression.subs({x: at, y: and_at}).evalf(30))
    np.testing.assert_allclose(f(number(at), number(and_at)).item(), wanted, rtol=1e-10, atol=1e-10)


SMOOTH = [f for f in SCALARS.values() if f.arity == 1 and f.kinds in ("f", "n") and not f.boolean]


@pytest.mark.parametrize("function", SMOOTH, ids=lambda f: f.name)
def test_every_scalar_function_there_and_back(function: Scalar) -> None:
    try:
        f = to_function(to_sympy(function, x), x)
    except ArgumentError as error:
        pytest.skip(f"no counterpart: {error}")
    (points,) = example_operands(function, (5,), np.random.default_rng(0))
    for point in points.astype(np.float64):
        wanted = float(np.asarray(function.numpy(point)) if function.numpy else np.nan)
        if function.numpy is not None:
            np.testing.assert_allclose(f(number(point)).item(), wanted, rtol=1e-10, atol=1e-12)


def test_from_a_function_and_back() -> None:
    def f(w: lamina.Tensor, v: lamina.Tensor) -> lamina.Tensor:
        return lamina.tanh(w @ v)

    w, v = symbols_for("w", (2, 3)), symbols_for("v", (3,))
    program = lamina.trace(f, np.zeros((2, 3)), np.zeros(3))
    g = to_function(expressions(program, w, v)[0], w, v)
    rng = np.random.default_rng(0)
    a, b = (lamina.tensor(rng.normal(size=s)) for s in ((2, 3), (3,)))
    np.testing.assert_allclose(g(a, b).numpy(), f(a, b).numpy(), rtol=1e-12)
    np.testing.assert_allclose(lamina.compile(g)(a, b).numpy(), f(a, b).numpy(), rtol=1e-12)
    for n in (0, 1):
        total = lambda h: lambda *args: h(*args).sum()  # noqa: E731
        np.testing.assert_allclose(
            lamina.grad(total(g), n)(a, b).numpy(),
            lamina.grad(total(f), n)(a, b).numpy(),
            rtol=1e-10,
        )


def test_pieces() -> None:
    f = to_function(sympy.Piecewise((x**2, x < 1), (2 * x - 1, True)), x)
    assert [f(number(v)).item() for v in (-2.0, 1.0, 3.0)] == [4, 1, 5]


def test_precision_of_the_variables() -> None:
    f = to_function(x / 3 + sympy.pi, x)
    assert f(lamina.tensor(1.0)).dtype == np.float32 and f(number(1.0)).dtype == np.float64


def test_bad_requests() -> None:
    with pytest.raises(ArgumentError, match="gamma has no counterpart"):
        to_function(sympy.gamma(x), x)(number(1.0))
    with pytest.raises(ArgumentError, match="y is no variable"):
        to_function(x + y, x)
    f = to_function(x + y, x, y)
    with pytest.raises(ArgumentError, match="expected 2 arguments, got 1"):
        f(number(1.0))
    with pytest.raises(ArgumentError, match=r"expected an argument of shape \(\), got \(2,\)"):
        f(lamina.ones(2), lamina.ones(2))


def test_swell_of_a_composition_and_of_a_product() -> None:
    found = swell(iterated, (1, 3, 5), number(0.3))
    first, _, last = found.rows
    assert last.derivative > 20 * first.derivative and last.automatic == 5 * first.automatic
    assert last.shared < last.derivative / 4

    def product(n: int) -> Any:
        return lambda v: reduce(lambda a, b: a * b, [v[k] for k in range(n)])

    rows = swell(product, (2, 4, 8), lamina.tensor(np.ones(8))).rows
    assert [row.value for row in rows] == [1, 3, 7]
    assert rows[2].derivative >= 8 * 6  # n (n - 2) products
    assert str(found).splitlines()[0].split() == [
        "depth",
        "f",
        "derivative",
        "with",
        "sharing",
        "automatic",
    ]
