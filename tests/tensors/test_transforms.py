"""Derivatives of functions: containers, nesting in any mix of modes, mixing with backward."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamina
from lamina.core.errors import ArgumentError, DTypeError, GradientError, ShapeError
from lamina.tensors import Tensor

T = lamina.tensor
Function = Callable[[Tensor], Tensor]


def f64(value: Any) -> Tensor:
    return lamina.tensor(value, dtype="float64")


def forward(f: Function) -> Function:
    """Return f' by forward mode."""
    return lambda x: lamina.jvp(f, (x,), (lamina.ones_like(x),))[1]


def reverse(f: Function) -> Function:
    """Return f' by reverse mode."""
    return lamina.grad(f)


def by_vjp(f: Function) -> Function:
    """Return f' by a cotangent."""
    return lambda x: lamina.vjp(f, x)[1](lamina.ones_like(x))[0]


MODES = [forward, reverse, by_vjp]

# grad and value_and_grad ---------------------------------------------------------------------


def test_grad() -> None:
    x = T([1.0, 2.0])
    assert lamina.grad(lambda x: (x * x).sum())(x).tolist() == [2, 4]
    value, slope = lamina.value_and_grad(lambda x: (x * x).sum())(x)
    assert (value.item(), slope.tolist()) == (5, [2, 4])


