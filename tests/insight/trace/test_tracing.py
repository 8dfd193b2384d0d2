"""The quantities of a trace."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import insight, nn, tensor
from lamina.core.errors import ArgumentError, GradientError, ShapeError
from lamina.core.types import Array
from tests.insight.networks import numbers, two_two_one

X, Y = np.array([[1.0, 2.0]]), np.array([[1.0]])


def near(got: Array | None, expected: object) -> None:
    assert got is not None
    np.testing.assert_allclose(got, np.asarray(expected), rtol=0, atol=1e-12)


def test_by_hand() -> None:
    """The network of `two_two_one` on x = (1, 2), y = 1, with L = (a - y)².

    With W⁽¹⁾ = [[1/2, -1/4], [2, -1]], b⁽¹⁾ = (0, ln 3), W⁽²⁾ = [2, -4/3], b⁽²⁾ = -ln 3:

    z⁽¹⁾ = (1/2 - 2/4 + 0, 2 - 2 + ln 3) = (0, ln 3), and since σ(0) = 1/2, σ(ln 3) = 3/(3+1):
    a⁽¹⁾ = (1/2, 3/4). z⁽²⁾ = 2 · 1/2 - 4/3 · 3/4 - ln 3 = -ln 3, a⁽²⁾ = 1/4, L = (3/4)² = 9/16.

    ∂L/∂a⁽²⁾ = 2 (1/4 - 1) = -3/2, σ′(z⁽²⁾) = 1/4 · 3/4 = 3/16, δ⁽²⁾ = -3/2 · 3/16 = -9/32.
    ∂L/∂W⁽²⁾ = δ⁽²⁾ a⁽¹⁾ᵀ = -9/32 (1/2, 3/4) = (-9/64, -27/128), ∂L/∂b⁽²⁾ = -9/32.
    ∂L/∂a⁽¹⁾ = W⁽²⁾ᵀ δ⁽²⁾ = (2, -4/3) (-9/32) = (-9/16, 3/8), σ′(z⁽¹⁾) = (1/4, 3/16),
    δ⁽¹⁾ = (1/4 · -9/16, 3/16 · 3/8) = (-9/64, 9/128).
    ∂L/∂W⁽¹⁾ = δ⁽¹⁾ xᵀ = [[-9/64, -18/64], [9/128, 18/128]], ∂L/∂b⁽¹⁾ = δ⁽¹⁾.
    ∂L/∂x = W⁽¹⁾ᵀ δ⁽¹⁾ = (1/2 · -9/64 + 2 · 9/128, -1/4 · -9/64 - 9/128) = (9/128, -9/256).
    """
    t = insight.trace(two_two_one(), X, Y, "mse")
    first, second = t.layers
    third = np.log(3)
    near(first.z, [[0], [third]])
    near(first.a, [[1 / 2], [3 / 4]])
    near(second.z, [[-third]])
    near(second.a, [[1 / 4]])
    assert abs(t.loss - 9 / 16) < 1e-12
    near(second.da, [[-3 / 2]])
    near(second.f_prime, [[3 / 16]])
    near(second.delta, [[-9 / 32]])
    near(second.dW, [[-9 / 64, -27 / 128]])
    near(second.db, [-9 / 32])
    near(first.da, [[-9 / 16], [3 / 8]])
    near(first.f_prime, [[1 / 4], [3 / 16]])
    near(first.delta, [[-9 / 64], [9 / 128]])
    near(first.dW, [[-9 / 64, -18 / 64], [9 / 128, 18 / 128]])
    near(first.db, [-9 / 64, 9 / 128])
    near(t.dx, [[9 / 128, -9 / 256]])
    assert t.derivation().error < 1e-15


def test_a_batch_is_columns_of_samples() -> None:
    model, x, y = two_two_one(), numbers(5, 2), numbers(5, 1)
    whole = insight.trace(model, x, y, nn.MSELoss(reduction="sum"))
    single = [insight.trace(model, x[[n]], y[[n]], "mse") for n in range(5)]
    for index, layer in enumerate(whole.layers):
        near(layer.z, np.hstack([t.layers[index].z for t in single]))
        near(layer.delta, np.hstack([t.layers[index].delta for t in single]))
        near(layer.dW, sum(np.asarray(t.layers[index].dW) for t in single))


def test_names_and_shapes_in_both_languages() -> None:
    layer = insight.trace(two_two_one(), X, Y, "mse")[1]
    words = {key: (q.words.en, q.words.zh) for key, q in layer.quantities.items()}
    assert words["z"] == ("net input", "净输入")
    assert words["a"] == ("activation", "活性值")
    assert words["delta"] == ("error term", "误差项")
    assert words["W"] == ("weights", "权重")
    assert words["b"] == ("bias", "偏置")
    assert words["dW"] == ("gradient of the weights", "权重的梯度")
    assert layer["dW"].shape == (2, 2)
    assert layer.kind.spoken("both") == "dense layer · 全连接层"


def test_layers_go_by_number_and_name() -> None:
    t = insight.trace(two_two_one(), X, Y, "mse")
    assert t[2] is t["2"] is t.layers[1]
    with pytest.raises(ArgumentError, match="the layers are 1 0, 2 2"):
        t["third"]


def test_the_model_stays_as_it_is() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).double()
    before = {name: np.array(value.value) for name, value in model.state_dict().items()}
    held = tensor(np.ones((4, 3)))
    model[0].weight.grad = held
    insight.trace(model, numbers(6, 3), numbers(6, 1), "mse")
    assert model[0].weight.grad is held
    assert model[2].weight.grad is None
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.value, before[name])


def test_a_residual_block_is_traced_in_order_of_execution() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 3, dtype="float64")
            self.outer = nn.Linear(3, 3, dtype="float64")

        def forward(self, x: object) -> object:
            return nn.functional.relu(x + self.outer(nn.functional.tanh(self.inner(x))))

    t = insight.trace(Block(), numbers(1, 3), numbers(1, 3), "mse")
    assert [layer.name for layer in t.layers] == ["inner", "outer", "add"]
    near(t["add"].z, t["outer"].z + t.capture.inputs.numpy().T)
    inner, outer = t["inner"], t["outer"]
    assert inner.W is not None
    near(t.dx.T, t["add"].delta + inner.W.T @ inner.delta)
    near(outer.delta, t["add"].delta)
    assert "∂L/∂a(0) = W(1)ᵀ δ(1) + δ(3)" in t.derivation().to_text()


def test_a_table_of_norms() -> None:
    text = str(insight.trace(two_two_one(), X, Y, "mse"))
    assert text.splitlines()[0].split()[:3] == ["l", "layer", "z"]
    assert text.splitlines()[-1] == "L = 0.5625"
    assert len(text.splitlines()) == 4


def test_what_cannot_be_traced() -> None:
    model = two_two_one()
    with pytest.raises(ShapeError, match="the loss must be a scalar, got shape"):
        insight.trace(model, numbers(3, 2), numbers(3, 1), nn.MSELoss(reduction="none"))
    with pytest.raises(GradientError, match="depends on no parameter"):
        insight.trace(model, X, Y, lambda outputs, targets: tensor(1.0))
