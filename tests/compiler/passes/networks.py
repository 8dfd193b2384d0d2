"""Programs of small networks to read: a training step each, with plain gradient descent."""

from __future__ import annotations

import numpy as np

import lamina
import lamina.functions as F
from lamina import nn
from lamina.core.program import Program
from lamina.core.types import Array
from lamina.nn import functional_call


def mlp_step() -> Program:
    """Three inputs, four ReLUs, two classes; five samples."""
    lamina.manual_seed(1)
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    return _step(network, np.zeros((5, 3), "float32"))


def convolution_step() -> Program:
    """A convolution with batch normalisation, a mean over the image, three classes."""
    lamina.manual_seed(1)
    network = nn.Sequential(
        nn.Conv2d(1, 3, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(3),
        nn.Tanh(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    return _step(network, np.zeros((2, 1, 6, 6), "float32"))


def _step(network: nn.Module, images: Array) -> Program:
    parameters = {name: np.array(p) for name, p in network.named_parameters()}

    def step(parameters: dict[str, Array], x: Array, t: Array) -> dict[str, lamina.Tensor]:
        def loss(parameters: dict[str, Array]) -> lamina.Tensor:
            return F.cross_entropy(functional_call(network, parameters, x), t)

        gradients = lamina.grad(loss)(parameters)
        return {name: parameters[name] - 0.1 * gradients[name] for name in parameters}

    names = [name.replace(".", "_") for name in parameters]
    labels = np.zeros(len(images), "int64")
    return lamina.trace(step, parameters, images, labels, names=[*names, "x", "t"])
