"""Every engine against references that know nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
import lamina.functions as F
from lamina import diff
from lamina.core.errors import ArgumentError, DTypeError, TraceError
from lamina.core.types import Array
from lamina.diff.operations import peak_bytes, thrifty_order
from lamina.diff.symbolic import Symbolic, formulas

EXACT = [diff.Forward(), diff.Reverse(), diff.Auto(), Symbolic(), diff.Numerical("complex")]
CLOSE = {"forward": 3e-6, "central": 1e-8, "ridders": 1e-9}


def float64(values: Any) -> lamina.Tensor:
    return lamina.tensor(np.asarray(values, np.float64))


X = np.array([0.3, -0.7, 1.1])
M = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]])

# A function, a point, and the Jacobian by hand.
FUNCTIONS: dict[str, tuple[Callable[..., Any], Array, Array]] = {
    "sum of squares": (lambda x: (x * x).sum(), X, 2 * X),
    "elementwise": (lamina.tanh, X, np.diag(1 - np.tanh(X) ** 2)),
    "linear": (lambda x: float64(M) @ x, X, M),
    "scalar to vector": (
        lambda t: lamina.stack([lamina.sin(t), lamina.exp(2 * t), t * t]),
        np.array(0.4),
        np.array([np.cos(0.4), 2 * np.exp(0.8), 0.8]),
    ),
    "softmax": (
        lambda x: F.softmax(x, 0),
        X,
        np.diag(np.exp(X) / np.exp(X).sum())
        - np.outer(np.exp(X), np.exp(X)) / np.exp(X).sum() ** 2,
    ),
    "product": (lambda x: x[0] * x[1] * x[2], X, np.array([X[1] * X[2], X[0] * X[2], X[0] * X[1]])),
    "constant": (lambda x: float64([1.0, 2.0]) + 0 * x.sum(), X, np.zeros((2, 3))),
    "a relu away from its kink": (F.relu, X, np.diag((X > 0).astype(float))),
    "a maximum of a window": (
        lambda x: F.max_pool1d(x.reshape(1, 3), 3).reshape(()), X, np.array([0.0, 0.0, 1.0]),
    ),
    "powers": (lambda x: (x * x + 1) ** 3, X, np.diag(6 * X * (X * X + 1) ** 2)),
    "logistic": (
        lambda x: F.sigmoid(x) + F.softplus(x), X,
        np.diag((s := 1 / (1 + np.exp(-X))) * (1 - s) + s),
    ),
    "of a matrix": (
        lambda w: (w * w).sum(1), M,
        np.stack([np.stack([2 * M[0], 0 * M[0]]), np.stack([0 * M[1], 2 * M[1]])]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("engine", EXACT, ids=lambda engine: engine.way)
def test_exact_ways(name: str, engine: diff.Engine) -> None:
    f, x, wanted = FUNCTIONS[name]
    found = engine.jacobian(f, float64(x))
    np.testing.assert_allclose(found.jacobian, wanted, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(found.value, f(float64(x)).numpy(), rtol=1e-14)
    assert found.jacobian.shape == (*found.value.shape, *x.shape)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("method", CLOSE)
def test_differences(name: str, method: Any) -> None:
    f, x, wanted = FUNCTIONS[name]
    found = diff.Numerical(method).jacobian(f, float64(x))
    np.testing.assert_allclose(found.jacobian, wanted, rtol=CLOSE[method], atol=CLOSE[method])
    if method == "ridders":
        assert found.error is not None
        assert (np.abs(found.jacobian - wanted) <= 10 * found.error + 1e-13).all()


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=4), st.floats(-2, 2))
@settings(max_examples=25, deadline=None)
def test_polynomials(coefficients: list[int], at: float) -> None:
    def f(x: lamina.Tensor) -> lamina.Tensor:
        total = x * 0
        for c in coefficients:
            total = total * x + c
        return total

    symbol = sympy.Symbol("t", real=True)
    formula = sympy.Poly(coefficients, symbol).as_expr()
    wanted = float(sympy.diff(formula, symbol).subs(symbol, at))
    for engine in EXACT:
        found = engine.jacobian(f, float64(at)).jacobian
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "method, runs", [("forward", 4), ("central", 7), ("complex", 4), ("ridders", None)]
)
def test_runs_are_counted(method: Any, runs: int | None) -> None:
    calls = 0

    def f(x: lamina.Tensor) -> lamina.Tensor:
        nonlocal calls
        calls += 1
        return lamina.exp(x).sum()

    found = diff.Numerical(method).jacobian(f, float64(X))
    if method != "complex":  # which runs the program of one trace
        assert found.evaluations == calls
    assert runs is None or found.evaluations == runs


def test_passes_are_counted() -> None:
    f, x = (lambda x: lamina.stack([x.sum(), (x * x).sum()])), float64(X)
    assert diff.Forward().jacobian(f, x).evaluations == 3
    assert diff.Reverse().jacobian(f, x).evaluations == 2
    assert diff.Pointwise().jacobian(lamina.exp, x).evaluations == 1


def test_operations_of_known_functions() -> None:
    matrix = float64(np.ones((5, 7)))
    cost = diff.Cost.of(lambda x: matrix @ x, float64(np.ones(7)))
    assert cost.value == 2 * 35  # 35 products and as many additions
    assert cost.forward == cost.reverse == 4 * 35
    cost = diff.Cost.of(lambda x: x * x, float64(np.ones(7)))
    assert cost.value == 7


def test_operations_of_a_convolution() -> None:
    """Neither what would read padding counts, nor the holes of a stride in the backward pass."""
    image, kernel = float64(np.ones((1, 1, 7, 7))), float64(np.ones((1, 1, 3, 3)))
    cost = diff.Cost.of(lambda x: F.conv2d(x, kernel, stride=2), image)
    assert cost.value == 2 * 9 * 9 and cost.forward == cost.reverse == 2 * cost.value
    cost = diff.Cost.of(lambda x: F.conv2d(x, kernel, padding=1), image)
    assert cost.value == 2 * (3 * 7 - 2) ** 2  # 3 of a kernel row, but for both ends
    assert cost.reverse == 2 * cost.value


def test_operations_of_formulas_and_windows() -> None:
    x = float64(np.ones((1, 6)))
    assert diff.Cost.of(F.silu, x).value == 6 * 2  # x · logistic(x)
    cost = diff.Cost.of(lambda x: F.max_pool1d(x, 2), x)
    assert cost.value == 6 and cost.reverse == 6 + 6 + 3  # max, where it is, three sums
    index = lamina.tensor([0, 0, 5, 5])
    cost = diff.Cost.of(lambda x: x[0][index], x)
    assert cost.value == 0 and cost.reverse == 4


def test_what_forward_mode_holds_is_what_is_allocated() -> None:
    from lamina.diff.automatic.chain import allocated
    from lamina.diff.automatic.passes import Backward, Forwards

    def f(x: lamina.Tensor) -> lamina.Tensor:
        for _ in range(20):
            x = lamina.sin(x) * 2
        return x.sum()

    x, u = float64(np.ones(50_000)), np.ones(50_000)
    cost, run = diff.Cost.of(f, x), Forwards(f, x)
    forward = allocated(lambda: run.along(u))
    reverse = allocated(lambda: Backward(f, x).back(np.array(1.0)))
    assert cost.forward_memory <= forward < cost.forward_memory + 4 * u.nbytes
    assert cost.reverse_memory <= reverse + u.nbytes < cost.reverse_memory + 8 * u.nbytes
    assert 6 * cost.forward_memory < cost.reverse_memory


def test_branches_are_computed_one_after_another() -> None:
    def f(x: lamina.Tensor) -> lamina.Tensor:
        return lamina.stack([lamina.sin(k * x).sum() for k in range(10)])

    x = float64(np.ones(1000))
    program = lamina.trace(f, x)
    assert peak_bytes(program) <= 2 * 8000 + 3 * 10 * 8
    (found,) = program.evaluate(x.numpy(), order=thrifty_order(program))
    np.testing.assert_array_equal(found, f(x))


def test_what_reverse_mode_remembers() -> None:
    def f(x: lamina.Tensor) -> lamina.Tensor:
        for _ in range(10):
            x = lamina.sin(x)
        return x.sum()

    cost = diff.Cost.of(f, float64(np.ones(100)))
    assert cost.reverse_memory == 8 * (11 * 100 + 1)
    assert cost.forward_memory < cost.reverse_memory / 2


def test_the_rule_of_modes() -> None:
    matrix = lamina.randn(40, 40)
    one = diff.choose(lambda x: lamina.tanh(matrix @ x).sum(), lamina.randn(40))
    assert one.engine.way == "reverse mode" and one.reverse * 10 < one.forward
    many = diff.choose(lambda t: lamina.tanh(matrix @ (t * matrix[0])), lamina.tensor(0.5))
    assert many.engine.way == "forward mode" and many.forward * 10 < many.reverse
    assert "1 inputs and 40 outputs" in many.reason
    each = diff.choose(lambda x: x * lamina.exp(x), lamina.randn(40))
    assert each.engine.way == "diagonal" and "one pass" in each.reason


@pytest.mark.parametrize(
    "f",
    [lambda x: x - x.sum(), lambda x: x.flip(0), lambda x: x[:2], lambda x: lamina.sort(x)[0]],
)
def test_what_is_no_diagonal(f: Callable[..., Any]) -> None:
    assert diff.choose(f, float64(X)).engine.way != "diagonal"
    with pytest.raises(ArgumentError, match="each element of x by itself"):
        diff.Pointwise().jacobian(f, float64(X))


def test_perturbations_are_not_confused() -> None:
    """d/dx (x · d/dy (x + y)) = 1 (Siskind and Pearlmutter 2005)."""

    def f(x: lamina.Tensor) -> lamina.Tensor:
        _, slope = lamina.jvp(lambda y: x + y, (float64(1.0),), (float64(1.0),))
        return x * slope

    for outer in (diff.Forward(), diff.Reverse()):
        assert outer.jacobian(f, float64(3.0)).jacobian == 1


def test_what_has_no_derivative_stays_without() -> None:
    def f(x: lamina.Tensor) -> lamina.Tensor:
        with lamina.no_grad():
            weight = x * x
        return (x * weight + x.detach()).sum()

    for engine in (diff.Forward(), diff.Reverse(), diff.Auto()):
        np.testing.assert_allclose(engine.jacobian(f, float64(X)).jacobian, X * X)


def test_results_that_are_no_tensor_of_floats() -> None:
    for engine in (diff.Forward(), diff.Reverse(), diff.Auto()):
        with pytest.raises(ArgumentError, match="f must return one tensor, got tuple"):
            engine.jacobian(lambda x: (x, x), float64(X))  # type: ignore[arg-type, return-value]
        with pytest.raises(DTypeError, match=r"f must return floats, got bool\[3\]"):
            engine.jacobian(lambda x: x > 0, float64(X))


def test_checkpoints() -> None:
    steps = [lamina.sin, lamina.exp, lambda x: x * x.sum(), lamina.tanh, lambda x: x / 2]
    chain, x = diff.Chain(steps), float64(X)
    plain = diff.Reverse().jacobian(chain, x)
    for segments in (1, 2, 5, 9):
        found = diff.Reverse(segments).jacobian(chain, x)
        np.testing.assert_array_equal(found.jacobian, plain.jacobian)
        again = found.evaluations * diff.Cost.of(chain, x).value
        assert found.operations == plain.operations + again
    net = lamina.nn.Sequential(lamina.nn.Linear(3, 4), lamina.nn.Tanh()).double()
    assert diff.Reverse(2).jacobian(net, x).way == "reverse mode, 2 segments"
    with pytest.raises(ArgumentError, match="must be a sequence of functions, got function"):
        diff.Reverse(2).jacobian(lambda x: x, x)


def test_extrapolation_of_a_function_that_varies_quickly() -> None:
    f, x = diff.examples.iterated(8), float64(0.3)
    found, exact = diff.Numerical("ridders").jacobian(f, x), diff.Forward().jacobian(f, x)
    assert diff.comparison.digits(found.jacobian, exact.jacobian) > 7
    assert found.error is not None and found.error < 1e-4


def test_complex_steps_lose_nothing() -> None:
    x = float64(np.linspace(0.2, 2.0, 7))
    f = lambda x: lamina.exp(x) / (lamina.sin(x) ** 3 + lamina.cos(x) ** 3)  # noqa: E731
    exact = diff.Forward().jacobian(f, x).jacobian
    step, difference = (diff.Numerical(m).jacobian(f, x).jacobian for m in ("complex", "central"))
    assert diff.comparison.digits(step, exact) > 14.5
    assert 8 < diff.comparison.digits(difference, exact) < 13


def test_bad_arguments() -> None:
    with pytest.raises(ArgumentError, match="method 'middle' is not one of forward, central"):
        diff.Numerical("middle")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="step must be positive, got -1"):
        diff.Numerical(step=-1.0)
    for engine in (diff.Numerical(), diff.Forward(), diff.Reverse()):
        with pytest.raises((ArgumentError, TypeError), match="float"):
            engine.jacobian(lambda x: x, lamina.arange(3))


def test_a_step_that_is_given() -> None:
    found = diff.Numerical("forward", step=0.5).jacobian(lambda x: x * x, float64(3.0))
    assert found.jacobian == pytest.approx(6.5)  # 2x + h


def test_float32_stays_float32() -> None:
    x = lamina.tensor(np.float32([0.5, 1.5]))
    for engine in (diff.Numerical(), diff.Forward(), diff.Reverse()):
        found = engine.jacobian(lambda x: (x**3).sum(), x)
        assert found.jacobian.dtype == np.float32
        np.testing.assert_allclose(found.jacobian, 3 * x.numpy() ** 2, rtol=3e-3)


def test_nothing_to_differentiate() -> None:
    for engine in (*EXACT, diff.Numerical()):
        assert engine.jacobian(lambda x: x.sum(), float64(np.zeros(0))).jacobian.shape == (0,)


# Formulas -----------------------------------------------------------------------------------


def test_formulas_of_the_notes_example() -> None:
    found = formulas(diff.examples.logistic_unit, float64([1.0, 0.0, 0.0]), "v")
    x, w, b = found.x
    wanted = 1 / (sympy.exp(-(w * x + b)) + 1)
    assert sympy.simplify(found.value.item() - wanted) == 0
    for variable, derivative in zip(found.x, found.jacobian, strict=True):
        assert sympy.simplify(derivative - sympy.diff(wanted, variable)) == 0


def test_formulas_of_a_convolution() -> None:
    kernel = float64([[[1.0, 2.0, 3.0]]])
    found = formulas(
        lambda x: F.conv1d(x.reshape(1, 1, 5), kernel, padding=1)[0, 0], float64(np.zeros(5))
    )
    x = found.x
    assert found.value.tolist() == [
        2 * x[0] + 3 * x[1],
        *(x[i - 1] + 2 * x[i] + 3 * x[i + 1] for i in (1, 2, 3)),
        x[3] + 2 * x[4],
    ]
    assert found.jacobian[1].tolist() == [1, 2, 3, 0, 0]


def test_formulas_that_are_refused() -> None:
    with pytest.raises(ArgumentError, match="has no formula that could be written out"):
        Symbolic().jacobian(lambda x: lamina.sort(x)[0], float64(X))
    with pytest.raises(ArgumentError, match="products are too many to be written out"):
        Symbolic().jacobian(lambda x: (x @ x.T).sum(), float64(np.zeros((40, 40))))
    with pytest.raises(ArgumentError, match="1 × 2500 entries is too large"):
        Symbolic().jacobian(lambda x: x.sum(), float64(np.zeros((50, 50))))


def test_branches_that_depend_on_values_are_refused() -> None:
    def f(x: lamina.Tensor) -> lamina.Tensor:
        return x * 2 if x > 0 else -x

    with pytest.raises(TraceError, match="code that depends on values cannot be compiled"):
        Symbolic().jacobian(f, float64(1.0))
    found = diff.compare(f, float64(1.0), [diff.Forward(), Symbolic()])
    assert found["symbolic"].derivative is None and "depends on values" in found["symbolic"].problem
    assert found.reference.jacobian == 2 and found.reference.operations == 2  # x · 2 and u · 2
    assert diff.Reverse().jacobian(f, float64(-1.0)).jacobian == -1


def test_formulas_of_a_network() -> None:
    lamina.manual_seed(0)
    net = lamina.nn.Sequential(
        lamina.nn.Linear(2, 2), lamina.nn.Tanh(), lamina.nn.Linear(2, 1)
    ).double()
    f = diff.network_function(net, float64([[0.3, -0.4]]))
    exact = diff.Reverse().jacobian(f, f.start).jacobian
    np.testing.assert_allclose(Symbolic().jacobian(f, f.start).jacobian, exact, rtol=1e-12)


def test_formulas_swell_and_graphs_do_not() -> None:
    sizes = []
    for depth in (2, 4, 6):
        f = diff.examples.iterated(depth)
        found = formulas(f, float64(0.3))
        cost = diff.Cost.of(f, float64(0.3))
        sizes.append((found.operations, cost.reverse))
        assert found.at(np.array(0.3))[1] == pytest.approx(
            diff.Reverse().jacobian(f, float64(0.3)).jacobian
        )
    (small, low), _, (large, high) = sizes
    assert large > 12 * small and high < 4 * low
