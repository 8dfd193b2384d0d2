"""Whole networks, and a registry of them by name."""

from lamina.nn.models.alexnet import AlexNet, alexnet
from lamina.nn.models.lenet import LeNet, LeNet5, lenet, lenet5
from lamina.nn.models.mlp import MLP, mlp
from lamina.nn.models.registry import create, input_shape, names, options, register
from lamina.nn.models.resnet import CifarResNet, ResNet, resnet18, resnet20, resnet34
from lamina.nn.models.vgg_small import VGGSmall, vgg_small

__all__ = [
    "AlexNet",
    "CifarResNet",
    "LeNet",
    "LeNet5",
    "MLP",
    "ResNet",
    "VGGSmall",
    "alexnet",
    "create",
    "input_shape",
    "lenet",
    "lenet5",
    "mlp",
    "names",
    "options",
    "register",
    "resnet18",
    "resnet20",
    "resnet34",
    "vgg_small",
]
