"""Gradients by layer, and the surface that a loss makes of the weights."""

from __future__ import annotations

from typing import Any

import lamina
from lamina import data, insight, nn, train
from lamina.nn import models

TITLE = "Gradients and loss surfaces"


def _deep(activation: type[nn.Module]) -> tuple[nn.Module, Any, Any]:
    lamina.manual_seed(0)
    layers: list[nn.Module] = []
    for inputs, outputs in zip((2, 16, 16, 16, 16, 16), (16, 16, 16, 16, 16, 1), strict=True):
        layers += [nn.Linear(inputs, outputs), activation()]
    moons, _, _ = data.load("moons", count=1000, noise=0.3, fractions=(640, 160, 200))
    targets = lamina.tensor(moons.targets).float().unsqueeze(1)
    return nn.Sequential(*layers[:-1]), lamina.tensor(moons.inputs), targets


def vanishing() -> Any:
    model, x, y = _deep(nn.Sigmoid)
    return insight.draw_flow(insight.gradient_health(model, x, y, "bce_with_logits"))


def distributions() -> Any:
    model, x, y = _deep(nn.Tanh)
    report = insight.gradient_health(model, x, y, "bce_with_logits")
    return insight.draw_distributions(report)


def toy() -> Any:
    surface = insight.toy_surface()
    return insight.draw_surface(surface, chord=surface.chord())


def path() -> Any:
    lamina.manual_seed(0)
    digits, model = data.digits(size=32), models.create("lenet")
    x, y = digits.inputs[:256], digits.targets[:256]
    optimiser = lamina.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    noted = insight.PathCallback(every=1)
    trainer = train.Trainer(model, "cross_entropy", optimiser)
    trainer.fit((x, y), epochs=10, batch_size=64, callbacks=[noted], progress="none")
    surface = insight.path_surface(model, noted.path, x, y, "cross_entropy", points=21)
    return insight.draw_surface(surface, logarithmic=True)


PICTURES = [
    ("gradient_flow_sigmoid.png", "Six layers of sigmoids: ∂L/∂W shrinks on its way back. "
     "`insight.draw_flow(insight.gradient_health(model, x, y, loss))`", vanishing),
    ("distributions_tanh.png", "What the layers of a tanh network hold. "
     "`insight.draw_distributions(report)`", distributions),
    ("loss_surface_toy.png", "The loss of σ(w₂ σ(w₁ x)) is not convex: the chord lies below it. "
     "`insight.draw_surface(surface := insight.toy_surface(), chord=surface.chord())`", toy),
    ("loss_surface_path.png", "The path of SGD with momentum on the plane in which it varies "
     "most. `insight.path_surface(model, noted.path, x, y, loss)`", path),
]  # fmt: skip
