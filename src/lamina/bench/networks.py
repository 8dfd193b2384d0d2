"""The benchmark's networks, described once as lists of layers for every framework to interpret.

Names of layers are those of Lamina's models, so that weights are found by the keys of state dicts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias


@dataclass(frozen=True)
class Conv:
    """A convolution of square kernels, on images."""

    name: str
    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    padding: int = 0
    bias: bool = True


@dataclass(frozen=True)
class BatchNorm:
    """Normalisation of each channel; momentum 0.1 and ε = 1e-5 as in PyTorch."""

    name: str
    channels: int


@dataclass(frozen=True)
class Dense:
    """A dense layer; ``image`` is the shape (C, H, W) that its inputs had before flattening."""

    name: str
    inputs: int
    outputs: int
    image: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class Activation:
    """``relu`` or ``tanh``."""

    function: str


@dataclass(frozen=True)
class MaxPool:
    """The greatest value of each window."""

    size: int
    stride: int
    padding: int = 0


@dataclass(frozen=True)
class MeanPool:
    """The mean of each window; windows lie side by side."""

    size: int


@dataclass(frozen=True)
class GlobalMean:
    """The mean of each channel: (N, C, H, W) to (N, C)."""


@dataclass(frozen=True)
class Widen:
    """Every second pixel, with half as many channels of zeros before as after, twice in all."""

    channels: int


@dataclass(frozen=True)
class Residual:
    """``body(x) + shortcut(x)``; an empty shortcut is x itself."""

    body: tuple[Layer, ...]
    shortcut: tuple[Layer, ...] = ()


Layer: TypeAlias = (
    Conv | BatchNorm | Dense | Activation | MaxPool | MeanPool | GlobalMean | Widen | Residual
)
Network: TypeAlias = tuple[Layer, ...]

RELU, TANH = Activation("relu"), Activation("tanh")


def mlp(sizes: tuple[int, ...], activation: Activation) -> Network:
    """`lamina.nn.models.MLP`."""
    layers: list[Layer] = []
    for number, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        layers += [activation] if number > 1 else []
        layers += [Dense(f"linear{number}", inputs, outputs)]
    return tuple(layers)


def lenet() -> Network:
    """`lamina.nn.models.LeNet` with tanh and mean pooling."""
    return (
        *(Conv("conv1", 1, 6, 5), TANH, MeanPool(2)),
        *(Conv("conv2", 6, 16, 5), TANH, MeanPool(2)),
        *(Dense("fc1", 400, 120, (16, 5, 5)), TANH, Dense("fc2", 120, 84), TANH),
        Dense("fc3", 84, 10),
    )


def vgg_small() -> Network:
    """`lamina.nn.models.VGGSmall`."""
    layers: list[Layer] = []
    for inputs, outputs in pairwise((3, 32, 64, 128)):
        for channels in (inputs, outputs):
            layers += [Conv(f"features.{len(layers)}", channels, outputs, 3, padding=1), RELU]
        layers += [MaxPool(2, 2)]
    head = (Dense("classifier.1", 2048, 256, (128, 4, 4)), RELU, Dense("classifier.3", 256, 10))
    return (*layers, *head)


def cifar_resnet(blocks: int = 3) -> Network:
    """`lamina.nn.models.CifarResNet` of 6·blocks + 2 layers."""
    layers: list[Layer] = [Conv("conv1", 3, 16, 3, padding=1, bias=False), BatchNorm("bn1", 16)]
    layers += [RELU]
    for group, (inputs, outputs) in enumerate(((16, 16), (16, 32), (32, 64)), start=1):
        shortcut = () if inputs == outputs else (Widen(inputs),)
        layers += _group(f"layer{group}", inputs, outputs, blocks, shortcut)
    return (*layers, GlobalMean(), Dense("linear", 64, 10))


def resnet18() -> Network:
    """`lamina.nn.models.resnet18`."""
    layers: list[Layer] = [Conv("conv1", 3, 64, 7, 2, 3, bias=False), BatchNorm("bn1", 64), RELU]
    layers += [MaxPool(3, 2, 1)]
    for group, (inputs, outputs) in enumerate(pairwise((64, 64, 128, 256, 512)), start=1):
        name = f"layer{group}"
        projection = (
            Conv(f"{name}.0.downsample.0", inputs, outputs, 1, 2, bias=False),
            BatchNorm(f"{name}.0.downsample.1", outputs),
        )
        layers += _group(name, inputs, outputs, 2, () if inputs == outputs else projection)
    return (*layers, GlobalMean(), Dense("fc", 512, 1000))


def alexnet() -> Network:
    """`lamina.nn.models.AlexNet` without dropout: it is used in evaluation mode."""
    return (
        *(Conv("features.0", 3, 64, 11, 4, 2), RELU, MaxPool(3, 2)),
        *(Conv("features.3", 64, 192, 5, 1, 2), RELU, MaxPool(3, 2)),
        *(Conv("features.6", 192, 384, 3, 1, 1), RELU),
        *(Conv("features.8", 384, 256, 3, 1, 1), RELU),
        *(Conv("features.10", 256, 256, 3, 1, 1), RELU, MaxPool(3, 2)),
        *(Dense("classifier.1", 9216, 4096, (256, 6, 6)), RELU),
        *(Dense("classifier.4", 4096, 4096), RELU, Dense("classifier.6", 4096, 1000)),
    )


def _group(
    name: str, inputs: int, outputs: int, blocks: int, shortcut: tuple[Layer, ...]
) -> list[Layer]:
    first = _block(f"{name}.0", inputs, outputs, 1 if inputs == outputs else 2, shortcut)
    rest = [_block(f"{name}.{number}", outputs, outputs, 1, ()) for number in range(1, blocks)]
    return [layer for block in (first, *rest) for layer in block]


def _block(
    name: str, inputs: int, outputs: int, stride: int, shortcut: tuple[Layer, ...]
) -> list[Layer]:
    body = (
        Conv(f"{name}.conv1", inputs, outputs, 3, stride, 1, bias=False),
        *(BatchNorm(f"{name}.bn1", outputs), RELU),
        Conv(f"{name}.conv2", outputs, outputs, 3, 1, 1, bias=False),
        BatchNorm(f"{name}.bn2", outputs),
    )
    return [Residual(body, shortcut), RELU]
