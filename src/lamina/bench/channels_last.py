"""Weights and data for frameworks whose images have their channels last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from lamina.bench.networks import Conv, Dense, Layer, Network, Residual
from lamina.core.types import Array

STATISTICS = ("running_mean", "running_var")


def as_channels_last(inputs: Array) -> Array:
    """Return images (N, C, H, W) as (N, H, W, C); anything else as it is.

    >>> as_channels_last(np.zeros((2, 3, 4, 5))).shape
    (2, 4, 5, 3)
    """
    return np.ascontiguousarray(np.moveaxis(inputs, 1, -1)) if inputs.ndim == 4 else inputs


def weights_channels_last(
    network: Network, weights: Mapping[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return parameters and running statistics: kernels (H, W, in, out), matrices (in, out)."""
    layers = {layer.name: layer for layer in flat(network) if isinstance(layer, Conv | Dense)}
    parameters, statistics = {}, {}
    for key, value in weights.items():
        name, _, part = key.rpartition(".")
        if part in STATISTICS:
            statistics[key] = value
        elif part == "weight" and name in layers:
            parameters[key] = np.ascontiguousarray(_weight(layers[name], value))
        elif part in ("weight", "bias"):
            parameters[key] = value
    return parameters, statistics


def flat(network: Network) -> Iterator[Layer]:
    """Yield all layers, those of branches included."""
    for layer in network:
        yield layer
        if isinstance(layer, Residual):
            yield from flat(layer.body + layer.shortcut)


def _weight(layer: Conv | Dense, value: Array) -> Array:
    if isinstance(layer, Conv):
        return value.transpose(2, 3, 1, 0)
    if layer.image is not None:  # its inputs come in the order (H, W, C)
        value = np.moveaxis(value.reshape(-1, *layer.image), 1, -1)
    return value.reshape(layer.outputs, -1).T
