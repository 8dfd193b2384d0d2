"""`lamina.retain_grad`: every intermediate by name, with its gradient."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina.tensors import Tensor, composite


@pytest.fixture
def w() -> Tensor:
    return lamina.tensor([1.0, -2.0], requires_grad=True)


def test_names_values_and_gradients(w: Tensor) -> None:
    with lamina.retain_grad() as seen:
        z = (w * 3).named("z")
        h = lamina.relu(z)
        (h * h).sum().backward()
    assert seen["z"].tolist() == [3, -6]
    assert seen["z"].grad.tolist() == [6, 0]
    assert seen["relu"].tolist() == [3, 0]
    assert seen["relu"].grad.tolist() == [6, 0]
    assert seen["multiply"].grad.tolist() == [1, 1]
    assert w.grad.tolist() == [18, 0]


def test_every_gradient_is_the_numerical_one() -> None:
    """Perturb each intermediate by δ: the loss changes by ⟨gradient, δ⟩."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 3))
    W = lamina.tensor(rng.normal(size=(2, 3)), requires_grad=True)

    def loss(shift: dict[str, np.ndarray]) -> Tensor:
        a = (lamina.tensor(x) @ W.T + shift.get("a", 0)).named("a")
        b = (lamina.tanh(a) + shift.get("b", 0)).named("b")
        c = (b * b.sum(0) + shift.get("c", 0)).named("c")
        return (c**3).mean()

    with lamina.retain_grad() as seen:
        loss({}).backward()
    for name in "abc":
        u = rng.normal(size=seen[name].shape)
        step = 1e-6
        up, down = (loss({name: s * step * u}).item() for s in (1, -1))
        gradient = np.sum(seen[name].grad.numpy() * u)
        assert gradient == pytest.approx((up - down) / (2 * step), rel=1e-6)


def test_repeated_names_count_on(w: Tensor) -> None:
    with lamina.retain_grad() as seen:
        lamina.relu(lamina.relu(lamina.relu(w)))
    assert list(seen) == ["relu", "relu#2", "relu#3"]
    assert len(seen) == 3


def test_thousands_of_values_are_found_at_once(w: Tensor) -> None:
    with lamina.retain_grad() as seen:
        y = w
        for _ in range(3000):
            y = y + w
    assert len(seen) == 3000
    assert seen["add#3000"].tolist() == y.tolist()


@composite("swish")
def swish(x: Tensor) -> Tensor:
    return x * lamina.sigmoid(x)


def test_names_within_composites(w: Tensor) -> None:
    with lamina.retain_grad() as seen:
        swish(w).sum().backward()
    assert {"swish.logistic", "swish.multiply"} <= set(seen)
    assert not any("grad" in name for name in seen)
    assert seen["swish.multiply"].grad.tolist() == [1, 1]


def test_values_without_a_backward_pass(w: Tensor) -> None:
    with lamina.retain_grad() as seen:
        (w * 3).named("z")
    assert seen["z"].grad is None
    with pytest.raises(KeyError):
        seen["nothing"]


def test_untracked_values_are_seen_too() -> None:
    with lamina.retain_grad() as seen:
        (lamina.ones(2) * 5).named("z")
    assert seen["z"].tolist() == [5, 5]


def test_several_backward_passes_add_up_as_without(w: Tensor) -> None:
    def passes() -> tuple[list[float], Tensor]:
        w.grad = None
        h = (w * 3).named("h")
        (h * h).sum().backward()
        h.sum().backward()
        (h * h).sum().backward()
        return w.grad.tolist(), h

    plain, _ = passes()
    with lamina.retain_grad() as seen:
        retained, h = passes()
    assert retained == plain
    assert seen["h"].grad.tolist() == (4 * h.numpy() + 1).tolist()


def test_what_is_made_outside_is_not_seen(w: Tensor) -> None:
    before = (w * 2).named("before")
    with lamina.retain_grad() as seen:
        inside = (before * 3).named("inside")
        inside.sum().backward()
    (w * 5).named("after")
    assert set(seen) == {"inside", "contract"}
    assert w.grad.tolist() == [6, 6]


def test_blocks_nest(w: Tensor) -> None:
    with lamina.retain_grad() as outer:
        (w * 2).named("first")
        with lamina.retain_grad() as inner:
            (w * 3).named("second")
        (w * 4).named("third")
    assert list(outer) == ["first", "third"]
    assert list(inner) == ["second"]
