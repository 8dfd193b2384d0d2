"""Networks whose numbers can be checked by hand, or that have a layer of each kind."""

from __future__ import annotations

import numpy as np

from lamina import nn
from lamina.core.types import Array


def two_two_one() -> nn.Sequential:
    """A 2-2-1 network of logistic units, in float64; see `test_by_hand`."""
    model = nn.Sequential(
        nn.Linear(2, 2, dtype="float64"),
        nn.Sigmoid(),
        nn.Linear(2, 1, dtype="float64"),
        nn.Sigmoid(),
    )
    third = np.log(3)
    values = ([[0.5, -0.25], [2.0, -1.0]], [0.0, third], [[2.0, -4 / 3]], [-third])
    for parameter, value in zip(model.parameters(), values, strict=True):
        parameter.assign(np.array(value))
    return model


def numbers(*shape: int) -> Array:
    """Normal numbers, the same every time."""
    return np.random.default_rng(7).normal(size=shape)
