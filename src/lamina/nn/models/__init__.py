"""Whole networks, and a registry of them by name."""

from lamina.nn.models.lenet import LeNet, LeNet5, lenet, lenet5
from lamina.nn.models.mlp import MLP, mlp
from lamina.nn.models.registry import create, input_shape, names, options, register

__all__ = [
    "LeNet",
    "LeNet5",
    "MLP",
    "create",
    "input_shape",
    "lenet",
    "lenet5",
    "mlp",
    "names",
    "options",
    "register",
]