def test_argnums() -> None:
    def f(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        return (a * b * b * c).sum()

    args = (T([2.0]), T([3.0]), T([5.0]))
    assert lamina.grad(f)(*args).item() == 45
    assert lamina.grad(f, 1)(*args).item() == 60
    assert lamina.grad(f, -1)(*args).item() == 18
    assert [g.item() for g in lamina.grad(f, (2, 0))(*args)] == [18, 45]
    assert [g.item() for g in lamina.grad(f, (1,))(*args)] == [60]
    assert lamina.grad(f)(args[0], args[1], c=args[2]).item() == 45


@pytest.mark.parametrize("argnums", [3, -4, (0, 3), (0, 0), (1, -2)])
def test_wrong_argnums(argnums: Any) -> None:
    with pytest.raises(ArgumentError, match="must name distinct ones of the 3 positional"):
        lamina.grad(lambda a, b, c: a.sum(), argnums)(T([1.0]), T([1.0]), T([1.0]))


def test_aux() -> None:
    def f(x: Tensor) -> tuple[Tensor, dict[str, Any]]:
        y = x * x
        return y.sum(), {"y": y, "note": "text", "none": None, "number": 3}

    slope, aux = lamina.grad(f, has_aux=True)(T([1.0, 2.0]))
    assert slope.tolist() == [2, 4]
    assert (aux["y"].tolist(), aux["note"], aux["none"], aux["number"]) == ([1, 4], "text", None, 3)
    assert not aux["y"].node.operands
    (value, again), slope = lamina.value_and_grad(f, has_aux=True)(T([1.0, 2.0]))
    assert (value.item(), again["y"].tolist()) == (5, [1, 4])


class Layer(NamedTuple):
    W: Tensor
    b: Tensor


def test_containers() -> None:
    def f(tree: dict[str, Any]) -> Tensor:
        layer, (first, rest) = tree["layer"], tree["pair"]
        return (layer.W * 2).sum() + (layer.b * first).sum() + (rest["deep"] * 3).sum()

    tree = {
        "layer": Layer(lamina.ones(2, 2), lamina.ones(2)),
        "pair": [T([5.0, 7.0]), {"deep": T(1.0), "nothing": None}],
    }
    found = lamina.grad(f)(tree)
    assert isinstance(found["layer"], Layer)
    assert found["layer"].W.tolist() == [[2, 2], [2, 2]]
    assert found["layer"].b.tolist() == [5, 7]
    assert found["pair"][0].tolist() == [1, 1]
    assert found["pair"][1]["deep"].item() == 3
    assert found["pair"][1]["nothing"] is None
    assert type(found["pair"]) is list


def test_containers_of_results_and_cotangents() -> None:
    def f(x: Tensor, y: Tensor) -> dict[str, Any]:
        return {"sum": x + y, "parts": (x * 2, [y * 3])}

    out, pull = lamina.vjp(f, T(1.0), T(2.0))
    assert out["parts"][1][0].item() == 6
    dx, dy = pull({"parts": (T(10.0), [T(100.0)]), "sum": T(1.0)})
    assert (dx.item(), dy.item()) == (21, 301)
    out, along = lamina.jvp(f, (T(1.0), T(2.0)), (T(1.0), T(10.0)))
    assert (along["sum"].item(), along["parts"][0].item(), along["parts"][1][0].item()) == (
        11,
        2,
        30,
    )


def test_dicts_match_by_key_not_by_order() -> None:
    def f(p: dict[str, Tensor]) -> Tensor:
        return p["a"] * 2 + p["b"] * 3

    here, there = {"a": T(1.0), "b": T(1.0)}, {"b": T(10.0), "a": T(0.0)}
    assert lamina.jvp(f, (here,), (there,))[1].item() == 30
    found = lamina.grad(f)(there)
    assert (found["a"].item(), found["b"].item()) == (2, 3)


@pytest.mark.parametrize(
    "cotangent", [{"a": 1.0}, {"a": 1.0, "c": 1.0}, [1.0, 1.0], 1.0, {"a": [1.0], "b": 1.0, "c": 0}]
)
def test_cotangents_of_another_structure_are_errors(cotangent: Any) -> None:
    _, pull = lamina.vjp(lambda x: {"a": x, "b": x}, T(1.0))
    with pytest.raises(ArgumentError, match="vjp: cotangents: expected a dict with the keys"):
        pull(cotangent)


def test_arrays_and_numbers_as_primals() -> None:
    assert lamina.grad(lambda x: x * x)(3.0).item() == 6
    assert lamina.grad(lambda x: (x * x).sum())(np.array([1.0, 2.0])).dtype == lamina.float64
    assert lamina.jvp(lambda x: x * x, (3.0,), (2.0,))[1].item() == 12


def test_what_does_not_depend_has_zero_derivative() -> None:
    x = lamina.ones(2, dtype="float64")
    for f in (lambda x: T(3.0), lambda x: x.detach().sum()):
        found = lamina.grad(f)(x)
        assert found.tolist() == [0, 0]
        assert found.dtype == lamina.float64
    assert lamina.jvp(lambda x: T([1.0]), (x,), (x,))[1].tolist() == [0]
    assert lamina.grad(lambda a, b: a.sum(), 1)(x, x).tolist() == [0, 0]


def test_the_identity() -> None:
    x = T(3.0)
    assert lamina.grad(lambda x: x)(x).item() == 1
    assert lamina.vjp(lambda x: (x, x), x)[1]((T(1.0), T(2.0)))[0].item() == 3
    assert lamina.jvp(lambda x: x, (x,), (T(5.0),))[1].item() == 5


def test_a_pull_can_be_called_again_and_again() -> None:
    _, pull = lamina.vjp(lambda x: x * x, T([1.0, 2.0]))
    assert pull([1.0, 0.0])[0].tolist() == [2, 0]
    assert pull([0.0, 1.0])[0].tolist() == [0, 4]
    assert pull([1.0, 1.0])[0].tolist() == [2, 4]


def test_errors() -> None:
    x = T([1.0, 2.0])
    with pytest.raises(GradientError, match=r"must return a scalar, got shape \(2,\)"):
        lamina.grad(lambda x: x)(x)
    with pytest.raises(GradientError, match="must return a float, got int64"):
        lamina.grad(lambda x: x.argmax())(x)
    with pytest.raises(DTypeError, match="grad: only floats have derivatives, got int64"):
        lamina.grad(lambda x: x.sum())(T([1, 2]))
    with pytest.raises(ShapeError, match=r"vjp: cotangent of shape \(3,\), expected \(2,\)"):
        lamina.vjp(lambda x: x, x)[1](lamina.ones(3))
    with pytest.raises(ShapeError, match="jvp: tangent of shape"):
        lamina.jvp(lambda x: x, (x,), (T(1.0),))
    with pytest.raises(ArgumentError, match="jvp: tangents: expected a sequence of 1"):
        lamina.jvp(lambda x: x, (x,), (x, x))
    with pytest.raises(ArgumentError, match="primals must be a sequence of arguments"):
        lamina.jvp(lambda x: x, x, x)
    with pytest.raises(ArgumentError, match="mode is auto, forward or reverse"):
        lamina.jacobian(lambda x: x, mode="sideways")
    with pytest.raises(ArgumentError, match="must be one tensor"):
        lamina.jacobian(lambda p: p["x"])({"x": x})


def test_an_error_inside_leaves_everything_in_order() -> None:
    def broken(x: Tensor) -> Tensor:
        raise ZeroDivisionError

    w = lamina.ones(1, requires_grad=True)
    for transform in (lamina.grad(broken), lamina.jacobian(broken), forward(broken)):
        with pytest.raises(ZeroDivisionError):
            transform(w)
    (w * 2).sum().backward()
    assert w.grad.item() == 2
    assert reverse(forward(lambda x: x**3))(T(2.0)).item() == 12


# Jacobians and Hessians ----------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_jacobian(mode: str) -> None:
    rng = np.random.default_rng(0)
    A, x = rng.normal(size=(4, 2, 3)), rng.normal(size=(3,))
    found = lamina.jacobian(lambda x: lamina.tensor(A) @ x, mode=mode)(lamina.tensor(x))
    np.testing.assert_allclose(found.numpy(), A)
    X = rng.normal(size=(2, 2))
    found = lamina.jacobian(lambda X: X @ X, mode=mode)(lamina.tensor(X))
    expected = np.einsum("ik,jl->ijkl", np.eye(2), X.T) + np.einsum("ik,jl->ijkl", X, np.eye(2))
    np.testing.assert_allclose(found.numpy(), expected)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_jacobian_of_scalars_and_of_nothing(mode: str) -> None:
    found = lamina.jacobian(lambda x: x * x, mode=mode)(T(3.0))
    assert isinstance(found.value, np.ndarray)
    assert (found.shape, found.item()) == ((), 6)
    assert lamina.jacobian(lambda x: x * 2, mode=mode)(lamina.zeros(0)).shape == (0, 0)
    assert lamina.jacobian(lambda x: x.sum(), mode=mode)(lamina.zeros(0)).shape == (0,)
    assert lamina.jacobian(lambda x: x[:0], mode=mode)(lamina.zeros(2)).shape == (0, 2)


def test_jacobian_of_any_argument() -> None:
    def f(a: Tensor, b: Tensor) -> Tensor:
        return a * b

    a, b = T([1.0, 2.0]), T([3.0, 5.0])
    for argnums in (1, -1):
        assert lamina.jacobian(f, argnums)(a, b).tolist() == [[1, 0], [0, 2]]
    assert lamina.jacobian(f, -2)(a, b).tolist() == [[3, 0], [0, 5]]
    assert lamina.hessian(lambda a, b: (a * b * b).sum(), -1)(a, b).tolist() == [[2, 0], [0, 4]]
    with pytest.raises(ArgumentError, match="argnums"):
        lamina.jacobian(f, 2)(a, b)


def rosenbrock(x: Tensor) -> Tensor:
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def test_hessian_against_scipy() -> None:
    from scipy.optimize import rosen_der, rosen_hess, rosen_hess_prod

    x, v = np.random.default_rng(1).normal(size=(2, 5))
    assert_close(lamina.grad(rosenbrock)(T(x)), rosen_der(x))
    assert_close(lamina.hessian(rosenbrock)(T(x)), rosen_hess(x))
    assert_close(lamina.hvp(rosenbrock, (T(x),), (T(v),))[0], rosen_hess_prod(x, v))
    for inner, outer in product(("forward", "reverse"), repeat=2):
        slope = lamina.jacobian(rosenbrock, mode=inner)
        assert_close(lamina.jacobian(slope, mode=outer)(T(x)), rosen_hess(x))


def assert_close(found: Tensor, expected: Any) -> None:
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-9)


