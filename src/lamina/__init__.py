"""Lamina: feedforward and convolutional networks, written as on paper, every number at hand."""

__version__ = "0.1.0"

from lamina import random
from lamina.core.types import (
    bool_,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint32,
)
from lamina.random import manual_seed, rand, randn
from lamina.tensors import *  # noqa: F403
from lamina.tensors import __all__ as _tensor_names

__all__ = [
    "bool_",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "manual_seed",
    "rand",
    "randn",
    "random",
    "uint8",
    "uint32",
]
__all__ += _tensor_names
