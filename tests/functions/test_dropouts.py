"""Dropout: moments, masks by channel, keys, the identity in evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina.core.errors import ArgumentError, DTypeError, ShapeError

KEY = lamina.random.key(0)
ALL = [
    F.dropout,
    F.dropout1d,
    F.dropout2d,
    F.dropout3d,
    F.alpha_dropout,
    F.feature_alpha_dropout,
]
RANK = {"dropout2d": 4, "dropout3d": 5}
Dropout = Callable[..., Any]
each = pytest.mark.parametrize("function", ALL, ids=lambda f: f.__name__)


def image(function: Dropout) -> lamina.Tensor:
    shape = (4, 6, 3, 2, 2)[: RANK.get(function.__name__, 3)]
    return lamina.tensor(np.random.default_rng(1).normal(size=shape) + 5)


@each
def test_identity_in_evaluation_and_for_p_zero(function: Dropout) -> None:
    x = image(function)
    assert function(x, 0.5, False) is x
    assert function(x, 0.0, True) is x


@each
def test_everything_goes_for_p_one(function: Dropout) -> None:
    x = image(function)
    assert (function(x, 1.0, True).numpy() == 0).all()
    x.requires_grad_()
    function(x, 1.0, True).sum().backward()
    assert x.grad is not None
    assert (x.grad.numpy() == 0).all()


@each
def test_key_decides_and_the_stream_gives_new_keys(function: Dropout) -> None:
    x = image(function)
    np.testing.assert_array_equal(
        function(x, 0.5, True, key=KEY).numpy(), function(x, 0.5, True, key=KEY).numpy()
    )
    with lamina.random.use_keys(KEY):
        first, second = function(x, 0.5, True).numpy(), function(x, 0.5, True).numpy()
    with lamina.random.use_keys(KEY):
        again = function(x, 0.5, True).numpy()
    assert (first != second).any()
    np.testing.assert_array_equal(first, again)


@each
def test_traced_with_the_key_as_input(function: Dropout) -> None:
    x = image(function)
    program = lamina.trace(lambda x, key: function(x, 0.5, True, key=key), x, KEY)
    expected = function(x, 0.5, True, key=KEY).numpy()
    np.testing.assert_array_equal(program.evaluate(x.numpy(), KEY.numpy())[0], expected)


@each
def test_probability_out_of_range(function: Dropout) -> None:
    message = f"{function.__name__}: p must be between 0 and 1, got 1.5"
    with pytest.raises(ArgumentError, match=message):
        function(image(function), 1.5)


def test_dropout_scales_what_it_keeps() -> None:
    x = lamina.ones(100, 100, dtype="float64")
    y = F.dropout(x, 0.3, key=KEY).numpy()
    dropped = (y == 0).mean()
    assert abs(dropped - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 1e4)
    np.testing.assert_allclose(y[y != 0], 1 / 0.7)
    gradient = lamina.grad(lambda x: F.dropout(x, 0.3, key=KEY).sum())(x)
    np.testing.assert_array_equal(gradient.numpy(), y)


@pytest.mark.parametrize(
    ("function", "shape", "mask_rank"),
    [
        (F.dropout1d, (8, 5), 1),
        (F.dropout1d, (6, 8, 5), 2),
        (F.dropout2d, (6, 8, 5), 2),
        (F.dropout2d, (6, 8, 5, 2), 2),
        (F.dropout3d, (8, 5, 2, 2), 1),
        (F.dropout3d, (6, 8, 5, 2, 2), 2),
    ],
)
def test_whole_channels_go(function: Dropout, shape: tuple[int, ...], mask_rank: int) -> None:
    y = function(lamina.ones(*shape), 0.5, key=KEY).numpy()
    channels = y.reshape(*shape[:mask_rank], -1)
    assert (channels == channels[..., :1]).all()
    assert set(channels[..., 0].ravel().tolist()) == {0.0, 2.0}


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    x = lamina.random.normal(lamina.random.key(1), (20_000,), dtype="float64")
    y = F.alpha_dropout(x, 0.25, True, key=KEY).numpy()
    assert abs(y.mean()) < 0.04
    assert abs(y.var() - 1) < 0.06
    limit = -1.7580993408473766
    a = (0.75 * (1 + 0.25 * limit**2)) ** -0.5
    dropped = np.isclose(y, a * limit - a * 0.25 * limit)
    assert abs(dropped.mean() - 0.25) < 0.02


def test_shapes_and_dtypes_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="dropout1d: expected input with 2 or 3 axes, got"):
        F.dropout1d(lamina.zeros(2))
    with pytest.raises(ShapeError, match="dropout2d: expected input with 3 or 4 axes, got"):
        F.dropout2d(lamina.zeros(2, 2))
    with pytest.raises(ShapeError, match=r"feature_alpha_dropout: expected input \(N, C, \*\)"):
        F.feature_alpha_dropout(lamina.zeros(2))
    with pytest.raises(DTypeError, match=r"dropout: input must be a float tensor, got int64\[1\]"):
        F.dropout(lamina.tensor([1]))
