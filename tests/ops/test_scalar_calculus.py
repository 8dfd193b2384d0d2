"""Calculus on scalar expressions: simplification, chain rule, evaluation, text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamina
from lamina.core.errors import ArgumentError
from lamina.core.node import apply, constant
from lamina.core.types import Array
from lamina.ops import SCALARS, activations, scalars
from lamina.ops.activations import prelu
from lamina.ops.pointwise import Pointwise
from lamina.ops.scalar import Arg, Call, Const, Expr, Out, Scalar, formula, register
from lamina.ops.scalar_calculus import (
    ZERO,
    differentiate,
    evaluate,
    product_with_partial,
    render,
    simplified,
    substitute,
)
from lamina.ops.scalars import logistic, sign, sqrt_, tanh, where
from lamina.tensors import pointwise

X, Y = Arg(0), Arg(1)


def negative(expr: Expr) -> Expr:
    return -expr


NUMBERS = np.array([0.0, -0.0, 1.0, -2.5, 1e300, np.inf, -np.inf, np.nan])


def value(expr: Expr, *arguments: Array) -> Array:
    with np.errstate(all="ignore"):
        kinds = "f" * max(1, len(arguments))
        return evaluate(Scalar("e", kinds, body=expr), arguments or (np.zeros(1),))


# Simplification ------------------------------------------------------------------------------

PAIRS = {
    "x + 0": (X + 0, Call(scalars.add, (X, ZERO))),
    "0 + x": (0 + X, Call(scalars.add, (ZERO, X))),
    "x - 0": (X - 0, Call(scalars.subtract, (X, ZERO))),
    "1 x": (1 * X, Call(scalars.multiply, (Const(1), X))),
    "x 1": (X * 1, Call(scalars.multiply, (X, Const(1)))),
    "-1 x": (-1 * X, Call(scalars.multiply, (Const(-1), X))),
    "x / 1": (X / 1, Call(scalars.divide, (X, Const(1)))),
    "--x": (negative(-X), Call(scalars.negative, (Call(scalars.negative, (X,)),))),
    "where(c, x, x)": (where(X > 0, X, X), X),
}


@pytest.mark.parametrize("name", PAIRS)
def test_rules_keep_values_even_of_what_is_not_finite(name: str) -> None:
    simple, plain = PAIRS[name]
    np.testing.assert_array_equal(value(simple, NUMBERS), value(plain, NUMBERS))


def test_what_rules_give() -> None:
    assert all(e == X for e in (X + 0, 0 + X, X * 1, 1 * X, X / 1, X - 0, negative(negative(X))))
    assert all(e == ZERO for e in (0 * X, X * 0, 0 / X))
    assert 0 - X == X * -1 == -1 * X == negative(X)
    assert -Const(3) == Const(-3)
    c = X > 0
    assert simplified(where, (c, Y, Y)) == Y
    assert where(c, 2, 3) * X == where(c, 2 * X, 3 * X)
    assert X * where(c, 1, 0) == where(c, X, 0)
    assert -where(c, X, 1) == where(c, -X, -1)


def test_sums_of_choices_by_one_condition_are_one_choice() -> None:
    c = X > 0
    assert where(c, X, 1) + where(c, Y, 2) == where(c, X + Y, Const(1) + 2)
    other = where(X > 1, Y, 2)
    assert where(c, X, 1) + other == Call(scalars.add, (where(c, X, 1), other))


def test_products_move_into_branches_so_that_dead_ones_stay_dead() -> None:
    """d/dx where(x > 0, √x, 0) is 0 for x < 0, though √x has no derivative at 0."""
    f = where(X > 0, sqrt_(X), 0)
    slope = differentiate(f, X)
    np.testing.assert_array_equal(value(slope, np.array([4.0, 0.0, -1.0])), [0.25, 0, 0])


@given(st.recursive(
    st.sampled_from([X, Y, Const(0), Const(1), Const(-1), Const(2.5)]),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from("+-*"), inner, inner),
        st.tuples(st.just("where"), inner, inner),
        st.tuples(st.just("tanh"), inner),
    ),
    max_leaves=12,
))  # fmt: skip
def test_random_expressions_keep_their_values(tree: object) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 9))
    np.testing.assert_allclose(value(_simple(tree), x, y), _plain(tree, x, y), atol=1e-12)


def _simple(tree: object) -> Expr:
    if isinstance(tree, Expr):
        return tree
    assert isinstance(tree, tuple)
    kind, *parts = tree
    inner = [_simple(p) for p in parts]
    if kind == "where":
        return simplified(where, (X > Y, *inner))
    if kind == "tanh":
        return tanh(*inner)
    a, b = inner
    return a + b if kind == "+" else a - b if kind == "-" else a * b


def _plain(tree: object, x: Array, y: Array) -> Array:
    if isinstance(tree, Const):
        return np.full_like(x, tree.value)
    if isinstance(tree, Arg):
        return (x, y)[tree.index]
    assert isinstance(tree, tuple)
    kind, *parts = tree
    inner = [_plain(p, x, y) for p in parts]
    if kind == "where":
        return np.where(x > y, *inner)
    if kind == "tanh":
        return np.tanh(*inner)
    a, b = inner
    return a + b if kind == "+" else a - b if kind == "-" else a * b


# Differentiation -----------------------------------------------------------------------------


def test_chain_rule() -> None:
    f = formula("f", lambda x: tanh(x * x) + logistic(x))
    x = np.linspace(-2, 2, 9)
    s = 1 / (1 + np.exp(-x))
    expected = (1 - np.tanh(x * x) ** 2) * 2 * x + s * (1 - s)
    np.testing.assert_allclose(value(f.partial(0), x), expected)


def test_formulas_of_two_arguments() -> None:
    f = formula("f", lambda x, y: x * tanh(y) - y, arity=2)
    assert f.arity == 2
    x, y = np.random.default_rng(0).normal(size=(2, 7))
    np.testing.assert_allclose(evaluate(f, (x, y)), x * np.tanh(y) - y)
    np.testing.assert_allclose(value(f.partial(0), x, y), np.tanh(y))
    np.testing.assert_allclose(value(f.partial(1), x, y), x * (1 - np.tanh(y) ** 2) - 1)


def test_formulas_in_formulas_with_constants_anywhere() -> None:
    x = np.array([-1.0, 2.0])
    first = formula("first", lambda x: prelu(-2.0, x))
    np.testing.assert_array_equal(evaluate(first, (x,)), x * -2.0)
    second = formula("second", lambda x: prelu(x, 0.25))
    np.testing.assert_array_equal(evaluate(second, (x,)), [-0.25, 2.0])
    neither = formula("neither", lambda x: prelu(-2.0, 0.25) + 0 * x)
    assert evaluate(neither, (x,)).tolist() == [-0.5, -0.5]
    np.testing.assert_array_equal(value(first.partial(0), x), [-2.0, -2.0])


def test_constant_and_identical_formulas() -> None:
    x = np.array([1.0, np.nan], "float32")
    for body, expected in ((lambda x: x, x), (lambda x: Const(2.5) + 0, [2.5, 2.5])):
        found = evaluate(formula("f", body), (x,))
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.float32
    assert formula("f", lambda x: x).partial(0) == Const(1)


def test_formulas_compute_in_their_operands_dtype() -> None:
    for name in ("gelu", "selu(1.67326, 1.0507)", "mish", "hardswish", "huber(1)"):
        x = np.linspace(-2, 2, 5).astype("float32")
        assert evaluate(SCALARS[name], (x,)).dtype == np.float32
        rule, inputs = product_with_partial(SCALARS[name], 0)
        assert evaluate(rule, [*(x for _ in inputs), x]).dtype == np.float32


def test_piecewise_constant_functions_have_zero_partials() -> None:
    for function in (scalars.floor, scalars.sign, scalars.round_, scalars.floor_divide):
        assert function.partial(0) == ZERO
    node = apply(Pointwise(scalars.floor), constant(np.ones(2)))
    assert Pointwise(scalars.floor).vjp(node, 0, node) is None


def test_the_derivative_rule_reads_only_what_it_needs() -> None:
    assert product_with_partial(scalars.tanh, 0)[1] == (None,)
    assert product_with_partial(scalars.multiply, 0)[1] == (1,)
    assert product_with_partial(scalars.add, 0)[1] == ()
    assert product_with_partial(scalars.divide, 1)[1] == (1, None)
    assert product_with_partial(where, 1)[1] == (0,)
    assert product_with_partial(where, 1)[0].kinds == "bf"


def test_derivatives_are_defined_at_kinks_as_in_pytorch() -> None:
    zero = np.zeros(1)
    for name in ("relu", "abs", "leaky_relu(0.01)", "hardshrink(0.5)"):
        slope = value(SCALARS[name].partial(0), zero)
        assert slope == {"relu": 0, "abs": 0, "leaky_relu(0.01)": 0.01}.get(name, 0)
    assert value(scalars.maximum.partial(0), zero, zero) == 0.5
    assert value(scalars.maximum.partial(1), zero, zero) == 0.5


def test_powers_at_zero() -> None:
    x, y = np.array([0.0, 0.0, 0.0, 2.0]), np.array([0.0, 1.0, 2.0, 0.0])
    np.testing.assert_array_equal(value(scalars.power.partial(0), x, y), [0, 1, 0, 0])
    found = value(substitute(scalars.power.partial(1), {Out(): scalars.power(X, Y)}), x, y)
    np.testing.assert_allclose(found, [0, 0, 0, np.log(2.0)])


@pytest.mark.parametrize("name", ["logistic", "softplus", "logsigmoid", "tanh", "gelu", "silu"])
def test_no_overflow_far_out(name: str) -> None:
    far = np.array([-1e4, -100.0, 100.0, 1e4])
    function = SCALARS[name]
    with np.errstate(over="raise", invalid="raise"):
        assert not np.isnan(evaluate(function, (far,))).any()
    _, pull = lamina.vjp(lambda x: pointwise(function, x), lamina.tensor(far))
    assert pull(lamina.ones(4))[0].isfinite().all()


# Substitution and text -----------------------------------------------------------------------


def test_substitution_simplifies() -> None:
    assert substitute(X * Y, {Y: Const(1)}) == X
    assert substitute(X * Out(), {Out(): Const(0)}) == ZERO
    assert substitute(X + Y, {X: Y, Y: X}) == Y + X


def test_text() -> None:
    assert render(X * (Y + 1), ("a", "b")) == "a · (b + 1)"
    assert render((X - Y) - 1, ("a", "b")) == "(a - b) - 1"
    assert render(X - (Y - 1), ("a", "b")) == "a - (b - 1)"
    assert render(-(X * Y), ("a", "b")) == "-(a · b)"
    assert render(tanh(X) * -2, ("a",)) == "tanh(a) · (-2)"
    assert render(where(X > 0, X, 0), ("a",)) == "where(a > 0, a, 0)"
    assert render(1 - Out() * Out(), ("a",), "h") == "1 - (h · h)"


@pytest.mark.parametrize("name", SCALARS)
def test_every_record_renders(name: str) -> None:
    function = SCALARS[name]
    names = ["x", "y", "z"][: function.arity]
    line = Pointwise(function).render(names, "out")
    assert line.startswith("out = ")
    assert all(n in line for n in names)
    for index in range(function.arity):
        assert "Arg(" not in render(function.partial(index), names)


# Records -------------------------------------------------------------------------------------


def test_registering_twice_is_an_error() -> None:
    with pytest.raises(ArgumentError, match="silu is registered already"):
        register(formula("silu", lambda x: x))


def test_wrong_number_of_arguments_is_an_error() -> None:
    with pytest.raises(ArgumentError, match="prelu takes 2 arguments, got 1"):
        prelu(X)


def test_families_are_made_once() -> None:
    assert activations.leaky_relu(0.2) is activations.leaky_relu(0.2)
    assert activations.leaky_relu(0.2) != activations.leaky_relu(0.3)
    assert activations.elu(1.0) != activations.elu(1.0, 2.0)
    almost = activations.leaky_relu(0.1234567), activations.leaky_relu(0.1234568)
    assert almost[0] != almost[1]
    x = np.array([-1.0])
    assert evaluate(almost[0], (x,)) != evaluate(almost[1], (x,))


def test_sign_of_expressions_is_hashable_and_comparable() -> None:
    assert hash(sign(X) * 2) == hash(sign(X) * 2)
    assert len({X, Arg(0), Y, Const(1), Const(1.0)}) == 3
