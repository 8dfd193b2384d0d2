"""One update of gradient descent."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import insight, optim, tensor
from lamina.core.errors import ArgumentError
from lamina.insight import DerivationError
from tests.insight.networks import numbers, two_two_one


def test_the_parts_add_up_to_what_sgd_does() -> None:
    model, x, y = two_two_one(), numbers(4, 2), numbers(4, 1)
    step = insight.trace(model, x, y, "mse").learning_step(lr=0.1, weight_decay=0.01, decay="all")
    optimiser = optim.SGD(model.parameters(), lr=0.1, weight_decay=0.01)
    before = {name: np.array(p.value) for name, p in model.named_parameters()}
    ((model(tensor(x)) - tensor(y)) ** 2).mean().backward()
    optimiser.step()
    for name, parameter in model.named_parameters():
        update = step[name]
        np.testing.assert_allclose(update.new, parameter.value, atol=1e-14)
        np.testing.assert_allclose(update.penalty, 0.01 * before[name], atol=1e-16)
        np.testing.assert_allclose(update.step, -0.1 * (update.data + update.penalty), atol=1e-16)
        np.testing.assert_allclose(update.old + update.step, update.new, atol=1e-16)


def test_the_book_does_not_let_biases_decay() -> None:
    t = insight.trace(two_two_one(), numbers(4, 2), numbers(4, 1), "mse")
    step = t.learning_step(lr=0.1, weight_decay=0.5)
    assert not step["0.bias"].penalty.any()
    np.testing.assert_allclose(step["0.weight"].penalty, 0.5 * step["0.weight"].old)


def test_the_step_is_that_of_the_traced_values() -> None:
    model = two_two_one()
    t = insight.trace(model, numbers(4, 2), numbers(4, 1), "mse")
    model[0].weight.assign(np.zeros((2, 2)))
    assert t.learning_step(lr=0.1)["0.weight"].old.any()


def test_text() -> None:
    t = insight.trace(two_two_one(), np.array([[1.0, 2.0]]), np.array([[1.0]]), "mse")
    text = t.learning_step(lr=1.0).to_text("zh")
    assert "学习率 α = 1" in text
    assert "W(1) ← W(1) − α ∂L/∂W(1)" in text
    assert "(∂L/∂W(1) + λ W(1))" in t.learning_step(lr=1.0, weight_decay=0.1).to_text()
    assert "-0.140625" in text


def test_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    t = insight.trace(two_two_one(), numbers(4, 2), numbers(4, 1), "mse")
    with pytest.raises(ArgumentError, match="'weights' or 'all', got 'none'"):
        t.learning_step(lr=0.1, decay="none")
    with pytest.raises(ArgumentError, match=r"no parameter 'x'; there are 0\.weight"):
        t.learning_step(lr=0.1)["x"]
    monkeypatch.setattr(optim.SGD, "step", lambda self: None)
    with pytest.raises(DerivationError, match=r"W\(1\) ← W\(1\) − α ∂L/∂W\(1\) does not hold"):
        t.learning_step(lr=0.1)
