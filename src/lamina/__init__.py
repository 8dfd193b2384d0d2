"""Lamina: feedforward and convolutional networks, written as on paper, every number at hand."""

__version__ = "0.1.0"

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lamina import random
from lamina.core import errors
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

if TYPE_CHECKING:
    from lamina import data, diff, functions, insight, nn, optim, train
    from lamina.compiler.pool import get_num_threads, set_num_threads

_THREADS = ("get_num_threads", "set_num_threads")
_PARTS = ("data", "diff", "functions", "insight", "nn", "optim", "train")

__all__ = [
    "bool_",
    "data",
    "diff",
    "errors",
    "float32",
    "float64",
    "functions",
    "get_num_threads",
    "insight",
    "int8",
    "int16",
    "int32",
    "int64",
    "manual_seed",
    "nn",
    "optim",
    "rand",
    "randn",
    "random",
    "set_num_threads",
    "train",
    "uint8",
    "uint32",
]
__all__ += _tensor_names


def __getattr__(name: str) -> Any:
    """Import a part of the package when it is first used: `import lamina` stays quick."""
    if name in _PARTS:
        return import_module(f"lamina.{name}")
    if name in _THREADS:
        return getattr(import_module("lamina.compiler.pool"), name)
    raise AttributeError(f"module 'lamina' has no attribute {name!r}{_elsewhere(name)}")


def _elsewhere(name: str) -> str:
    """Where a part of the package has the name that PyTorch has at the top."""
    if name.startswith("_"):
        return ""
    parts = ("random", "functions", "nn", "optim", "data")
    found = [part for part in parts if hasattr(import_module(f"lamina.{part}"), name)]
    return f"; there is lamina.{found[0]}.{name}" if found else ""
