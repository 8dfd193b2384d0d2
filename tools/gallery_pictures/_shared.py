"""What several pictures of the gallery are drawn from."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from sklearn.datasets import load_sample_image

import lamina
from lamina import data, nn
from lamina import functions as F
from lamina.nn import models


def photograph(name: str = "china.jpg", side: int = 140, scale: int = 3) -> Any:
    """A grey photograph that comes with scikit-learn (CC BY 2.0), side × side, in [0, 1]."""
    grey = load_sample_image(name).mean(2) / 255
    whole = side * scale
    return grey[:whole, 100 : 100 + whole].reshape(side, scale, side, scale).mean((1, 3))


@cache
def trained_lenet() -> tuple[nn.Module, Any]:
    """LeNet after three epochs on half of the digits, and an image of each class."""
    lamina.manual_seed(0)
    digits, model = data.digits(size=32), models.create("lenet")
    optimiser = lamina.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(3):
        for start in range(0, 896, 64):
            batch = slice(start, start + 64)
            x, y = lamina.tensor(digits.inputs[batch]), lamina.tensor(digits.targets[batch])
            optimiser.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimiser.step()
    first = [int(np.flatnonzero(digits.targets == k)[0]) for k in range(10)]
    return model, digits.inputs[first]
