"""Optimisers find minima; weight decay is a Frobenius penalty for plain gradient descent."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.optim import SGD, Adadelta, Adagrad, Adam, AdamW, RMSprop
from lamina.tensors import Tensor

MAKERS: dict[str, Any] = {
    "SGD": lambda p: SGD(p, lr=0.05),
    "momentum": lambda p: SGD(p, lr=0.02, momentum=0.8),
    "Nesterov": lambda p: SGD(p, lr=0.02, momentum=0.8, nesterov=True),
    "Adagrad": lambda p: Adagrad(p, lr=1.0),
    "RMSprop": lambda p: RMSprop(p, lr=5e-3, alpha=0.9),
    "Adadelta": lambda p: Adadelta(p, lr=5.0),
    "Adam": lambda p: Adam(p, lr=0.1),
    "AMSGrad": lambda p: Adam(p, lr=0.1, amsgrad=True),
    "AdamW": lambda p: AdamW(p, lr=0.1, weight_decay=0.0),
}


def minimise(make: Any, f: Callable[[Tensor], Tensor], start: list[float], steps: int) -> Any:
    theta = lamina.tensor(np.array(start), requires_grad=True)
    optimizer = make([theta])
    for _ in range(steps):
        optimizer.zero_grad()
        f(theta).backward()
        optimizer.step()
    return theta.numpy()


@pytest.mark.parametrize("name", MAKERS)
def test_quadratic(name: str) -> None:
    """½ Σ λ (θ - c)² with curvatures 1 to 10 has its minimum at c."""
    curvature, centre = lamina.tensor(np.array([1.0, 10.0])), np.array([0.5, -1.0])

    def f(theta: Tensor) -> Tensor:
        return 0.5 * (curvature * (theta - lamina.tensor(centre)).square()).sum()

    found = minimise(MAKERS[name], f, [2.0, 1.0], 500)
    np.testing.assert_allclose(found, centre, atol=1e-3)


@pytest.mark.parametrize(
    "make",
    [lambda p: SGD(p, lr=1e-3, momentum=0.95), lambda p: Adam(p, lr=0.1)],
    ids=["momentum", "Adam"],
)
def test_rosenbrock(make: Any) -> None:
    """(1 - x)² + 100 (y - x²)² has its minimum at (1, 1), at the end of a bent valley."""

    def f(theta: Tensor) -> Tensor:
        x, y = theta[0], theta[1]
        return (1.0 - x) ** 2 + 100.0 * (y - x**2) ** 2

    np.testing.assert_allclose(minimise(make, f, [-1.0, 1.0], 1000), [1.0, 1.0], atol=1e-3)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_weight_decay_is_a_frobenius_penalty(momentum: float) -> None:
    """∂(λ/2 ‖W‖²_F)/∂W = λ W, which is what weight decay adds to the gradient."""
    rng, decay = np.random.default_rng(0), 0.3
    x, start = lamina.tensor(rng.normal(size=(5, 3))), rng.normal(size=(3, 2))

    def path(weight_decay: float, penalty: float) -> Any:
        w = lamina.tensor(start, requires_grad=True)
        optimizer = SGD([w], lr=0.1, momentum=momentum, weight_decay=weight_decay)
        for _ in range(10):
            optimizer.zero_grad()
            loss = lamina.tanh(x @ w).square().mean() + penalty / 2 * w.square().sum()
            loss.backward()
            optimizer.step()
        return w.numpy()

    np.testing.assert_allclose(path(decay, 0.0), path(0.0, decay), rtol=1e-12)
    assert not np.allclose(path(decay, 0.0), path(0.0, 0.0), rtol=1e-3)


def test_weight_decay_is_no_penalty_for_adamw() -> None:
    """Adam scales a penalty's gradient away; decoupled decay shrinks every weight alike."""
    ends = {}
    for make in (Adam, AdamW):
        w = lamina.tensor(np.array([1.0, 1.0]), requires_grad=True)
        optimizer = make([w], lr=0.01, weight_decay=0.1, eps=0.0)
        w.grad = lamina.tensor(np.array([1.0, 100.0]))
        optimizer.step()
        ends[make.__name__] = w.tolist()
    np.testing.assert_allclose(ends["Adam"], [0.99, 0.99])
    np.testing.assert_allclose(ends["AdamW"], [0.999 - 0.01, 0.999 - 0.01])
