"""The gradient shrinks from layer to layer on its way back.

nndl, chapter 4: a 2-3-3-3-3-1 network on the moons, W ~ N(0, 0.01²), b = 1. Every layer multiplies
the error term by f'(z) and by small weights; the logistic function's f' ≤ 1/4 makes it worse than
ReLU's. Reported are the norms of ∂L/∂W of layers 1 to 5.
"""

import numpy as np
from bands import Bands

import lamina
from lamina import data, nn
from lamina import functions as F

REPORTED = {
    "Sigmoid": (6.9e-11, 1.6e-8, 4.8e-6, 1.5e-3, 0.291),
    "ReLU": (4.7e-8, 3.0e-6, 1.7e-4, 1.1e-2, 0.403),
}
SPREAD = (100, 50, 20, 10, 2)  # how far random weights may lead from the reported norms

train, _, _ = data.load("moons", count=1000, noise=0.5, fractions=(640, 160, 200))
inputs, targets = lamina.tensor(train.inputs), lamina.tensor(train.targets).float()


def gradient_norms(activation: str) -> list[float]:
    """‖∂L/∂W‖ of layers 1 to 5 at the start."""
    lamina.manual_seed(0)
    sizes = [(2, 3), (3, 3), (3, 3), (3, 3), (3, 1)]
    layers = [nn.Linear(n, m) for n, m in sizes]
    for layer in layers:
        nn.init.normal_(layer.weight, std=0.01)
        nn.init.constant_(layer.bias, 1.0)
    a = inputs
    for layer in layers[:-1]:
        a = getattr(nn, activation)()(layer(a))
    outputs = layers[-1](a).squeeze(1)
    F.binary_cross_entropy_with_logits(outputs, targets).backward()
    return [float(np.linalg.norm(layer.weight.grad)) for layer in layers]


bands = Bands("Vanishing gradient, 2-3-3-3-3-1")
for activation, reported in REPORTED.items():
    for number, norm in enumerate(gradient_norms(activation)):
        low, high = reported[number] / SPREAD[number], reported[number] * SPREAD[number]
        name = f"{activation} ‖∂L/∂W({number + 1})‖"
        bands.expect(name, norm, low, high, reported[number])
bands.finish()
