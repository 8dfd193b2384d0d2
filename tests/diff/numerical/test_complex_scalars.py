"""Every scalar function, continued to complex numbers, has its own derivative on the real axis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina.core.errors import GradientError
from lamina.core.node import Example, Operation
from lamina.core.types import Array, Type
from lamina.diff import Numerical
from lamina.diff.numerical import NotAnalyticError, complex_scalars
from lamina.ops import SCALARS
from lamina.ops.pointwise import example_operands
from lamina.ops.scalar_calculus import evaluate, product_with_partial
from lamina.ops.scalars import tanh
from lamina.tensors import Tensor, apply, pointwise

H = 2.0**-100
ARGUMENTS = [
    (name, n)
    for name, function in SCALARS.items()
    for n, kind in enumerate(function.kinds)
    if kind != "b" and not function.boolean
]


def float64(values: Any) -> Tensor:
    return lamina.tensor(np.asarray(values, np.float64))


def complex_step(f: Callable[..., Any], x: Any) -> Any:
    return Numerical("complex").jacobian(f, float64(x)).jacobian


@pytest.mark.parametrize("name, n", ARGUMENTS)
def test_every_function_has_its_partial_derivatives(name: str, n: int) -> None:
    function = SCALARS[name]
    operands = example_operands(function, (50,), np.random.default_rng(0))
    product, inputs = product_with_partial(function, n)
    value = evaluate(function, operands)
    right = evaluate(product, [value if i is None else operands[i] for i in inputs] + [np.ones(50)])
    stepped = [o + 1j * H if i == n else o for i, o in enumerate(operands)]
    found = complex_scalars.evaluate(function, stepped)
    np.testing.assert_allclose(np.imag(found) / H, right, rtol=2e-13, atol=2e-13)
    np.testing.assert_allclose(np.real(found), value, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    "name", ["tanh", "log1p", "expm1", "logistic", "asin", "rsqrt", "softplus"]
)
def test_derivatives_to_many_digits(name: str) -> None:
    formulas = {
        "logistic": lambda t: 1 / (1 + mpmath.exp(-t)),
        "rsqrt": lambda t: 1 / mpmath.sqrt(t),
        "softplus": lambda t: mpmath.log(1 + mpmath.exp(t)),
    }
    with mpmath.workdps(40):
        f = formulas.get(name) or getattr(mpmath, name)
        right = [float(mpmath.diff(f, t)) for t in (1e-3, 0.4, 0.75)]
    found = complex_step(lambda x: pointwise(SCALARS[name], x), [1e-3, 0.4, 0.75])
    np.testing.assert_allclose(np.diag(found), right, rtol=1e-14)


@pytest.mark.parametrize(
    "f, x, wanted",
    [
        (F.sigmoid, -800.0, 0.0),
        (F.softplus, 1e3, 1.0),
        (lambda x: x**0, 0.0, 0.0),
        (lambda x: x**1, 0.0, 1.0),
        (lambda x: (-x) ** 3, 2.0, -12.0),
        (lamina.erf, 7.0, 2 / np.sqrt(np.pi) * np.exp(-49.0)),
        (lambda x: x % 0.4, 1.0, 1.0),
    ],
)
def test_far_out_and_at_zero(f: Callable[..., Any], x: float, wanted: float) -> None:
    np.testing.assert_allclose(complex_step(f, x), wanted, rtol=1e-6)


@pytest.mark.parametrize(
    "f, x",
    [(lamina.log, -1.0), (lamina.sqrt, -1.0), (lambda x: x**0.5, -2.0), (lamina.asin, 2.0)],
)
def test_off_the_domain_is_nan(f: Callable[..., Any], x: float) -> None:
    assert np.isnan(complex_step(f, x))


REFUSED: dict[str, tuple[Callable[..., Any], Any]] = {
    "relu": (F.relu, [0.0, 1.0]),
    "abs": (lamina.abs, [0.0]),
    "max": (lambda x: x.max(), [1.0, 1.0]),
    "maximum": (lambda x: lamina.maximum(x, 1.0), 1.0),
    "clamp": (lambda x: lamina.clamp(x, -1.0, 1.0), 1.0),
    "floor": (lamina.floor, 2.0),
    "sqrt": (lamina.sqrt, 0.0),
    "greater": (F.leaky_relu, 0.0),
    "argsort": (lambda x: lamina.sort(x)[0], [1.0, 1.0]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_where_branches_meet_the_operation_is_named(name: str) -> None:
    f, x = REFUSED[name]
    with pytest.raises(NotAnalyticError, match=rf"complex step: {name} is not analytic at this"):
        complex_step(f, x)


def test_a_branch_that_does_not_move_is_no_obstacle() -> None:
    f = lambda x: F.relu(x * float64([0.0, 1.0])).sum() + x.max()  # noqa: E731
    np.testing.assert_array_equal(complex_step(f, [3.0, 2.0]), [1.0, 1.0])


class Mystery(Operation):
    """An operation that nobody knows."""

    def infer(self, *operands: Type) -> Type:
        return operands[0]

    def evaluate(self, *operands: Array) -> Array:
        return operands[0]

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        return iter(())


def test_unknown_operations_are_named() -> None:
    unknown = replace(tanh, name="puzzle", numpy=lambda x: np.tanh(x))
    with pytest.raises(GradientError, match="puzzle has no known continuation"):
        complex_step(lambda x: pointwise(unknown, x), 1.0)
    with pytest.raises(GradientError, match="mystery has no rule for complex numbers"):
        complex_step(lambda x: apply(Mystery(), x), 1.0)
