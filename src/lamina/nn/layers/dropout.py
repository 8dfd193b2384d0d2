"""Dropout: in training, zero a random part; the keys come from the current key stream."""

from __future__ import annotations

import lamina.functions as F
from lamina.nn.layers.function_layer import FunctionLayer

__all__ = [
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
]


class Dropout(FunctionLayer, function=F.dropout, training=True):
    """Zero elements with probability ``p`` and scale the rest by 1/(1 - p), in training."""

    p: float = 0.5
    inplace: bool = False


class Dropout1d(FunctionLayer, function=F.dropout1d, training=True):
    """Zero whole channels of (N, C, L) with probability ``p``, in training."""

    p: float = 0.5
    inplace: bool = False


class Dropout2d(FunctionLayer, function=F.dropout2d, training=True):
    """Zero whole channels of (N, C, H, W) with probability ``p``, in training."""

    p: float = 0.5
    inplace: bool = False


class Dropout3d(FunctionLayer, function=F.dropout3d, training=True):
    """Zero whole channels of (N, C, D, H, W) with probability ``p``, in training."""

    p: float = 0.5
    inplace: bool = False


class AlphaDropout(FunctionLayer, function=F.alpha_dropout, training=True):
    """Dropout that keeps mean and variance under SELU."""

    p: float = 0.5
    inplace: bool = False


class FeatureAlphaDropout(FunctionLayer, function=F.feature_alpha_dropout, training=True):
    """Alpha dropout of whole channels."""

    p: float = 0.5
    inplace: bool = False
