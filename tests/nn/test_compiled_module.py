"""`lamina.compile` of a module: its weights as they are, its modes, its buffers."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import nn, optim
from lamina.core.errors import TraceError
from lamina.nn import functional_call
from lamina.tensors import Tensor
from lamina.train.compiled import CompiledStep
from lamina.train.objective import Objective, resolve
from lamina.train.step import TrainingStep

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype(np.float32)
Y = RNG.integers(0, 2, 20)


def network() -> nn.Module:
    lamina.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


def check(model: nn.Module, fast: Callable[..., Any], x: Any = X) -> None:
    np.testing.assert_allclose(fast(x), np.array(model(x)), rtol=1e-4, atol=1e-5)


def loaded(model: nn.Module) -> None:
    model.load_state_dict({k: np.array(v) + 1 for k, v in network().state_dict().items()})


def assigned(model: nn.Module) -> None:
    model[0].weight.assign(np.ones((4, 3), np.float32))


def replaced(model: nn.Module) -> None:
    lamina.manual_seed(9)
    model[2] = nn.Sequential(nn.Tanh(), nn.Linear(4, 4))


def parameter_replaced(model: nn.Module) -> None:
    model[3].bias = nn.Parameter([5.0, 6.0])


def removed(model: nn.Module) -> None:
    del model[2]


def trained(model: nn.Module) -> None:
    optimiser = optim.SGD(model.parameters(), lr=0.5)
    step = CompiledStep(TrainingStep(model, Objective(resolve("cross_entropy")), optimiser))
    for _ in range(3):
        step(lamina.tensor(X), lamina.tensor(Y), lamina.random.key(0))


def updated_in_place(model: nn.Module) -> None:
    with lamina.no_grad():
        model[3].bias -= 3.0


def doubled(model: nn.Module) -> None:
    model.double()


CHANGES = [
    loaded, assigned, replaced, parameter_replaced, removed, trained, updated_in_place, doubled,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.__name__)
def test_new_weights_are_seen(change: Callable[[nn.Module], None]) -> None:
    model = network().eval()
    fast = lamina.compile(model)
    for _ in range(2):
        check(model, fast)
    old = np.array(model(X))
    change(model)
    x = X.astype(np.float64) if change is doubled else X
    for _ in range(2):
        check(model, fast, x)
    assert change is doubled or not np.allclose(np.array(model(x)), old)


def test_training_and_use_by_turns() -> None:
    model = network()
    fast = lamina.compile(model)
    optimiser = optim.Adam(model.parameters(), lr=0.1)
    step = CompiledStep(TrainingStep(model, Objective(resolve("cross_entropy")), optimiser))
    for _ in range(4):
        step(lamina.tensor(X), lamina.tensor(Y), lamina.random.key(0))
        model.eval()
        check(model, fast)
        model.train()


def test_modes_and_running_statistics() -> None:
    model, other = network(), network()
    fast = lamina.compile(model)
    for _ in range(3):
        np.testing.assert_allclose(fast(X), np.array(other(X)), rtol=1e-4, atol=1e-5)
    for name, value in other.state_dict().items():
        np.testing.assert_allclose(model.state_dict()[name], np.array(value), rtol=1e-5)
    model.eval()
    check(model, fast)
    assert int(model[1].num_batches_tracked) == 3


def test_a_random_layer_in_training_mode_is_an_error() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    fast = lamina.compile(model)
    with pytest.raises(TraceError, match="the same random numbers in every call"):
        fast(X)
    check(model.eval(), fast)


def test_batches_of_several_sizes_and_containers() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network()

        def forward(self, pair: Any, scale: float = 1.0) -> Any:
            return {"sum": self.inner(pair[0]) * scale, "other": pair[1]}

    model = Two().eval()
    fast = lamina.compile(model)
    for n in (20, 7, 1, 20):
        found = fast([X[:n], X[:n]], scale=2.0)
        np.testing.assert_allclose(found["sum"], np.array(model.inner(X[:n])) * 2, rtol=1e-4)
        np.testing.assert_array_equal(found["other"], X[:n])


def test_inside_derivatives_and_traces_it_is_the_module() -> None:
    model = network().eval()
    fast = lamina.compile(model)
    fast(X)
    gradient = lamina.grad(lambda x: fast(x).sum())(lamina.tensor(X))
    expected = lamina.grad(lambda x: model(x).sum())(lamina.tensor(X))
    np.testing.assert_allclose(gradient, np.array(expected), rtol=1e-5)
    outer = lamina.compile(lambda x: fast(x) * 2)
    np.testing.assert_allclose(outer(X), 2 * np.array(model(X)), rtol=1e-4, atol=1e-5)

    def loss(values: dict[str, Tensor]) -> Tensor:
        return functional_call(model, values, X).sum()

    found = lamina.compile(lamina.grad(loss))(dict(model.named_parameters()))
    np.testing.assert_allclose(found["3.bias"], [20, 20], rtol=1e-5)


def test_other_parameters_put_in_its_place() -> None:
    model = network().eval()
    outer = nn.ModuleDict({"net": model})
    fast = lamina.compile(model)
    outer.forward = lambda x: fast(x)  # type: ignore[method-assign]
    check(model, fast)
    zero = {"net.3.weight": np.zeros((2, 4), np.float32), "net.3.bias": np.ones(2, np.float32)}
    np.testing.assert_array_equal(np.array(functional_call(outer, zero, X)), np.ones((20, 2)))
    check(model, fast)


def test_released_modules_are_taken_again() -> None:
    model = network().eval()
    fast = lamina.compile(model)
    check(model, fast)
    fast.release()  # type: ignore[attr-defined]
    check(model, fast)


def test_threads() -> None:
    model = network().eval()
    wanted = [np.array(model(X[:n])) for n in (20, 20, 7, 7)]
    fast, start = lamina.compile(model), Barrier(4)

    def work(number: int) -> None:
        start.wait()
        for _ in range(100):
            found = fast(X[: len(wanted[number])])
            np.testing.assert_allclose(found, wanted[number], rtol=1e-4, atol=1e-5)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))


def test_it_is_shown() -> None:
    fast = lamina.compile(network().eval())
    assert "Sequential(" in fast.show("graph", X)
    assert "define void @" in fast.show("llvm", X)
