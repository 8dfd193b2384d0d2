"""Difference quotients: exact where they must be, and close where functions are awkward."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamina
import lamina.functions as F
from lamina.core.errors import DTypeError, GradientError, ShapeError
from lamina.diff import Numerical
from lamina.tensors import Tensor

METHODS = ("forward", "central", "ridders", "complex")
whole = st.integers(-8, 8)


def float64(values: Any) -> Tensor:
    return lamina.tensor(np.asarray(values, np.float64))


@given(st.lists(whole, min_size=3, max_size=3), st.lists(whole, min_size=3, max_size=3))
def test_linear_functions_are_exact(slopes: list[int], at: list[int]) -> None:
    f = lambda x: (x * float64(slopes)).sum() + 1.0  # noqa: E731
    for method in METHODS:
        found = Numerical(method).jacobian(f, float64(at))  # type: ignore[arg-type]
        np.testing.assert_array_equal(found.jacobian, slopes)


@given(whole, whole, st.integers(-4, 4))
def test_central_differences_of_parabolas_are_exact(a: int, b: int, at: int) -> None:
    found = Numerical("central").jacobian(lambda x: a * x * x + b * x, float64(at))
    assert found.jacobian == 2 * a * at + b


@given(st.floats(-3, 3), st.integers(-20, 0))
def test_ridders_tells_its_error(x: float, exponent: int) -> None:
    """Also of a function that varies at a small scale."""
    scale = 2.0 ** (-exponent / 4)
    found = Numerical("ridders").jacobian(lambda x: lamina.sin(x * scale), float64(x))
    with mpmath.workdps(40):
        right = float(mpmath.mpf(scale) * mpmath.cos(mpmath.mpf(x) * scale))
    assert found.error is not None
    assert abs(found.jacobian - right) <= 4 * found.error + 1e-12  # sine rounds its argument too
    assert found.error < 1e-8 * scale


def test_one_direction_costs_what_one_element_does() -> None:
    x, u = float64([[0.5, -1.0], [2.0, 0.25]]), float64([[1.0, 2.0], [-1.0, 0.0]])
    f = lambda x: lamina.tanh(x) @ x  # noqa: E731
    _, right = lamina.jvp(f, (x,), (u,))
    for method, runs in (("forward", 2), ("central", 3), ("complex", 2)):
        found = Numerical(method).directional(f, x, u)  # type: ignore[arg-type]
        assert found.evaluations == runs and found.jacobian.shape == (2, 2)
        accuracy = {"forward": 1e-6, "central": 1e-8, "complex": 1e-14}[method]
        np.testing.assert_allclose(found.jacobian, right.numpy(), atol=accuracy)
    closest = Numerical("ridders").directional(f, x, u)
    np.testing.assert_allclose(closest.jacobian, right.numpy(), atol=1e-10)
    with pytest.raises(ShapeError, match=r"direction of shape \(2,\), expected \(2, 2\)"):
        Numerical().directional(f, x, float64([1.0, 2.0]))


@pytest.mark.parametrize("method", ["central", "ridders"])
def test_steps_stay_where_the_function_is_finite(method: Any) -> None:
    runs = 0

    def f(x: Tensor) -> Tensor:
        nonlocal runs
        runs += 1
        return lamina.log(x)

    found = Numerical(method).jacobian(f, float64(1e-6))
    np.testing.assert_allclose(found.jacobian, 1e6, rtol=1e-3)
    assert found.evaluations == runs > 3


def test_one_sided_differences_turn_at_a_border() -> None:
    found = Numerical("forward").jacobian(lambda x: (1 - x) * lamina.sqrt(1 - x), float64(1.0))
    np.testing.assert_allclose(found.jacobian, 0.0, atol=1e-3)


def test_float32() -> None:
    x = lamina.tensor(np.float32([0.5, 1.5]))
    right = np.diag(np.exp([0.5, 1.5]))
    fine = Numerical().jacobian(lamina.exp, x)  # varied in float64, given back in float32
    np.testing.assert_allclose(fine.jacobian, right, rtol=2e-7)
    for method, accuracy in (("forward", 2e-3), ("central", 1e-4), ("complex", 1e-6)):
        coarse = Numerical(method, dtype="float32").jacobian(lamina.exp, x)  # type: ignore[arg-type]
        np.testing.assert_allclose(coarse.jacobian, right, rtol=accuracy)
        assert coarse.value.dtype == coarse.jacobian.dtype == np.float32
    inside = Numerical().jacobian(lambda x: lamina.exp(x.to("float32")), x)  # seen from f(x)
    np.testing.assert_allclose(inside.jacobian, right, rtol=1e-4)


def test_random_numbers_are_the_same_in_every_run() -> None:
    lamina.manual_seed(0)
    state = lamina.random.key_stream().state()
    found = Numerical().jacobian(lambda x: F.dropout(x, 0.5, training=True), float64(np.ones(9)))
    slopes = np.diag(found.jacobian)
    np.testing.assert_allclose(slopes, found.value, atol=1e-9)  # each is 0 or 2
    assert lamina.random.key_stream().state() == state


def test_what_is_no_function_of_floats() -> None:
    with pytest.raises(DTypeError, match="only floats have derivatives, got x of int64"):
        Numerical().jacobian(lambda x: x, lamina.arange(3))
    with pytest.raises(DTypeError, match="must return floats, got bool"):
        Numerical().jacobian(lambda x: x > 0, float64([1.0]))
    with pytest.raises(GradientError, match="must return a tensor, got float"):
        Numerical().jacobian(lambda x: x.item(), float64(1.0))  # type: ignore[arg-type,return-value]


def test_ridders_is_not_deceived_by_a_period() -> None:
    """h, h/2, h/4 and h/8 are whole periods, so differences with all of them are 0."""
    found = Numerical("ridders").jacobian(lambda x: lamina.sin(x * (128 * np.pi)), float64(0.1))
    np.testing.assert_allclose(found.jacobian, 128 * np.pi * np.cos(12.8 * np.pi), rtol=1e-7)
