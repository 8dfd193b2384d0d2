"""Calling modules as pure functions."""

import numpy as np
import pytest

import lamina
from lamina import nn
from lamina.core.errors import ArgumentError, ShapeError

X = lamina.tensor([[1.0, 2.0], [3.0, 5.0]])


def test_values_are_used_and_the_module_is_restored() -> None:
    layer = nn.Linear(2, 1)
    weight, before = layer.weight, layer.weight.tolist()
    out = nn.functional_call(layer, {"weight": np.array([[1.0, 1.0]]), "bias": [0.5]}, X)
    assert out.tolist() == [[3.5], [8.5]]
    assert layer.weight is weight and weight.tolist() == before


def test_restored_after_an_error() -> None:
    layer = nn.Linear(2, 1)
    weight = layer.weight
    with pytest.raises(ShapeError):
        nn.functional_call(layer, {"weight": lamina.ones(1, 2)}, lamina.ones(1, 3))
    assert layer.weight is weight


def test_unknown_names_and_shapes() -> None:
    layer = nn.Linear(2, 1)
    with pytest.raises(ArgumentError, match="Linear has no parameter or buffer v; it has: weight"):
        nn.functional_call(layer, {"v": X}, X)
    with pytest.raises(ShapeError, match=r"weight has shape \(1, 2\), got \(2, 2\)"):
        nn.functional_call(layer, {"weight": X}, X)


def test_gradient_equals_backward() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))

    def loss(parameters: dict[str, lamina.Tensor]) -> lamina.Tensor:
        return nn.functional_call(model, parameters, X).square().sum()

    gradients = lamina.grad(loss)(dict(model.named_parameters()))
    model(X).square().sum().backward()
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(gradients[name], parameter.grad, rtol=1e-5)


def test_tied_parameters_stay_tied() -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    for name in ("0.weight", "1.weight"):
        out = nn.functional_call(model, {name: 2 * np.eye(2)}, X)
        np.testing.assert_allclose(out, 4 * X.numpy())


def test_buffers_come_back_and_nothing_outside_changes() -> None:
    layer = nn.BatchNorm1d(2)
    given = lamina.zeros(2)
    _, buffers = nn.functional_call_with_buffers(layer, {"running_mean": given}, X)
    np.testing.assert_allclose(buffers["running_mean"], [0.2, 0.35], rtol=1e-6)
    assert buffers["num_batches_tracked"].item() == 1
    assert given.tolist() == layer.running_mean.tolist() == [0.0, 0.0]
    assert layer.num_batches_tracked.item() == 0


def test_a_training_step_traces() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    state = model.state_dict()
    learned = [name for name, _ in model.named_parameters()]

    def step(state: dict[str, lamina.Tensor], x: lamina.Tensor) -> dict[str, lamina.Tensor]:
        def loss(parameters: dict[str, lamina.Tensor]) -> tuple[lamina.Tensor, object]:
            out, buffers = nn.functional_call_with_buffers(model, state | parameters, x)
            return out.square().mean(), buffers

        parameters = {name: state[name] for name in learned}
        gradients, buffers = lamina.grad(loss, has_aux=True)(parameters)
        return {n: parameters[n] - 0.1 * gradients[n] for n in learned} | buffers

    eager = step(state, X)
    program = lamina.trace(step, state, X)
    order = lamina.tensors.tree.leaves((state, X))
    traced = program.evaluate(*[leaf.numpy() for leaf in order])
    expected = lamina.tensors.tree.leaves(eager)
    assert len(traced) == len(expected) == len(state)
    for got, want in zip(traced, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-7)
    assert model.state_dict()["1.num_batches_tracked"].item() == 0
