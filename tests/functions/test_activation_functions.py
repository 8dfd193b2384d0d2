"""Activations: formulas, parameters, limits and errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import lamina
import lamina.functions as F
from lamina.core.errors import ArgumentError, DTypeError, ShapeError

X = np.linspace(-7.0, 7.0, 57)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sigmoid", special.expit(X)),
        ("logsigmoid", special.log_expit(X)),
        ("tanh", np.tanh(X)),
        ("relu", np.where(X > 0, X, 0)),
        ("relu6", np.clip(X, 0, 6)),
        ("silu", X * special.expit(X)),
        ("swish", X * special.expit(X)),
        ("mish", X * np.tanh(np.log(1 + np.exp(X)))),
        ("gelu", X * special.ndtr(X)),
        ("softsign", X / (1 + abs(X))),
        ("softplus", np.log(1 + np.exp(X))),
        ("elu", np.where(X > 0, X, np.exp(X) - 1)),
        ("celu", np.where(X > 0, X, np.exp(X) - 1)),
        ("leaky_relu", np.where(X > 0, X, 0.01 * X)),
        ("hardtanh", np.clip(X, -1, 1)),
        ("hardsigmoid", np.clip(X / 6 + 0.5, 0, 1)),
        ("hardswish", X * np.clip(X / 6 + 0.5, 0, 1)),
        ("tanhshrink", X - np.tanh(X)),
        ("hardshrink", np.where(abs(X) > 0.5, X, 0)),
        ("softshrink", np.sign(X) * np.maximum(abs(X) - 0.5, 0)),
        ("scaled_tanh", 1.7159 * np.tanh(2 * X / 3)),
        ("rrelu", np.where(X > 0, X, X * 11 / 48)),
    ],
)
def test_values(name: str, expected: np.ndarray) -> None:
    y = getattr(F, name)(lamina.tensor(X))
    assert y.dtype == np.float64
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (F.leaky_relu(lamina.tensor(X), 0.3), np.where(X > 0, X, 0.3 * X)),
        (F.elu(lamina.tensor(X), 0.3), np.where(X > 0, X, 0.3 * (np.exp(X) - 1))),
        (F.celu(lamina.tensor(X), 2.0), np.where(X > 0, X, 2 * (np.exp(X / 2) - 1))),
        (F.softplus(lamina.tensor(X), 3.0, 50.0), np.log(1 + np.exp(3 * X)) / 3),
        (F.hardtanh(lamina.tensor(X), -2.0, 3.0), np.clip(X, -2, 3)),
        (F.threshold(lamina.tensor(X), 1.0, 9.0), np.where(X > 1, X, 9)),
        (F.scaled_tanh(lamina.tensor(X), 2.0, 3.0), 2 * np.tanh(3 * X)),
    ],
)
def test_parameters(y: lamina.Tensor, expected: np.ndarray) -> None:
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12, atol=1e-14)


def test_selu_keeps_the_moments_of_a_standard_normal() -> None:
    x = special.ndtri((np.arange(400_000) + 0.5) / 400_000)
    y = F.selu(lamina.tensor(x)).numpy()
    assert abs(y.mean()) < 1e-4
    assert abs(y.var() - 1) < 1e-3


def test_softplus_is_exact_far_from_its_threshold() -> None:
    x = lamina.tensor(np.array([-700.0, -40.0, 19.0, 500.0]))
    expected = np.logaddexp(x.numpy(), 0)
    np.testing.assert_allclose(F.softplus(x).numpy(), expected, rtol=1e-12)


@given(st.floats(-100, 100), st.floats(-100, 100))
def test_rectifier_is_the_difference_of_its_halves(a: float, b: float) -> None:
    x = lamina.tensor(np.array([a, b]))
    np.testing.assert_array_equal((F.relu(x) - F.relu(-x)).numpy(), x.numpy())


def test_prelu_has_a_slope_for_each_channel() -> None:
    x = np.full((2, 3, 4, 5), -2.0)
    y = F.prelu(lamina.tensor(x), lamina.tensor(np.array([0.1, 0.2, 0.3])))
    np.testing.assert_allclose(y.numpy()[1, :, 3, 4], [-0.2, -0.4, -0.6])
    assert F.prelu(lamina.tensor(-2.0), lamina.tensor([0.5])).item() == -1.0


def test_prelu_says_which_shape_it_wants() -> None:
    with pytest.raises(ShapeError, match=r"prelu: weight must have shape \(3,\), got \(2,\)"):
        F.prelu(lamina.zeros(2, 3), lamina.zeros(2))
    with pytest.raises(ShapeError, match=r"needs input \(N, C, \*\), got \(3,\)"):
        F.prelu(lamina.zeros(3), lamina.zeros(3))


def test_rrelu_draws_slopes_within_bounds_from_its_key() -> None:
    x, key = lamina.full((1000,), -1.0), lamina.random.key(5)
    slopes = -F.rrelu(x, 0.2, 0.6, training=True, key=key).numpy()
    assert 0.2 <= slopes.min() < 0.21 < 0.59 < slopes.max() <= 0.6
    again = -F.rrelu(x, 0.2, 0.6, training=True, key=key).numpy()
    np.testing.assert_array_equal(slopes, again)


def test_maxout_takes_the_greatest_piece_and_routes_the_gradient_there() -> None:
    x = lamina.tensor([[1.0, 5.0, 5.0, -2.0, -3.0, -1.0]], requires_grad=True)
    y = F.maxout(x, 3)
    y.sum().backward()
    assert y.tolist() == [[5.0, -1.0]]
    assert x.grad is not None
    assert x.grad.tolist() == [[0.0, 1.0, 0.0, 0.0, 0.0, 1.0]]
    assert F.maxout(lamina.zeros(2, 4, 3, 3), 2).shape == (2, 2, 3, 3)
    assert F.maxout(lamina.zeros(4), 2, dim=-1).shape == (2,)


def test_maxout_of_two_opposite_pieces_is_the_absolute_value() -> None:
    x = lamina.tensor(X.reshape(1, -1))
    pieces = lamina.stack([x, -x], 2).reshape(1, -1)
    np.testing.assert_array_equal(F.maxout(pieces, 2).numpy(), abs(x.numpy()))


def test_glu_gates_the_first_half() -> None:
    x = np.random.default_rng(0).normal(size=(2, 6, 3))
    expected = x[:, :3] * special.expit(x[:, 3:])
    np.testing.assert_allclose(F.glu(lamina.tensor(x), 1).numpy(), expected, rtol=1e-12)
    with pytest.raises(ShapeError, match=r"glu: the length of dim -1 must be even, got \(2, 3\)"):
        F.glu(lamina.zeros(2, 3))


@pytest.mark.parametrize("name", ["relu", "sigmoid", "gelu", "elu", "prelu"])
def test_integers_are_refused(name: str) -> None:
    arguments = [lamina.zeros(1)] if name == "prelu" else []
    message = rf"{name}: input must be a float tensor, got int64\[2\]; convert it with .float\(\)"
    with pytest.raises(DTypeError, match=message):
        getattr(F, name)(lamina.tensor([1, 2]), *arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: F.gelu(x, "fast"), 'gelu: approximate must be "none" or "tanh", got \'fast\''),
        (lambda x: F.celu(x, 0.0), "celu: alpha must not be 0"),
        (lambda x: F.softplus(x, 0.0), "softplus: beta must not be 0"),
        (lambda x: F.hardtanh(x, 1.0, -1.0), "hardtanh: min_val must not exceed max_val"),
        (lambda x: F.rrelu(x, 0.5, 0.1), "rrelu: lower must not exceed upper, got 0.5 and 0.1"),
        (lambda x: F.softshrink(x, -1.0), "softshrink: lambd must not be negative, got -1.0"),
        (lambda x: F.hardshrink(x, -1.0), "hardshrink: lambd must not be negative, got -1.0"),
        (lambda x: F.maxout(x, 0), "maxout: pieces must be at least 1, got 0"),
        (lambda x: F.maxout(x, 2), r"maxout: pieces must divide the length of dim 1, got 2 and"),
    ],
)
def test_unusable_parameters(call: object, message: str) -> None:
    with pytest.raises((ArgumentError, ShapeError), match=message):
        call(lamina.zeros(2, 3))  # type: ignore[operator]
