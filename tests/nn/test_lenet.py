"""LeNet's own layers, against direct computation."""

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina import nn
from lamina.core.errors import ArgumentError, ShapeError

KEY = lamina.random.key(5)


@pytest.mark.parametrize("pooled", ["sum", "mean"])
def test_subsampling_and_its_gradients(pooled: str) -> None:
    x = lamina.random.normal(KEY, (2, 3, 4, 6), dtype="float64").requires_grad_()
    layer = nn.Subsample2d(3, pooled=pooled, dtype="float64")
    layer.weight.assign(np.array([0.5, -1.0, 2.0]))
    layer.bias.assign(np.array([1.0, 2.0, 3.0]))
    windows = x.numpy().reshape(2, 3, 2, 2, 3, 2)
    y = windows.sum((3, 5)) if pooled == "sum" else windows.mean((3, 5))
    weight, bias = (p.numpy().reshape(3, 1, 1) for p in (layer.weight, layer.bias))
    out = layer(x)
    np.testing.assert_allclose(out, weight * y + bias)
    delta = np.random.default_rng(0).normal(size=out.shape)
    out.backward(lamina.tensor(delta))
    np.testing.assert_allclose(layer.weight.grad, (delta * y).sum((0, 2, 3)))
    np.testing.assert_allclose(layer.bias.grad, delta.sum((0, 2, 3)))
    up = np.kron(weight * delta, np.ones((2, 2))) / (4 if pooled == "mean" else 1)
    np.testing.assert_allclose(x.grad, up)


@pytest.mark.parametrize("pooled", ["sum", "mean"])
def test_subsampling_starts_as_average_pooling(pooled: str) -> None:
    x = lamina.random.normal(KEY, (1, 2, 6, 6))
    np.testing.assert_allclose(
        nn.Subsample2d(2, 3, pooled=pooled)(x), F.avg_pool2d(x, 3), rtol=1e-5, atol=1e-6
    )


def test_subsampling_errors() -> None:
    with pytest.raises(ShapeError, match=r"Subsample2d: expected \(N, 3, H, W\).*\(1, 2, 4, 4\)"):
        nn.Subsample2d(3)(lamina.ones(1, 2, 4, 4))
    with pytest.raises(ArgumentError, match="pooled must be 'sum' or 'mean', got 'max'"):
        nn.Subsample2d(3, pooled="max")


def test_connection_table_sums_over_its_connections() -> None:
    layer = nn.ConnectionTableConv2d(6, nn.LENET5_C3, 5, dtype="float64")
    x = lamina.random.normal(KEY, (2, 6, 8, 7), dtype="float64")
    kernels = iter(layer.weight.numpy())
    expected = np.zeros((2, 16, 4, 3))
    for output, inputs in enumerate(nn.LENET5_C3):
        expected[:, output] = layer.bias.numpy()[output]
        for channel in inputs:
            kernel = next(kernels)
            for i, j in np.ndindex(4, 3):
                patch = x.numpy()[:, channel, i : i + 5, j : j + 5]
                expected[:, output, i, j] += (patch * kernel).sum((1, 2))
    np.testing.assert_allclose(layer(x), expected)


def test_connection_table_gradient_is_the_dense_one_where_there_is_a_connection() -> None:
    layer = nn.ConnectionTableConv2d(3, [[0, 2], [1]], 2, dtype="float64")
    x = lamina.random.normal(KEY, (2, 3, 4, 4), dtype="float64")
    dense = layer.dense_weight().detach().requires_grad_()
    layer(x).square().sum().backward()
    F.conv2d(x, dense, layer.bias.detach()).square().sum().backward()
    gradient = dense.grad.numpy()
    np.testing.assert_allclose(layer.weight.grad, [gradient[0, 0], gradient[0, 2], gradient[1, 1]])


def test_connection_table_starts_by_its_own_fan_in() -> None:
    lamina.manual_seed(0)
    layer = nn.ConnectionTableConv2d(100, [range(100), [0]], 10)
    assert layer.fan_in() == [10000, 100]
    assert 0.009 < abs(layer.weight.numpy()[:100]).max() <= 0.01
    assert 0.09 < abs(layer.weight.numpy()[100]).max() <= 0.1
    layer.reset_parameters(gain=2.4)
    assert 0.02 < abs(layer.weight.numpy()[100]).max() <= 0.024


@pytest.mark.parametrize("table", [[[0, 3]], [[-1]], [[]], [[0, 0]], [[0], [1, 1]]])
def test_connection_table_errors(table: list[list[int]]) -> None:
    with pytest.raises(ArgumentError, match=r"table\[\d\] must list different input maps from 0"):
        nn.ConnectionTableConv2d(3, table, 3)
    with pytest.raises(ArgumentError, match="no output map"):
        nn.ConnectionTableConv2d(3, [], 3)


def test_rbf_distances() -> None:
    rng = np.random.default_rng(0)
    codes, x = rng.normal(size=(3, 4)), rng.normal(size=(5, 4))
    layer = nn.RBFOutput(codes, dtype="float64")
    expected = ((x[:, None] - codes) ** 2).sum(2)
    np.testing.assert_allclose(layer.distances(lamina.tensor(x)), expected)
    np.testing.assert_allclose(layer(lamina.tensor(x)), -expected)
    assert list(layer.parameters()) == [] and list(layer.state_dict()) == ["codes"]
    with pytest.raises(ShapeError, match=r"RBFOutput: expected \(N, 4\), got shape \(5, 3\)"):
        layer(lamina.ones(5, 3))
    with pytest.raises(ShapeError, match="codes are"):
        nn.RBFOutput(np.ones(3))


def test_digit_codes_are_far_apart() -> None:
    codes = nn.digit_codes()
    assert codes.shape == (10, 84) and set(np.unique(codes)) == {-1.0, 1.0}
    differing = (codes[:, None] != codes).sum(2) + 84 * np.eye(10, dtype=int)
    assert differing.min() >= 5
    # Drawn in their cells: every digit has ink in the top and in the bottom row.
    assert (codes.reshape(10, 12, 7)[:, [0, -1]].max(2) == 1).all()


def test_lenet_loss_is_equation_nine() -> None:
    rng = np.random.default_rng(0)
    penalties, target, j = rng.uniform(0, 20, (6, 4)), rng.integers(0, 4, 6), 3.0
    right = penalties[np.arange(6), target]
    expected = right + np.log(np.exp(-j) + np.exp(-penalties).sum(1))
    arguments = lamina.tensor(-penalties), lamina.tensor(target)
    np.testing.assert_allclose(nn.lenet_loss(*arguments, j=j, reduction="none"), expected)
    np.testing.assert_allclose(nn.lenet_loss(*arguments, j=j), expected.mean())
    np.testing.assert_allclose(nn.LeNetLoss(j, "sum")(*arguments), expected.sum())
    assert (expected > 0).all()
    with pytest.raises(ArgumentError, match="j must be positive, got 0"):
        nn.lenet_loss(*arguments, j=0)


def test_lenet_loss_hardly_pushes_what_is_already_large() -> None:
    scores = lamina.tensor([[-0.1, -3.0, -60.0]]).requires_grad_()
    nn.lenet_loss(scores, lamina.tensor([0]), j=10.0).backward()
    gradient = scores.grad.numpy()[0]
    assert gradient[1] > 1e-2 and 0 <= gradient[2] < 1e-20
