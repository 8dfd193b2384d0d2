"""A NaN or infinity stops training with an error that names where it came from."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.train.toy import X, Y, assert_identical

import lamina
from lamina import nn, optim
from lamina.core.errors import NonFiniteError
from lamina.train import Trainer


class Planted(nn.Module):
    """A network in which `operation` is applied between two layers."""

    def __init__(self, operation: Callable[[Any], Any]) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.planted = Applied(operation)
        self.last = nn.Linear(4, 3)

    def forward(self, x: Any) -> Any:
        return self.last(self.planted(self.first(x)))


class Applied(nn.Module):
    def __init__(self, operation: Callable[[Any], Any]) -> None:
        super().__init__()
        self.operation = operation

    def forward(self, x: Any) -> Any:
        return self.operation(x)


def fit(model: nn.Module, x: Any = X, lr: float = 0.1, **options: Any) -> Trainer:
    made = Trainer(model, "cross_entropy", optim.SGD(model.parameters(), lr=lr), **options)
    batches = [(x[i : i + 10], Y[i : i + 10]) for i in range(0, 50, 10)]
    made.fit(batches, epochs=20, progress="none")
    return made


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        (lambda z: lamina.log(-lamina.square(z)), "log"),
        (lambda z: lamina.sqrt(z - 1e6), "sqrt"),
        (lambda z: lamina.exp(z * 1e6 + 1e5), "exp"),
        (lambda z: z / (z - z), "divide"),
    ],
)
def test_the_first_operation_and_its_layer_are_named(
    operation: Callable[[Any], Any], name: str
) -> None:
    lamina.manual_seed(0)
    message = rf"the loss is .*: operation {name} in planted is the first to give (nan|-?inf) at \["
    with pytest.raises(NonFiniteError, match=message):
        fit(Planted(operation))


def test_weights_stay_as_they_were_before_the_step() -> None:
    lamina.manual_seed(0)
    model = Planted(lambda z: lamina.log(-lamina.square(z)))
    made = Trainer(model, "cross_entropy", optim.SGD(model.parameters(), lr=0.1))
    before = made.weights()
    with pytest.raises(NonFiniteError, match="step 0, epoch 0, batch 0"):
        made.fit((X, Y), progress="none")
    assert_identical(before, made.weights())


def test_the_optimiser_stays_as_it_was_too() -> None:
    lamina.manual_seed(0)
    model = nn.Linear(3, 3)
    made = Trainer(model, "cross_entropy", optim.Adam(model.parameters()))
    made.fit([(X, Y)], progress="none")
    before = made.state_dict()
    with pytest.raises(NonFiniteError):
        made.fit([(X * np.float32(1e38), Y)], epochs=2, progress="none")
    after = made.state_dict()
    assert_identical(before["optimiser"], after["optimiser"])
    assert_identical(before["model"], after["model"])


def test_a_gradient_that_is_not_finite_though_the_loss_is() -> None:
    lamina.manual_seed(0)
    model = Planted(lambda z: lamina.sqrt(z * 0.0))
    message = (
        "the loss is .*, but the gradient of 'first.weight' is not finite: in the backward pass, "
        "operation .* is the first to give"
    )
    with pytest.raises(NonFiniteError, match=message):
        fit(model)


def test_divergence_is_caught_however_it_shows() -> None:
    lamina.manual_seed(0)
    with pytest.raises(NonFiniteError, match="lower the learning rate"):
        fit(Planted(lamina.square), lr=1e30)


def test_a_buffer_that_overflows_is_noticed() -> None:
    lamina.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 3))
    with pytest.raises(NonFiniteError, match=r"buffer '0.running_var' then contains inf at"):
        fit(model, X * np.float32(1e30))
    assert all(np.isfinite(np.array(value)).all() for value in model.state_dict().values())


def test_a_parameter_that_is_not_finite_is_named() -> None:
    lamina.manual_seed(0)
    model = Planted(lamina.tanh)
    bad = np.array(model.last.bias)
    bad[1] = np.inf
    model.last.bias.assign(bad)
    with pytest.raises(NonFiniteError, match=r"parameter 'last.bias' contains inf at \[1\]"):
        fit(model)


def test_a_constant_in_the_model_is_named() -> None:
    lamina.manual_seed(0)
    bad = lamina.tensor([1.0, np.nan, 1.0, 1.0])
    with pytest.raises(
        NonFiniteError,
        match=r"a constant that operation multiply in planted reads contains nan at \[0, 1\]",
    ):
        fit(Planted(lambda z: z * bad))


def test_inputs_are_checked_before_they_are_used() -> None:
    lamina.manual_seed(0)
    x = X.copy()
    x[37, 2] = np.nan
    with pytest.raises(NonFiniteError, match=r"batch 3: inputs contain nan at \[7, 2\]"):
        fit(Planted(lamina.tanh), x)


def test_targets_are_checked_too() -> None:
    model = nn.Linear(3, 1)
    made = Trainer(model, "mse", optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(NonFiniteError, match=r"batch 0: targets contain inf at \[2, 0\]"):
        made.fit([(X[:4], np.array([[0.0], [1.0], [np.inf], [0.0]]))], progress="none")


def test_the_loss_itself_may_be_the_culprit() -> None:
    lamina.manual_seed(0)
    model = nn.Linear(3, 3)

    def loss(outputs: Any, targets: Any) -> Any:
        return lamina.log(outputs.sum() * 0.0)

    made = Trainer(model, loss, optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(NonFiniteError, match="operation log is the first to give -inf"):
        made.fit((X, Y), progress="none")


def test_integer_inputs_are_diagnosed_too() -> None:
    lamina.manual_seed(0)
    model = nn.Sequential(nn.Embedding(4, 3), Applied(lambda z: lamina.log(z * 0.0)))
    made = Trainer(model, "mse", optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(NonFiniteError, match="operation log in 1 is the first to give"):
        made.fit((np.array([1, 2]), np.zeros((2, 3), np.float32)), progress="none")
