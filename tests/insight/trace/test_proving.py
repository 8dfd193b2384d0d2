"""Every kind of layer is derived and verified, and a wrong gradient is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lamina import functions as F
from lamina import insight, nn, random
from lamina.insight import DerivationError
from lamina.insight.trace import Trace
from lamina.ops.contraction import Contraction
from lamina.ops.pointwise import Pointwise
from lamina.ops.window import WindowMax
from tests.insight.networks import numbers

Seq = nn.Sequential
LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str]] = {
    "dense": (lambda: nn.Linear(3, 2), (4, 3), "W(1) a(0) + b(1)"),
    "dense without bias": (lambda: nn.Linear(3, 2, bias=False), (1, 3), "δ(1) a(0)ᵀ"),
    "dense of sequences": (lambda: nn.Linear(3, 2), (2, 4, 3), "dense layer"),
    "convolution": (lambda: nn.Conv2d(2, 3, 3), (2, 2, 6, 5), "rot180(W(1,p,d)) ⊗̃ δ(1,p)"),
    "strided": (lambda: nn.Conv2d(2, 3, 3, stride=(2, 3)), (2, 2, 9, 8), "⊗̃ dilate(δ(1,p))"),
    "padded": (lambda: nn.Conv2d(2, 3, 3, padding=(1, 2)), (1, 2, 5, 5), "crop(Σ_p"),
    "dilated": (lambda: nn.Conv2d(2, 3, 2, dilation=2, stride=2), (1, 2, 8, 7), "Σ_p rot180"),
    "grouped": (lambda: nn.Conv2d(4, 6, 3, groups=2, padding="same"), (2, 4, 5, 5), "crop"),
    "flipped": (lambda: nn.Conv2d(2, 2, 3, flip=True), (1, 2, 5, 5), "⊗ X(0,d)"),
    "1-D": (lambda: nn.Conv1d(2, 3, 4, padding="wide"), (2, 2, 7), "convolution layer"),
    "3-D": (lambda: nn.Conv3d(1, 2, 2, padding=1), (1, 1, 3, 4, 3), "convolution layer"),
    "reflected": (lambda: nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"), (1, 1, 4, 4),
                  "∂Z(1)/∂X(0) δ(1)"),
    "table": (lambda: nn.ConnectionTableConv2d(3, [[0, 1], [2], [0, 2]], 3), (2, 3, 5, 5),
              "connection table"),
    "transposed": (lambda: nn.ConvTranspose2d(2, 3, 3, stride=2), (2, 2, 3, 4), "Σ_d W(1,p,d)"),
    "transposed, with all": (lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, groups=2,
                                                        output_padding=1, dilation=2),
                             (1, 4, 3, 3), "dilate(X(0,p))"),
    "transposed 1-D": (lambda: nn.ConvTranspose1d(2, 3, 4, bias=False), (1, 2, 5), "Σ_p rot180"),
    "max pool": (lambda: nn.MaxPool2d(2), (2, 2, 6, 6), "argmax"),
    "overlapping max pool": (lambda: nn.MaxPool2d(3, 2, padding=1), (2, 2, 7, 6), "up(δ(1))"),
    "dilated max pool": (lambda: nn.MaxPool1d(2, dilation=3), (1, 2, 9), "up(δ(1))"),
    "max pool with ceil": (lambda: nn.MaxPool2d(2, ceil_mode=True), (1, 1, 5, 5), "MaxPool2d("),
    "mean pool": (lambda: nn.AvgPool2d(2), (2, 2, 6, 6), "mean(X(0))"),
    "overlapping mean pool": (lambda: nn.AvgPool2d(3, 2, padding=1), (1, 2, 7, 7), "up(δ(1))"),
    "subsampling": (lambda: nn.Subsample2d(2), (2, 2, 6, 6), "δ(1,p) ⊙ Y(1,p)"),
    "mean subsampling": (lambda: nn.Subsample2d(2, 3, 2, pooled="mean"), (1, 2, 7, 7), "w(1,p)"),
    "batch norm": (lambda: nn.BatchNorm2d(3), (4, 3, 2, 2), "mean(δ(1) ⊙ x̂(1))"),
    "batch norm in use": (lambda: nn.BatchNorm1d(3).eval(), (4, 3), "γ(1)"),
    "batch norm alone": (lambda: nn.BatchNorm1d(3, affine=False), (4, 3), "x̂(1)"),
    "layer norm": (lambda: nn.LayerNorm(5), (2, 5), "function layer_norm"),
    "flatten": (lambda: Seq(nn.Flatten(), nn.Linear(8, 2)), (2, 2, 2, 2), "vec⁻¹(∂L/∂vec(X(0)))"),
    "dropout": (lambda: Seq(nn.Linear(4, 9), nn.Dropout(), nn.Linear(9, 1)), (2, 4), "mask"),
    "embedding": (lambda: nn.RBFOutput(numbers(3, 5), dtype="float64"), (2, 5), "Σ_i δ(1)_i"),
}  # fmt: skip


def mean_square(outputs: Any, targets: Any) -> Any:
    return ((outputs - targets) ** 2).mean()


def traced(model: nn.Module, shape: tuple[int, ...], loss: Any = mean_square) -> Trace:
    with random.use_keys(random.key(3)):
        return insight.trace(model.double(), numbers(*shape), np.array(0.3), loss)


@pytest.mark.parametrize("name", LAYERS)
def test_each_kind_of_layer(name: str) -> None:
    make, shape, words = LAYERS[name]
    with random.use_keys(random.key(1)):
        model = make()
    derivation = traced(model, shape).derivation()
    assert derivation.error < 1e-12
    assert words in derivation.to_text()


@pytest.mark.parametrize(
    "make",
    [nn.Sigmoid, nn.Tanh, nn.ReLU, nn.ScaledTanh, nn.Softplus, nn.GELU, nn.SiLU, nn.LeakyReLU,
     nn.ELU, nn.Hardsigmoid, nn.LogSigmoid, lambda: nn.Softmax(1), lambda: nn.LogSoftmax(1),
     nn.PReLU],
)  # fmt: skip
def test_each_activation(make: Callable[[], nn.Module]) -> None:
    t = traced(Seq(nn.Linear(4, 5), make(), nn.Linear(5, 2)), (3, 4))
    assert t.derivation().error < 1e-12
    first = t.layers[0]
    if first.activation is not None and first.f_prime is not None:
        np.testing.assert_allclose(first.delta, first.f_prime * first.da, rtol=1e-12)


LOSSES: dict[str, tuple[Any, Any, str]] = {
    "cross_entropy": ("cross_entropy", [2, 0], "1/2 (ŷ − y)"),
    "sum of cross-entropies": (nn.CrossEntropyLoss(reduction="sum"), [2, 0], "= ŷ − y"),
    "soft labels": (F.cross_entropy, [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]], "ŷ − y"),
    "smoothed": (nn.CrossEntropyLoss(label_smoothing=0.1), [2, 0], "function loss"),
    "ignored": (nn.CrossEntropyLoss(ignore_index=0), [2, 0], "function loss"),
    "logits": ("bce_with_logits", [[0.0, 1.0, 1.0], [1.0, 0.0, 0.5]], "1/6 (ŷ − y)"),
    "mse": (nn.MSELoss(), numbers(2, 3), "2/6 (a(1) − y)"),
    "huber": ("huber", numbers(2, 3), "function loss"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss(name: str) -> None:
    loss, targets, words = LOSSES[name]
    model = nn.Linear(4, 3).double()
    derivation = insight.trace(model, numbers(2, 4), np.array(targets), loss).derivation()
    assert derivation.error < 1e-12
    assert words in derivation.to_text()


def test_probabilities() -> None:
    model = Seq(nn.Linear(4, 1), nn.Sigmoid()).double()
    t = insight.trace(model, numbers(3, 4), np.array([1.0, 0.0, 1.0]), "bce")
    assert t.derivation().error < 1e-12
    np.testing.assert_allclose(t[1].delta, (t[1].a - [[1, 0, 1]]) / 3, rtol=1e-12)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_certain_probabilities(kind: str) -> None:
    p = np.array([[1, 0, 1, 0, 1e-30, 1 - 1e-7]], kind)
    y = np.array([[1, 0, 0, 1, 1, 0]], kind)
    derivation = insight.trace(Seq(nn.Hardtanh(0.0, 1.0)), p, y, "bce").derivation()
    assert derivation.error < (1e-12 if kind == "float64" else 2e-4)


def test_softmax_with_cross_entropy_gives_predicted_minus_target() -> None:
    model = nn.Linear(4, 3).double()
    t = insight.trace(model, numbers(1, 4), np.array([1]), "cross_entropy")
    predicted = np.exp(t[1].z) / np.exp(t[1].z).sum()
    np.testing.assert_allclose(t[1].delta, predicted - [[0], [1], [0]], atol=1e-14)
    assert "δ(1) = ŷ − y" in t.derivation().to_text()


def test_places_of_maxima() -> None:
    x = np.array([[[[1.0, 5, 2, 2], [0, 3, 2, 2], [9, 8, 0, 0], [7, 9, 0, 1]]]])
    layer = insight.trace(nn.MaxPool2d(2), x, np.array(0.0), mean_square)[1]
    assert layer["argmax"].value.tolist() == [[[[1, 2], [8, 15]]]]  # the first of equal ones


def test_a_layer_used_twice() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.same = nn.Linear(3, 3)

        def forward(self, x: Any) -> Any:
            return self.same(F.tanh(self.same(x)))

    t = traced(Twice(), (2, 3))
    assert [layer.name for layer in t.layers] == ["same", "same"]
    assert t.derivation().error < 1e-12


def test_resnet_in_float32() -> None:
    with random.use_keys(random.key(0)):
        model = nn.models.create("resnet20")
    images = numbers(2, 3, 8, 8).astype(np.float32)
    derivation = insight.trace(model, images, np.array([1, 2]), "cross_entropy").derivation()
    assert derivation.error < 2e-4
    assert "sum of branches" in derivation.to_text()


def test_sums_that_cancel_in_float32() -> None:
    x, weight = numbers(1, 2000), numbers(2000, 1).T[:, ::-1]
    weight = weight - (weight @ x.T) / (x @ x.T) * x
    model = Seq(nn.Linear(2000, 1, bias=False))
    model[0].weight.assign(weight.astype(np.float32))
    t = insight.trace(model, x.astype(np.float32), np.ones((1, 1), np.float32), "mse")
    assert abs(t[1].z.item()) < 1e-4
    assert t.derivation().error < 2e-4


@pytest.mark.parametrize("function", [nn.Tanh, nn.Sigmoid, nn.ScaledTanh, nn.GELU])
def test_saturated_units_in_float32(function: Callable[[], nn.Module]) -> None:
    model = Seq(nn.Linear(3, 5), function(), nn.Linear(5, 1))
    model[0].bias.assign(np.array([6.0, 7.0, 8.0, 9.0, 7.5], np.float32))
    model[0].weight.assign(0.1 * numbers(5, 3).astype(np.float32))
    x = numbers(2, 3).astype(np.float32)
    assert insight.trace(model, x, np.ones((2, 1)), "mse").derivation().error < 2e-4


@pytest.mark.parametrize(
    ("operation", "model", "shape"),
    [
        (Contraction, lambda: nn.Linear(3, 2), (2, 3)),
        (Contraction, lambda: nn.Conv2d(1, 2, 3), (1, 1, 5, 5)),
        (Contraction, lambda: nn.AvgPool2d(2), (1, 1, 4, 4)),
        (Pointwise, lambda: Seq(nn.Linear(3, 2), nn.Sigmoid()), (2, 3)),
        (Pointwise, lambda: Seq(nn.Linear(3, 2), nn.GELU()), (2, 3)),
        (WindowMax, lambda: nn.MaxPool2d(2), (1, 1, 4, 4)),
        (Contraction, lambda: nn.ConvTranspose2d(1, 2, 3), (1, 1, 4, 4)),
        (Contraction, lambda: nn.LayerNorm(4), (1, 4)),
    ],
)
def test_a_wrong_gradient_is_an_error(
    operation: type, model: Callable[[], nn.Module], shape: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    right = operation.vjp  # type: ignore[attr-defined]

    def wrong(self: Any, node: Any, index: int, cotangent: Any) -> Any:
        from lamina.tensors import Tensor

        found = right(self, node, index, cotangent)
        in_model = node.frame is not None and node.frame.path.startswith("model")
        return (Tensor(found) * 1.0001).node if in_model and found is not None else found

    monkeypatch.setattr(operation, "vjp", wrong)
    t = traced(model(), shape)
    with pytest.raises(DerivationError, match="one of the two is wrong"):
        t.derivation()


def test_a_transposed_gradient_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Contraction.vjp

    def wrong(self: Any, node: Any, index: int, cotangent: Any) -> Any:
        from lamina.tensors import Tensor

        found = right(self, node, index, cotangent)
        transposed = found is not None and found.shape == (3, 3)
        return Tensor(found).T.node if transposed else found

    monkeypatch.setattr(Contraction, "vjp", wrong)
    with pytest.raises(DerivationError, match=r"∂L/∂W\(1\) = δ\(1\) a\(0\)ᵀ does not hold"):
        traced(nn.Linear(3, 3), (2, 3)).derivation()