# Nesting -------------------------------------------------------------------------------------

ORDERS = {
    "power": (lambda x: x**5, lambda x: [x**5, 5 * x**4, 20 * x**3, 60 * x**2, 120 * x]),
    "sin": (
        lamina.sin,
        lambda x: [np.sin(x), np.cos(x), -np.sin(x), -np.cos(x), np.sin(x)],
    ),
    "exp of square": (
        lambda x: lamina.exp(x * x),
        lambda x: [
            p * np.exp(x * x)
            for p in (1, 2 * x, 4 * x**2 + 2, 8 * x**3 + 12 * x, 16 * x**4 + 48 * x**2 + 12)
        ],
    ),
}


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("modes", list(product(MODES[:2], repeat=4)))
def test_to_the_fourth_order_in_any_mix(name: str, modes: tuple[Any, ...]) -> None:
    f, known = ORDERS[name]
    expected = known(0.7)
    for order, mode in enumerate((lambda f: f, *modes)):
        f = mode(f)
        assert f(f64(0.7)).item() == pytest.approx(expected[order], rel=1e-11)


@pytest.mark.parametrize(("outer", "inner"), list(product(MODES, repeat=2)))
def test_perturbations_are_not_confused(outer: Any, inner: Any) -> None:
    """d/dx [x · d/dy (x + y)] = 1; confusing the perturbations gives 2 (Siskind, Pearlmutter)."""

    def f(x: Tensor) -> Tensor:
        return x * inner(lambda y: x + y)(f64(1.0))

    assert outer(f)(f64(1.0)).item() == 1

    def g(x: Tensor) -> Tensor:
        return x * inner(lambda y: x * y)(f64(2.0))

    assert outer(g)(f64(3.0)).item() == 6

    def h(x: Tensor) -> Tensor:
        return inner(lambda y: lamina.sin(x * y) * y)(x)

    x = 0.8
    c, s = np.cos(x * x), np.sin(x * x)
    assert h(f64(x)).item() == pytest.approx(x * x * c + s)
    assert outer(h)(f64(x)).item() == pytest.approx(2 * x * c - 2 * x**3 * s + 2 * x * c)


