"""Planted faults are found with their layer and cause; healthy networks are left in peace."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

import lamina
from lamina import data, insight, nn
from lamina.core.errors import ArgumentError, NonFiniteError
from lamina.nn import functional as F
from lamina.nn import models

MOONS = data.load("moons", count=1000, noise=0.5, fractions=(640, 160, 200)).train
DIGITS = data.load("digits").train[:128]
PIXELS = DIGITS.inputs.reshape(128, 64)
REPORTED = {
    nn.Sigmoid: (6.9e-11, 1.6e-8, 4.8e-6, 1.5e-3, 0.291),
    nn.ReLU: (4.7e-8, 3.0e-6, 1.7e-4, 1.1e-2, 0.403),
}


def network(
    sizes: Sequence[int], activation: Callable[[], nn.Module], std: float | None, bias: float = 0.0
) -> nn.Sequential:
    """Dense layers with N(0, std²) weights (by default He's) and constant biases."""
    lamina.manual_seed(0)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layer = nn.Linear(inputs, outputs)
        nn.init.normal_(layer.weight, std=(2 / inputs) ** 0.5 if std is None else std)
        nn.init.constant_(layer.bias, bias)
        layers += [layer, activation()]
    return nn.Sequential(*layers[:-1])


def on_moons(model: nn.Module) -> insight.HealthReport:
    return insight.gradient_health(model, MOONS.inputs, MOONS.targets, "bce_with_logits")


def on_digits(model: nn.Module, **options: Any) -> insight.HealthReport:
    return insight.gradient_health(model, PIXELS, DIGITS.targets, "cross_entropy", **options)


def kinds(report: insight.HealthReport) -> list[str]:
    return [finding.kind for finding in report.diagnosis]


COMPANION = (2, 3, 3, 3, 3, 1)


@pytest.mark.parametrize("activation", REPORTED)
def test_the_companions_table_of_the_vanishing_gradient(activation: type[nn.Module]) -> None:
    report = on_moons(network(COMPANION, activation, 0.01, 1.0))
    for row, reported, spread in zip(
        report.rows, REPORTED[activation], (100, 50, 20, 10, 2), strict=True
    ):
        assert reported / spread < row.gradient.norm < reported * spread
    (found,) = report.diagnosis
    assert found.kind == "vanishing gradient"
    assert found.layers == ("0", "2", "4")
    assert "small weights" in found.cause
    by_f = found.evidence["factor by f' a layer"]
    assert by_f == pytest.approx(1.0 if activation is nn.ReLU else 0.1966, rel=0.02)  # σ'(1)


def test_the_companions_dead_relu() -> None:
    report = on_moons(network(COMPANION, nn.ReLU, 0.01, -8.0))
    assert [row.gradient.norm for row in report.rows] == [0.0] * 5
    assert [row.dead_count for row in report.rows] == [3, 3, 3, 3, 0]
    (found,) = report.diagnosis
    assert found.kind == "dead ReLU"
    assert found.layers == ("0", "2", "4", "6")
    assert any("biases" in each for each in found.advice)
    alive = on_moons(network(COMPANION, nn.LeakyReLU, 0.01, -8.0))
    assert all(row.gradient.norm > 0 for row in alive.rows)
    assert kinds(alive) == ["vanishing gradient"]


def test_saturation() -> None:
    for activation, std in ((nn.Sigmoid, 10.0), (nn.Tanh, 5.0)):
        report = on_digits(network((64, 32, 32, 10), activation, std))
        found = {each.kind: each for each in report.diagnosis}
        assert found["saturated activation"].layers == ("0", "2")
    calm = on_digits(network((64, 32, 32, 10), nn.Tanh, 0.1))
    assert kinds(calm) == []
    assert calm.rows[0].z.size == 32 * 128


def test_saturation_is_the_share_of_places_with_a_small_derivative() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid(), nn.Linear(1, 1))
    model[0].weight.assign([[1.0]])
    model[0].bias.assign([0.0])
    x = np.array([[-6.0], [-4.0], [0.0], [4.0], [5.0], [6.0]], np.float32)
    row = insight.gradient_health(model, x, np.zeros((6, 1), np.float32), "mse").rows[0]
    slope = 1 / (1 + np.exp(-x)) * (1 - 1 / (1 + np.exp(-x)))
    assert row.saturated == pytest.approx(float((slope < 0.01).mean()))
    assert row.derivative == pytest.approx(float(slope.mean()), rel=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_symmetric_initialisation(value: float) -> None:
    model = network((2, 5, 5, 1), nn.Sigmoid, None)
    for parameter in model.parameters():
        nn.init.constant_(parameter, value)
    found = {each.kind: each for each in on_moons(model).diagnosis}
    assert found["symmetric initialisation"].layers == ("0", "2")
    assert "symmetric initialisation" not in kinds(on_moons(network((2, 5, 5, 1), nn.Sigmoid, 1)))


def test_symmetry_is_found_after_training_too() -> None:
    model = network((2, 5, 1), nn.Sigmoid, 0.0)
    optimiser = lamina.optim.SGD(model.parameters(), lr=0.5)
    trainer = lamina.train.Trainer(model, "bce_with_logits", optimiser)
    trainer.fit(MOONS[:600], epochs=30, batch_size=32, progress="none")
    assert float(np.abs(np.array(model[0].weight)).max()) > 0.1
    assert kinds(on_moons(model)) == ["symmetric initialisation"]


def test_exploding_gradients() -> None:
    report = on_digits(network((64, *[64] * 8, 10), nn.ReLU, 1.0))
    (found,) = report.diagnosis
    assert found.kind == "exploding gradient"
    assert "grows" in found.cause or "grow" in found.cause
    assert any("initial weights" in each for each in found.advice)


def test_gradients_of_unscaled_targets() -> None:
    model = network((2, 8, 1), nn.Tanh, 0.5)
    x = np.random.default_rng(0).normal(size=(32, 2)).astype(np.float32)
    report = insight.gradient_health(model, x, 1e5 * x[:, :1], "mse")
    (found,) = report.diagnosis
    assert found.kind == "exploding gradient"
    assert any("targets" in each for each in found.advice)


@pytest.mark.parametrize(("scale", "kind"), [(0.5, "too high"), (1e-8, "too low"), (1e-3, "")])
def test_learning_rate_from_update_ratios(scale: float, kind: str) -> None:
    model = network((64, 32, 10), nn.ReLU, None).double()
    before = {name: np.array(p) for name, p in model.named_parameters()}
    report = on_digits(model, before={name: p * (1 - scale) for name, p in before.items()})
    assert kinds(report) == ([f"learning rate {kind}"] if kind else [])
    assert report.rows[0].update_ratio == pytest.approx(scale / (1 - scale), rel=0.5)


def test_not_finite_names_the_first_layer() -> None:
    model = network((64, 32, 32, 10), nn.ReLU, None)
    weight = np.array(model[2].weight)
    weight[3, 4] = np.nan
    model[2].weight.assign(weight)
    (found,) = on_digits(model).diagnosis
    assert (found.kind, found.layers) == ("not finite", ("2",))
    assert "W of layer 2" in found.cause


def test_not_finite_in_the_backward_pass() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    for parameter in model.parameters():
        nn.init.zeros_(parameter)

    def loss(outputs: lamina.Tensor, targets: lamina.Tensor) -> lamina.Tensor:
        return lamina.sqrt(outputs).sum()  # ∂√z/∂z is infinite at 0

    (found,) = insight.gradient_health(model, np.ones((3, 2)), np.zeros(3), loss).diagnosis
    assert found.kind == "not finite"
    assert "backward" in found.cause
    assert found.layers == ("1",)


@pytest.mark.parametrize("name", ["lenet", "lenet5"])
def test_lenet_on_the_digits_is_healthy(name: str) -> None:
    lamina.manual_seed(1)
    images = data.load("digits", size=32).train[:32]
    model = models.create(name)
    report = insight.gradient_health(model, images.inputs, images.targets, "cross_entropy")
    assert report.healthy, str(report)
    first = report.rows[0]
    assert first.units == 6
    assert first.activation is not None
    assert first.z.size == 32 * 6 * 28 * 28


@pytest.mark.parametrize("depth", [1, 4, 12])
def test_he_initialised_relu_network_is_healthy(depth: int) -> None:
    report = on_digits(network((64, *[96] * depth, 10), nn.ReLU, None))
    assert report.healthy, str(report)


def test_every_number_against_pytorch() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(108, 4)).double()
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 1, 8, 8)), np.array([0, 1, 2, 3, 0])
    report = insight.gradient_health(model, x, y, F.cross_entropy)
    weights = [torch.tensor(np.array(p), requires_grad=True) for p in model.parameters()]
    z = torch.nn.functional.conv2d(torch.tensor(x), weights[0], weights[1])
    a = torch.tanh(z)
    out = torch.nn.functional.linear(a.flatten(1), weights[2], weights[3])
    for each in (z, a, out):
        each.retain_grad()
    loss = torch.nn.functional.cross_entropy(out, torch.tensor(y))
    loss.backward()
    first, last = report.rows
    expected = [(first.z, z), (first.a, a), (first.delta, z.grad), (last.delta, out.grad)]
    expected += [(first.gradient, weights[0].grad), (last.gradient, weights[2].grad)]
    for found, value in expected:
        values = value.detach().numpy()
        assert found.norm == pytest.approx(np.linalg.norm(values), rel=1e-12)
        assert (found.mean, found.std) == pytest.approx((values.mean(), values.std()), rel=1e-12)
        assert found.quantiles == pytest.approx(np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]))
        assert found.counts.sum() == values.size
    assert a.grad is not None
    assert first.backward_norm == pytest.approx(float(torch.linalg.norm(a.grad)), rel=1e-12)
    assert report.loss == pytest.approx(loss.item(), rel=1e-12)


