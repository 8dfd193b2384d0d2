"""Receptive fields: box in box, and how much a unit sees where."""

from __future__ import annotations

from typing import Any

import numpy as np

from gallery_pictures._shared import photograph, trained_lenet
from lamina import insight, nn
from lamina.data import digits
from lamina.nn import models

TITLE = "Receptive fields"


def growth_in_lenet() -> Any:
    fields = insight.receptive_field(models.create("lenet5"), (1, 32, 32))
    layers = ["c1", "s2", "c3", "s4", "c5"]
    return insight.draw_growth(fields, digits(size=32).inputs[3], layers)


def effective_in_lenet() -> Any:
    model, images = trained_lenet()
    fields = insight.receptive_field(model, (1, 32, 32))
    layer = [row.name for row in fields if len(row.output_shape) == 3][-1]
    strength = insight.effective_field(model, digits(size=32).inputs[:64], layer, (2, 3))
    return insight.draw_receptive_field(fields, layer, (2, 3), images[3], strength)


def dilated() -> Any:
    layers = [nn.Conv2d(1, 1, 3, padding=d, dilation=d) for d in (1, 2, 4, 8)]
    model = nn.Sequential(*layers)
    for layer in layers:
        nn.init.constant_(layer.weight, 1 / 9)
    fields = insight.receptive_field(model, (1, 70, 70))
    image = photograph("flower.jpg", 70, 6)[None].astype(np.float32)
    strength = insight.effective_field(model, image[None], "3", (35, 35))
    return insight.draw_receptive_field(fields, "3", (35, 35), image, strength)


PICTURES = [
    (
        "receptive_fields_lenet5.png",
        "What the middle unit of each layer of LeNet-5 sees of a digit: 5, 6, 14, 16 and then all "
        "32 pixels (`insight.receptive_field`, `insight.draw_growth`).",
        growth_in_lenet,
    ),
    (
        "receptive_field_effective.png",
        "A unit of the last pooling layer of a trained LeNet: the box by arithmetic on a digit, "
        "and the mean of |∂z/∂x| over 64 digits. The gradient fills the box and is strongest "
        "inside (`insight.effective_field`, `insight.draw_receptive_field`).",
        effective_in_lenet,
    ),
    (
        "receptive_field_dilated.png",
        "Four 3×3 convolutions with dilations 1, 2, 4 and 8 see 31×31 pixels with 36 weights, "
        "but not evenly: with equal weights a pixel counts by the number of paths from it.",
        dilated,
    ),
]