@pytest.mark.parametrize("modes", list(product(MODES[:2], repeat=3)))
def test_three_levels_that_all_meet(modes: tuple[Any, ...]) -> None:
    """∂³/∂x∂y∂z of x²y³z⁴ at x = y = z, each inner variable started at the outer one."""
    a, b, c = modes

    def f(x: Tensor) -> Tensor:
        return b(lambda y: c(lambda z: x**2 * y**3 * z**4)(x))(x)

    x = 1.3
    # c: 4 x² y³ z³ at z = x; b: 12 x² y² x³ at y = x; that is 12 x⁷.
    assert f(f64(x)).item() == pytest.approx(12 * x**7)
    assert a(f)(f64(x)).item() == pytest.approx(84 * x**6)


def test_an_outer_derivative_sees_through_a_saved_pull() -> None:
    """A pull made inside carries the outer variable with it."""

    def f(x: Tensor) -> Tensor:
        _, pull = lamina.vjp(lambda y: x * y * y, x)
        return pull(x * x)[0]

    # pull(v) = 2 x y v at y = x, v = x²: 2 x⁴.
    for mode in MODES:
        assert mode(f)(f64(1.5)).item() == pytest.approx(8 * 1.5**3)


def test_a_pull_made_outside_is_linear_inside() -> None:
    """A pull made before, called inside other transforms: its cotangent is what varies."""
    _, pull = lamina.vjp(lambda y: y**3, f64(2.0))
    for mode in MODES:
        assert mode(lambda v: pull(v)[0])(f64(5.0)).item() == 12
        assert mode(lambda v: pull(v * v)[0])(f64(5.0)).item() == 120


def test_a_pull_survives_many_other_differentiations() -> None:
    _, pull = lamina.vjp(lambda y: y**3, f64(2.0))
    for n in range(100):
        reverse(forward(lambda x, n=n: x**n))(f64(1.1))
    assert pull(f64(1.0))[0].item() == 12


def test_closures_over_tracked_tensors() -> None:
    w = lamina.tensor(3.0, requires_grad=True)
    slope = lamina.grad(lambda x: x * x * w)(T(2.0))
    assert slope.item() == 12
    assert slope.requires_grad
    slope.backward()
    assert w.grad.item() == 4


def test_the_variable_itself_as_primal() -> None:
    w = lamina.tensor(3.0, requires_grad=True)
    slope = lamina.grad(lambda w: w**3)(w)
    assert (slope.item(), w.grad) == (27, None)
    slope.backward()
    assert w.grad.item() == 18


def test_closing_over_the_outer_handle_is_a_constant_inside() -> None:
    """∂/∂y of x·y where the function also uses the handle outside: only y varies."""
    x = f64(3.0)
    assert lamina.grad(lambda y: y * x)(x).item() == 3