class Functional(nn.Module):
    """Activations by functions, a frozen layer, batch norm and dropout in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Linear(64, 16).requires_grad_(False)
        self.norm = nn.BatchNorm1d(16)
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(16, 10)

    def forward(self, x: lamina.Tensor) -> lamina.Tensor:
        return self.out(self.drop(F.relu(self.norm(self.frozen(x)))))  # type: ignore[no-any-return]


def test_the_model_stays_as_it_is() -> None:
    model = Functional()
    before = {name: np.array(value) for name, value in model.state_dict().items()}
    one, other = on_digits(model), on_digits(model)
    assert [row.name for row in one.rows] == ["frozen", "norm", "out"]
    assert [row.activation for row in one.rows] == [None, "relu", None]
    assert one.rows[0].gradient.norm > 0
    assert one.loss == other.loss
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not model.frozen.weight.requires_grad
    for name, value in model.state_dict().items():
        assert np.array_equal(value, before[name])


class Words(nn.Module):
    """Integer inputs, a layer called twice, a tied weight, a parameter of the network's own."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.twice = nn.Linear(4, 4)
        self.slope = nn.PReLU()
        self.shift = nn.Parameter(lamina.zeros(7))
        self.out = nn.Linear(4, 7, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, x: lamina.Tensor) -> lamina.Tensor:
        a = self.slope(self.twice(self.embed(x)))
        return self.out(F.tanh(self.twice(a)).mean(1)) + self.shift  # type: ignore[no-any-return]


