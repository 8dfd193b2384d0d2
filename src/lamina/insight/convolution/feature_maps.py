"""The feature maps that a network's layers make of an input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina import random
from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Array
from lamina.insight.fields.tracing import output_of
from lamina.nn.calling import record_calls
from lamina.nn.modes import evaluation
from lamina.nn.module import Module
from lamina.tensors import as_tensor, no_grad


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """What a layer makes of inputs: ``maps`` (N, C, *spatial), one map a channel."""

    layer: str
    type: str
    maps: Array


def feature_maps(model: Module, x: Any, layer: str) -> FeatureMaps:
    """Return the feature maps of a layer for inputs x (N, C, …), in evaluation mode.

    Errors: `ArgumentError` if no layer of that name is called, `ShapeError` if its output has no
    spatial axes (a dense layer).

    >>> from lamina import nn, ones
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten())
    >>> feature_maps(model, ones((2, 1, 8, 8)), "1").maps.shape
    (2, 4, 6, 6)
    """
    with evaluation(model), random.use_keys(random.key(0)), no_grad(), record_calls() as calls:
        model(as_tensor(x))
    named = {call.name: call for call in calls}
    output = output_of(named[layer]) if layer in named else None
    if output is None:
        names = ", ".join(name for name in named if name)
        raise ArgumentError(f"feature_maps: no layer {layer!r} is called; the layers are {names}")
    if output.ndim < 3:
        raise ShapeError(
            f"feature_maps: layer {layer} has output {output.shape}, without spatial axes; "
            "choose a layer before it"
        )
    return FeatureMaps(layer, type(named[layer].module).__name__, np.array(output.numpy()))
