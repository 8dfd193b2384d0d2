"""Update rules against updates worked out by hand, as pure functions, and traced."""

from dataclasses import FrozenInstanceError
from math import sqrt
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.core.errors import ArgumentError, DTypeError, ShapeError
from lamina.optim import (
    AdadeltaRule,
    AdagradRule,
    AdamRule,
    RMSpropRule,
    Rule,
    SGDRule,
    apply_updates,
    init_state,
)
from lamina.tensors import Tensor

RULES = [
    SGDRule(lr=0.1, weight_decay=0.2),
    SGDRule(lr=0.1, momentum=0.9, nesterov=True, maximize=True),
    SGDRule(lr=0.1, momentum=0.9, dampening=0.3),
    AdagradRule(lr=0.1, lr_decay=0.1, initial_accumulator_value=0.2),
    RMSpropRule(lr=0.1, momentum=0.5, centered=True, weight_decay=0.1),
    AdadeltaRule(lr=0.5),
    AdamRule(lr=0.1, amsgrad=True),
    AdamRule(lr=0.1, decoupled_weight_decay=True, weight_decay=0.1),
]
EACH = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


def double(*values: float) -> Tensor:
    return lamina.tensor(np.array(values))


def run(rule: Rule, start: float, gradients: list[float]) -> list[float]:
    theta, state, path = double(start), rule.init(double(start)), []
    for gradient in gradients:
        theta, state = rule.update(theta, double(gradient), state)
        path.append(theta.item())
    return path