def test_unusual_networks() -> None:
    lamina.manual_seed(0)
    words, targets = np.arange(12).reshape(4, 3) % 7, np.array([0, 1, 2, 3])
    model = Words()
    report = insight.gradient_health(model, words, targets, nn.CrossEntropyLoss())
    rows = {row.name: (row.parameter, row.activation) for row in report.rows}
    assert rows == {
        "embed": ("embed.weight", None),
        "twice": ("twice.weight", "prelu"),
        "slope": ("slope.weight", None),
        "twice#2": ("twice.weight", "tanh"),
        "out": ("embed.weight", None),
        "Words": ("shift", None),
    }
    F.cross_entropy(model(words), targets).backward()
    assert model.embed.weight.grad is not None
    whole = float(np.linalg.norm(model.embed.weight.grad.numpy()))
    assert report["embed"].gradient.norm == pytest.approx(whole, rel=1e-6)
    assert report["out"].gradient.norm == report["embed"].gradient.norm
    assert report.healthy, str(report)


def test_forms_of_the_report() -> None:
    report = on_moons(network(COMPANION, nn.Sigmoid, 0.01, 1.0))
    text, markdown = str(report), report.to_markdown()
    for part in ("‖∂L/∂W‖", "logistic", "vanishing gradient in layer 1 (0)", "what to try"):
        assert part in text
        assert part.replace("vanishing gradient in", "**vanishing gradient** in") in markdown
    table = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len(table) == 7
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["layers"][0]["gradient"]["norm"] == report["0"].gradient.norm
    assert plain["diagnosis"][0]["layers"] == ["0", "2", "4"]
    with pytest.raises(KeyError, match="no layer"):
        report["nowhere"]


def test_errors() -> None:
    with pytest.raises(ArgumentError, match="no layer that has parameters"):
        insight.gradient_health(nn.Sequential(nn.ReLU()), PIXELS, PIXELS, "mse")
    bad = np.full((2, 64), np.nan, np.float32)
    with pytest.raises(NonFiniteError, match="inputs contain nan"):
        insight.gradient_health(network((64, 10), nn.ReLU, None), bad, [0, 1], "cross_entropy")