def test_backward_inside_a_function_being_differentiated() -> None:
    w = lamina.tensor(3.0, dtype="float64", requires_grad=True)

    def f(x: Tensor) -> Tensor:
        w.grad = None
        (w * w * x).backward()
        assert w.grad is not None
        return w.grad

    for mode in MODES:
        assert mode(f)(f64(5.0)).item() == 6
    (first, w.grad) = (w.grad, None)
    assert first is not None


def test_a_gradient_is_a_constant_to_a_second_backward_even_inside_a_transform() -> None:
    w = lamina.tensor(3.0, dtype="float64", requires_grad=True)
    seen = []

    def f(x: Tensor) -> Tensor:
        w.grad = None
        (w * w * x).backward()
        g, w.grad = w.grad, None
        (g * w).backward()
        seen.append(w.grad.item())
        return w.grad

    # g = 2wx is a constant to backward, but still depends on x: ∂(2wx)/∂x = 2w.
    assert lamina.grad(f)(f64(5.0)).item() == 6
    assert seen == [30]


def test_a_gradient_penalty() -> None:
    w = lamina.tensor([1.0, 2.0], requires_grad=True)
    x = T([3.0, 4.0])
    slope = lamina.grad(lambda x: (w * x * x).sum())(x)
    ((slope * slope).sum() + w.sum()).backward()
    np.testing.assert_allclose(w.grad.numpy(), 8 * np.array([1.0, 2.0]) * [9, 16] + 1)


def test_inside_no_grad() -> None:
    """No history outside does not mean no derivative inside."""
    w = lamina.tensor(3.0, requires_grad=True)
    with lamina.no_grad():
        for mode in MODES:
            found = mode(mode(lambda x: x**3 * w))(T(2.0))
            assert found.item() == 36
            assert not found.requires_grad
            assert not found.node.operands


def test_no_grad_inside_is_a_constant() -> None:
    def f(x: Tensor) -> Tensor:
        with lamina.no_grad():
            y = x * x
        return x * y

    for mode in MODES:
        assert mode(f)(T(3.0)).item() == 9
        assert mode(lambda x: x * (x * x).detach())(T(3.0)).item() == 9


def test_derivatives_started_in_no_grad_inside_a_derivative() -> None:
    """The inner derivative is taken; to the outer one its result is a constant."""

    def f(x: Tensor) -> Tensor:
        with lamina.no_grad():
            slope = lamina.grad(lambda y: y**3)(x)
        return slope * x

    for mode in MODES:
        assert mode(f)(T(2.0)).item() == 12


@given(st.integers(0, 2**32 - 1))
def test_both_modes_agree_on_a_network(seed: int) -> None:
    rng = np.random.default_rng(seed)
    W, V, x = (T(rng.normal(size=s)) for s in ((3, 4), (2, 3), (4,)))
    u = T(rng.normal(size=(3, 4)))

    def loss(W: Tensor) -> Tensor:
        return lamina.logsumexp(V @ lamina.tanh(W @ x), 0)

    along = lamina.jvp(loss, (W,), (u,))[1].item()
    assert along == pytest.approx((lamina.grad(loss)(W) * u).sum().item(), rel=1e-10)
    twice = lamina.jvp(lambda W: lamina.jvp(loss, (W,), (u,))[1], (W,), (u,))[1].item()
    product = (lamina.hvp(loss, (W,), (u,))[0] * u).sum().item()
    assert twice == pytest.approx(product, rel=1e-8, abs=1e-10)


# Threads -------------------------------------------------------------------------------------


def test_threads_differentiate_at_once() -> None:
    """Levels, recording and no_grad of one thread are nothing to another."""
    failures: list[object] = []
    start = threading.Barrier(4)

    def work(number: int) -> None:
        start.wait()
        try:
            for n in range(40):
                x = f64(1.0 + number + n / 40)
                with lamina.no_grad() if number % 2 else lamina.enable_grad():
                    found = forward(reverse(forward(lambda x: x**4)))(x).item()
                w = lamina.tensor([float(number)], requires_grad=True)
                (w * w).sum().backward()
                if abs(found - 24 * x.item()) > 1e-9 or w.grad.item() != 2 * number:
                    failures.append((number, n, found))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert (lamina.ones(1, requires_grad=True) * 2).requires_grad


def test_a_new_thread_records_even_if_started_in_no_grad() -> None:
    found = []

    def work() -> None:
        found.append((lamina.ones(1, requires_grad=True) * 2).requires_grad)

    with lamina.no_grad():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert found == [True]