def close(found: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_plain_gradient_descent() -> None:
    close(run(SGDRule(lr=0.5), 1.0, [2.0, -4.0]), [0.0, 2.0])
    close(run(SGDRule(lr=0.5, maximize=True), 1.0, [2.0, -4.0]), [2.0, 0.0])
    close(run(SGDRule(lr=0.5, weight_decay=0.5), 1.0, [2.0]), [1 - 0.5 * (2 + 0.5)])


def test_momentum_takes_the_first_gradient_whole() -> None:
    """v: 1, then 0.5·1 + 2; with dampening 0.25: 1, then 0.5·1 + 0.75·2."""
    close(run(SGDRule(lr=0.1, momentum=0.5), 0.0, [1.0, 2.0]), [-0.1, -0.1 - 0.25])
    damped = SGDRule(lr=0.1, momentum=0.5, dampening=0.25)
    close(run(damped, 0.0, [1.0, 2.0]), [-0.1, -0.1 - 0.2])


def test_nesterov_looks_ahead() -> None:
    """Steps g + μ v: 1 + 0.5·1, then 2 + 0.5·(0.5 + 2)."""
    rule = SGDRule(lr=0.1, momentum=0.5, nesterov=True)
    close(run(rule, 0.0, [1.0, 2.0]), [-0.15, -0.15 - 0.325])


def test_adagrad_sums_squares() -> None:
    first, second = -3 / sqrt(9 + 16), -(4 / sqrt(9 + 16 + 16)) / 1.5
    rule = AdagradRule(lr=1.0, lr_decay=0.5, initial_accumulator_value=16.0, eps=0.0)
    close(run(rule, 0.0, [3.0, 4.0]), [first, first + second])


def test_rmsprop_averages_squares() -> None:
    s1, s2 = 0.25 * 4, 0.75 * 0.25 * 4 + 0.25 * 16
    d1, d2 = 2 / (sqrt(s1) + 0.5), 4 / (sqrt(s2) + 0.5)
    rule = RMSpropRule(lr=0.1, alpha=0.75, eps=0.5)
    close(run(rule, 0.0, [2.0, 4.0]), [-0.1 * d1, -0.1 * (d1 + d2)])
    rule = RMSpropRule(lr=0.1, alpha=0.75, eps=0.5, momentum=0.5)
    close(run(rule, 0.0, [2.0, 4.0]), [-0.1 * d1, -0.1 * (d1 + 0.5 * d1 + d2)])


def test_centred_rmsprop_divides_by_the_deviation() -> None:
    """s - m² = 0.25·4 - (0.25·2)² = 0.75."""
    rule = RMSpropRule(lr=1.0, alpha=0.75, eps=0.0, centered=True)
    close(run(rule, 0.0, [2.0]), [-2 / sqrt(0.75)])


def test_adadelta_uses_the_size_of_earlier_steps() -> None:
    s1, eps = 0.5 * 4, 0.1
    d1 = sqrt(eps) / sqrt(s1 + eps) * 2
    s2, u = 0.5 * s1 + 0.5 * 1, 0.5 * d1**2
    d2 = sqrt(u + eps) / sqrt(s2 + eps) * -1
    close(run(AdadeltaRule(rho=0.5, eps=eps), 0.0, [2.0, -1.0]), [-d1, -d1 - d2])


def test_adam_corrects_both_moments() -> None:
    """m̂ = (0.5·1 + 0.5·3·…)/(1 - β₁ᵗ) and so on, for β = (0.5, 0.75)."""
    rule = AdamRule(lr=0.1, betas=(0.5, 0.75), eps=0.01)
    first = 0.1 * 1 / (1 + 0.01)
    m_hat = (0.25 * 1 + 0.5 * 3) / 0.75
    s_hat = (0.75 * 0.25 * 1 + 0.25 * 9) / (1 - 0.75**2)
    second = 0.1 * m_hat / (sqrt(s_hat) + 0.01)
    close(run(rule, 0.0, [1.0, 3.0]), [-first, -first - second])


def test_amsgrad_never_forgets_the_largest_second_moment() -> None:
    s1, s2 = 0.5 * 16.0, 0.5 * 0.5 * 16.0
    m2 = 0.5 * 0.5 * 4.0
    for amsgrad, second in ((False, s2), (True, s1)):
        rule = AdamRule(lr=1.0, betas=(0.5, 0.5), eps=0.0, amsgrad=amsgrad)
        first, last = run(rule, 0.0, [4.0, 0.0])
        close([last - first], [-(m2 / 0.75) / sqrt(second / 0.75)])


def test_decoupled_decay_does_not_enter_the_moments() -> None:
    coupled = AdamRule(lr=0.1, weight_decay=0.5, eps=0.0)
    decoupled = AdamRule(lr=0.1, weight_decay=0.5, eps=0.0, decoupled_weight_decay=True)
    close(run(coupled, 1.0, [2.0]), [0.9])
    close(run(decoupled, 1.0, [2.0]), [(1 - 0.1 * 0.5) - 0.1])


@EACH
def test_an_update_changes_none_of_its_arguments(rule: Rule) -> None:
    theta, gradient, state = double(1.0, -2.0), double(0.5, 3.0), rule.init(double(1.0, -2.0))
    before = {name: slot.tolist() for name, slot in state.items()}
    new, new_state = rule.update(theta, gradient, state)
    assert theta.tolist() == [1.0, -2.0] and gradient.tolist() == [0.5, 3.0]
    assert {name: slot.tolist() for name, slot in state.items()} == before
    assert new.tolist() != theta.tolist() and new_state.keys() == state.keys()


@EACH
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtypes_and_shapes_stay(rule: Rule, dtype: str) -> None:
    for shape in ((), (0, 2), (2, 3)):
        theta = lamina.tensor(np.ones(shape, dtype))
        start = rule.init(theta)
        rate = {"lr": lamina.tensor(np.array(0.1))}
        new, state = rule.update(theta, theta, start, rate)
        assert (new.shape, new.dtype) == (shape, np.dtype(dtype))
        for name, slot in state.items():
            assert (slot.shape, slot.dtype) == (start[name].shape, start[name].dtype)


@EACH
def test_a_learning_rate_may_be_a_tensor(rule: Rule) -> None:
    theta, gradient, state = double(1.0, -2.0), double(0.5, 3.0), rule.init(double(1.0, -2.0))
    by_number, _ = rule.update(theta, gradient, state, {"lr": 0.25})
    by_tensor, _ = rule.update(theta, gradient, state, {"lr": lamina.tensor(np.array(0.25))})
    assert by_number.tolist() == by_tensor.tolist()


@EACH
def test_updates_trace(rule: Rule) -> None:
    """The traced program of three steps gives what the dynamic graph gives."""
    theta, gradient, rate = double(1.0, -2.0), double(0.5, 3.0), lamina.tensor(np.array(0.3))
    state = rule.init(theta)

    def steps(theta: Tensor, gradient: Tensor, state: Any, rate: Tensor) -> Any:
        for _ in range(3):
            theta, state = rule.update(theta, gradient, state, {"lr": rate})
        return theta, state

    arguments = (theta, gradient, state, rate)
    program = lamina.trace(steps, *arguments)
    found = program.evaluate(*[leaf.numpy() for leaf in (theta, gradient, *state.values(), rate)])
    expected, expected_state = steps(*arguments)
    assert len(found) == 1 + len(state)
    for value, tensor in zip(found, (expected, *expected_state.values()), strict=True):
        np.testing.assert_array_equal(value, tensor.numpy())


def test_updates_differentiate() -> None:
    """With θ' = θ - γ g and L = θ'²: ∂L/∂γ = -2 θ' g."""
    theta, gradient = double(3.0), double(2.0)

    def loss(rate: Tensor) -> Tensor:
        new, _ = SGDRule().update(theta, gradient, {}, {"lr": rate})
        return (new * new).sum()

    found = lamina.grad(loss)(lamina.tensor(np.array(0.25)))
    close([found.item()], [-2 * (3 - 0.25 * 2) * 2])


def test_apply_updates_works_by_name() -> None:
    rule = SGDRule(lr=0.5, momentum=0.5)
    parameters = {"w": double(1.0), "b": double(2.0), "frozen": double(3.0)}
    gradients = {"w": double(2.0), "b": double(4.0), "frozen": None}
    state = init_state(rule, parameters)
    new, new_state = apply_updates(rule, parameters, gradients, state)
    assert {name: p.item() for name, p in new.items()} == {"w": 0.0, "b": 0.0, "frozen": 3.0}
    assert new_state["b"]["momentum_buffer"].item() == 4.0
    assert new_state["frozen"]["momentum_buffer"].item() == 0.0
    assert parameters["w"].item() == 1.0 and state["b"]["momentum_buffer"].item() == 0.0


def test_apply_updates_names_what_does_not_fit() -> None:
    rule, parameters = SGDRule(), {"w": double(1.0)}
    with pytest.raises(ArgumentError, match="gradient for 'v', which is no parameter"):
        apply_updates(rule, parameters, {"v": double(1.0)}, {})
    with pytest.raises(ShapeError, match=r"parameter 'w' has shape \(2,\).*shape \(1,\)"):
        apply_updates(rule, parameters, {"w": double(1.0, 2.0)}, {})
    with pytest.raises(DTypeError, match="float32, but the parameter is float64"):
        apply_updates(rule, parameters, {"w": lamina.tensor([1.0])}, {})
    stray = {"w": {"momentum_buffer": double(1.0, 2.0)}}
    with pytest.raises(ShapeError, match=r"'momentum_buffer' has shape \(2,\).*another parameter"):
        apply_updates(SGDRule(momentum=0.9), parameters, {"w": double(1.0)}, stray)
    with pytest.raises(ArgumentError, match="no option 'beta'"):
        apply_updates(rule, parameters, {}, {}, {"beta": 0.9})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGDRule(lr=-0.1), r"SGD: lr must be at least 0 and finite, got -0.1"),
        (lambda: SGDRule(lr=float("nan")), r"SGD: lr must be at least 0 and finite, got nan"),
        (lambda: SGDRule(lr=float("inf")), r"lr must be at least 0 and finite, got inf"),
        (lambda: SGDRule(lr="0.1"), r"lr must be a number or a scalar tensor, got '0.1' \(str\)"),
        (lambda: SGDRule(lr=True), r"lr must be a number"),
        (lambda: SGDRule(lr=double(0.1)), r"scalar of shape \(\), got shape \(1,\)"),
        (lambda: SGDRule(lr=lamina.tensor(-1.0)), r"lr must be at least 0 and finite, got -1.0"),
        (lambda: SGDRule(momentum=-1), r"SGD: momentum must be at least 0"),
        (lambda: SGDRule(dampening=1.5), r"SGD: dampening must be in \[0, 1\], got 1.5"),
        (lambda: SGDRule(weight_decay=-1), r"SGD: weight_decay must be at least 0"),
        (lambda: SGDRule(nesterov=True), r"nesterov needs a momentum above 0"),
        (lambda: SGDRule(nesterov=True, momentum=0.9, dampening=0.1), r"no dampening"),
        (lambda: AdagradRule(lr_decay=-1), r"Adagrad: lr_decay"),
        (lambda: AdagradRule(initial_accumulator_value=-1), r"initial_accumulator_value"),
        (lambda: AdagradRule(eps=-1), r"Adagrad: eps"),
        (lambda: RMSpropRule(alpha=-0.1), r"RMSprop: alpha must be in \[0, 1\]"),
        (lambda: RMSpropRule(momentum=-0.1), r"RMSprop: momentum"),
        (lambda: AdadeltaRule(rho=1.1), r"Adadelta: rho must be in \[0, 1\]"),
        (lambda: AdamRule(betas=(1.0, 0.9)), r"Adam: betas\[0\] must be in \[0, 1\), got 1.0"),
        (lambda: AdamRule(betas=(0.9, -1.0)), r"Adam: betas\[1\] must be in \[0, 1\), got -1.0"),
        (lambda: AdamRule(betas=0.9), r"betas must be a tuple of two numbers, got 0.9"),
        (
            lambda: AdamRule(eps=-1e-8, decoupled_weight_decay=True),
            r"AdamW: eps must be at least 0",
        ),
    ],
)
def test_arguments_out_of_range(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


def test_rules_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        SGDRule().lr = 1.0  # type: ignore[misc]
