"""ReLU units whose input is always negative are dead: no gradient ever reaches their weights.

nndl, chapter 4: a 2-3-3-3-3-1 network on the moons, W ~ N(0, 0.01²), b = -8. A leaky ReLU lets a
little through, and lives.
"""

import numpy as np
from bands import Bands

import lamina
from lamina import data, nn
from lamina import functions as F

train, _, _ = data.load("moons", count=1000, noise=0.5, fractions=(640, 160, 200))
inputs, targets = lamina.tensor(train.inputs), lamina.tensor(train.targets).float()


def gradient_norms(activation: type[nn.Module]) -> list[float]:
    """‖∂L/∂W‖ of layers 1 to 5."""
    lamina.manual_seed(0)
    sizes = [(2, 3), (3, 3), (3, 3), (3, 3), (3, 1)]
    model = nn.Sequential(*[layer for n, m in sizes for layer in (nn.Linear(n, m), activation())])
    linear = [layer for layer in model if isinstance(layer, nn.Linear)]
    for layer in linear:
        nn.init.normal_(layer.weight, std=0.01)
        nn.init.constant_(layer.bias, -8.0)
    outputs = model[:-1](inputs).squeeze(1)  # without the last activation
    F.binary_cross_entropy_with_logits(outputs, targets).backward()
    return [float(np.linalg.norm(layer.weight.grad)) for layer in linear]


bands = Bands("Dead ReLU, 2-3-3-3-3-1, b = -8")
for number, norm in enumerate(gradient_norms(nn.ReLU), 1):
    bands.expect(f"ReLU ‖∂L/∂W({number})‖", norm, 0, 0, reported=0)
for number, norm in enumerate(gradient_norms(nn.LeakyReLU), 1):
    bands.expect(f"leaky ReLU ‖∂L/∂W({number})‖", norm, 1e-30, 10)
bands.finish()
