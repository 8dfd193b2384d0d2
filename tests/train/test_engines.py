"""Both engines measure, predict and refuse alike; the compiled one is the default."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.train.toy import X, Y, trainer

import lamina
import lamina.functions as F
from lamina import nn, optim
from lamina.core.errors import ArgumentError, TraceError
from lamina.random import use_keys
from lamina.tensors import Tensor
from lamina.train import Trainer, predict
from lamina.train.compiled import CompiledStep
from lamina.train.engines import ENGINES


def sgd(model: nn.Module) -> optim.Optimizer:
    return optim.SGD(model.parameters(), lr=0.1)


class Applied(nn.Module):
    """A layer, and then a function."""

    def __init__(self, function: Callable[[Tensor], Tensor], outputs: int = 3) -> None:
        super().__init__()
        self.layer = nn.Linear(3, outputs)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.layer(x))


def test_the_compiled_engine_is_the_default() -> None:
    assert ENGINES[0] == "compiled"
    assert isinstance(trainer().run_step, CompiledStep)


@pytest.mark.parametrize("size", [50, 16, 1])
def test_both_engines_measure_and_predict_alike(size: int) -> None:
    made = trainer()
    made.fit((X, Y), epochs=1, progress="none")
    found = [made.evaluate((X, Y), size, engine=engine) for engine in ENGINES]
    assert found[0] == pytest.approx(found[1], rel=1e-5)
    outputs = [predict(made.model, X, size, engine) for engine in ENGINES]
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(made.predict(X, size), outputs[0])


def test_an_unknown_engine() -> None:
    with pytest.raises(ArgumentError, match="engine must be one of compiled, dynamic, got 'gpu'"):
        predict(nn.Linear(3, 3), X, engine="gpu")


def by_value(z: Tensor) -> Tensor:
    if z.sum() > 0:  # this line
        return z
    return -z


def by_item(z: Tensor) -> Tensor:
    return z * max(z[0, 0].item(), 1.0)  # this line


def by_numpy(z: Tensor) -> Tensor:
    return z * float(np.asarray(z).mean())  # this line


def by_mask(z: Tensor) -> Tensor:
    return z - z[z > 0].sum()  # this line


@pytest.mark.parametrize("function", [by_value, by_item, by_numpy, by_mask])
def test_what_depends_on_values_is_an_error_with_the_line(
    function: Callable[[Tensor], Tensor],
) -> None:
    model = Applied(function)
    lines = function.__code__.co_firstlineno
    line = lines + 1
    message = (
        rf"test_engines\.py:{line}, in {function.__name__}: `.*# this line`; .*use lamina.where"
    )
    made = Trainer(model, "cross_entropy", sgd(model))
    for use in (lambda: made.fit((X, Y), progress="none"), lambda: made.predict(X)):
        with pytest.raises(TraceError, match=message):
            use()
    with pytest.raises(TraceError, match=message):
        lamina.compile(model)(X)
    assert all(parameter.node.value is not None for parameter in model.parameters())
    dynamic = Trainer(model, "cross_entropy", sgd(model), engine="dynamic")
    assert dynamic.fit((X, Y), progress="none").status == "finished"


def test_randomness_that_would_be_frozen_shows_the_line() -> None:
    stream = lamina.random.KeyStream(lamina.random.key(0))

    def noisy(z: Tensor) -> Tensor:
        return z + lamina.random.normal(stream.next(), z.shape)

    model = Applied(noisy)
    with pytest.raises(TraceError, match=r"test_engines.py:.*stream\.next.*engine=\"dynamic\""):
        Trainer(model, "cross_entropy", sgd(model)).fit((X, Y), progress="none")


def test_randomness_in_evaluation_mode() -> None:
    model = Applied(lambda z: F.dropout(z, 0.5))
    with use_keys(lamina.random.key(0)), pytest.raises(TraceError, match="the same random numbers"):
        predict(model, X)
    with use_keys(lamina.random.key(0)):
        assert predict(model, X, engine="dynamic").shape == (50, 3)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("loss", "targets", "message"),
    [
        ("cross_entropy", np.full(50, 7), r"target must hold integers from 0 to 2.* = 7"),
        ("nll", np.full(50, -1), r"target must hold integers from 0 to 2"),
        ("bce", np.full((50, 3), 2.0, np.float32), r"target must hold values from 0 to 1"),
        ("bce_with_logits", np.full((50, 3), 2), r"target must hold values from 0 to 1"),
    ],
)
def test_targets_out_of_range(engine: str, loss: str, targets: Any, message: str) -> None:
    model = Applied(lamina.sigmoid)
    made = Trainer(model, loss, sgd(model), engine=engine)
    before = made.weights()
    with pytest.raises(ArgumentError, match=message):
        made.fit((X, targets), progress="none")
    np.testing.assert_equal(made.weights(), before)
    with pytest.raises(ArgumentError, match=message):
        made.evaluate((X, targets))


@pytest.mark.parametrize("engine", ENGINES)
def test_an_index_out_of_range(engine: str) -> None:
    model = nn.Sequential(nn.Embedding(4, 3), nn.Linear(3, 2))
    made = Trainer(model, "mse", sgd(model), engine=engine)
    bad, targets = np.array([0, 3, 4]), np.zeros((3, 2), np.float32)
    with pytest.raises(ArgumentError, match=r"input must hold integers from 0 to 3.* = 4"):
        made.fit((bad, targets), progress="none")
    with pytest.raises(ArgumentError, match=r"input must hold integers from 0 to 3.* = 4"):
        made.predict(bad)


def test_a_batch_is_checked_in_every_step() -> None:
    model = Applied(lamina.sigmoid, 1)
    made = Trainer(model, "bce", sgd(model))
    good, bad = (Y > 0).astype(np.float32)[:, None], np.full((50, 1), 1.5, np.float32)
    with pytest.raises(ArgumentError, match=r"got target\[0, 0\] = 1.5"):
        made.fit([(X, good), (X, good), (X, bad)], progress="none")
    assert made.step == 2
