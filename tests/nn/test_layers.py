"""Layers with parameters: what the comparison with PyTorch does not see."""

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina import nn
from lamina.core.errors import ArgumentError, ShapeError


def test_functional_is_the_functions() -> None:
    import lamina.nn.functional as alias

    assert alias.__all__ == F.__all__
    assert all(getattr(alias, name) is getattr(F, name) for name in F.__all__)


@pytest.mark.parametrize(
    ("name", "size"), [("narrow", 4), ("valid", 4), ("same", 6), ("wide", 8), ("full", 8)]
)
@pytest.mark.parametrize("mode", ["zeros", "circular", "replicate", "reflect"])
def test_named_padding_with_every_mode(name: str, size: int, mode: str) -> None:
    layer = nn.Conv2d(1, 1, 3, padding=name, padding_mode=mode)
    assert layer(lamina.ones(1, 1, 6, 6)).shape == (1, 1, size, size)


def test_same_padding_of_an_even_kernel_is_that_of_zeros() -> None:
    x = lamina.random.normal(lamina.random.key(0), (1, 2, 5, 6))
    layer = nn.Conv2d(2, 3, (2, 4), padding="same", padding_mode="replicate")
    plain = F.conv2d(x, layer.weight, layer.bias, padding="same")
    inner = (..., slice(0, 4), slice(1, 4))
    np.testing.assert_allclose(layer(x)[inner], plain[inner], rtol=1e-5)


def test_flip_is_true_convolution() -> None:
    x = lamina.random.normal(lamina.random.key(0), (1, 1, 5))
    layer = nn.Conv1d(1, 1, 3, padding="wide", bias=False, flip=True)
    expected = np.convolve(x.numpy().ravel(), layer.weight.numpy().ravel())
    np.testing.assert_allclose(layer(x).numpy().ravel(), expected, rtol=1e-5, atol=1e-6)


def test_transposed_convolution_to_an_output_size() -> None:
    layer = nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1)
    x = lamina.ones(1, 1, 4, 4)
    assert layer(x).shape == (1, 1, 7, 7)
    assert layer(x, output_size=(8, 7)).shape == (1, 1, 8, 7)
    assert layer(x, output_size=(1, 1, 8, 8)).shape == (1, 1, 8, 8)
    for size in ((9, 7), (6, 7), (8,)):
        with pytest.raises(ArgumentError, match=r"between \(7, 7\) and \(8, 8\), got"):
            layer(x, output_size=size)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: nn.Linear(-1, 2), "Linear: in_features must be a whole number ≥ 0, got -1"),
        (lambda: nn.Linear(2, 2.0), "Linear: out_features must be a whole number ≥ 0, got 2.0"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "Conv2d: groups must divide"),
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), "Conv2d: kernel_size"),
        (lambda: nn.Conv2d(3, 4, 3, stride=0), "Conv2d: stride"),
        (lambda: nn.Conv2d(3, 4, 3, padding="some"), "Conv2d: padding must be numbers or one of"),
        (lambda: nn.Conv2d(3, 4, 3, padding="same", stride=2), "'same' needs stride 1"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), "padding_mode must be one of zeros"),
        (lambda: nn.GroupNorm(2, 3), "GroupNorm: num_groups must divide num_channels"),
        (lambda: nn.Embedding(3, 2, padding_idx=3), "padding_idx 3 is not one of 3 rows"),
        (lambda: nn.Maxout(2, 2, pieces=0), "Maxout: sizes must be positive"),
    ],
)
def test_impossible_arguments(build: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        build()  # type: ignore[operator]


def test_norms_check_the_number_of_axes() -> None:
    with pytest.raises(ShapeError, match=r"BatchNorm2d: expected input of 4 axes, got.*\(2, 3\)"):
        nn.BatchNorm2d(3)(lamina.ones(2, 3))
    with pytest.raises(ShapeError, match="InstanceNorm1d: expected input of 2 or 3 axes"):
        nn.InstanceNorm1d(3)(lamina.ones(2, 3, 4, 5))


def test_reset_running_stats() -> None:
    layer = nn.BatchNorm1d(1)
    layer(lamina.tensor([[1.0], [5.0]]))
    assert layer.running_mean.item() != 0 and layer.num_batches_tracked.item() == 1
    layer.reset_running_stats()
    assert layer.running_mean.item() == 0 and layer.running_var.item() == 1
    assert layer.num_batches_tracked.item() == 0


def test_maxout_is_the_maximum_of_its_pieces() -> None:
    layer = nn.Maxout(3, 2, pieces=4)
    x = lamina.random.normal(lamina.random.key(1), (5, 3))
    affine = x.numpy() @ layer.weight.numpy().T + layer.bias.numpy()
    np.testing.assert_allclose(layer(x), affine.reshape(5, 2, 4).max(2), rtol=1e-5)


def test_embedding_learns_all_rows_but_the_padding() -> None:
    layer = nn.Embedding(4, 2, padding_idx=-1)
    assert layer.padding_idx == 3 and layer.weight[3].tolist() == [0.0, 0.0]
    layer(lamina.tensor([1, 3, 1])).sum().backward()
    assert layer.weight.grad.tolist() == [[0, 0], [2, 2], [0, 0], [0, 0]]


def test_identity_takes_any_arguments() -> None:
    x = lamina.ones(2)
    assert nn.Identity(54, unused=True)(x) is x


def test_softmax2d_is_over_channels() -> None:
    x = lamina.random.normal(lamina.random.key(1), (2, 3, 2, 2))
    np.testing.assert_allclose(nn.Softmax2d()(x).sum(1), np.ones((2, 2, 2)), rtol=1e-6)
