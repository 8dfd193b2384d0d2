"""Activations of models by name."""

from __future__ import annotations

from collections.abc import Callable

from lamina.core.errors import ArgumentError
from lamina.nn.layers import activation as layers
from lamina.nn.module import Module

ACTIVATIONS: dict[str, Callable[[], Module]] = {
    "relu": layers.ReLU,
    "tanh": layers.Tanh,
    "sigmoid": layers.Sigmoid,
    "leaky_relu": layers.LeakyReLU,
    "elu": layers.ELU,
    "gelu": layers.GELU,
    "silu": layers.SiLU,
    "softplus": layers.Softplus,
    "scaled_tanh": layers.ScaledTanh,
}

Activation = str | Callable[[], Module]
"""A name of `ACTIVATIONS`, or something that makes a module (a layer's class)."""


def make_activation(model: str, activation: Activation) -> Module:
    """Return a new activation layer.

    >>> make_activation("MLP", "relu")
    ReLU()
    """
    if callable(activation):
        return activation()
    if activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ArgumentError(f"{model}: activation must be one of {known}, got {activation!r}")
    return ACTIVATIONS[activation]()
