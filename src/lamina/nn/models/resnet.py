"""Residual networks of basic blocks: for ImageNet, and the smaller ones for CIFAR.

Source: He, Zhang, Ren and Sun, *Deep residual learning for image recognition*, 2016.
"""

from __future__ import annotations

from collections.abc import Sequence

import lamina.functions as F
from lamina.core.errors import ArgumentError
from lamina.nn import init
from lamina.nn.containers import Sequential
from lamina.nn.layers.activation import ReLU
from lamina.nn.layers.convolution import Conv2d
from lamina.nn.layers.linear import Linear
from lamina.nn.layers.normalisation import BatchNorm2d
from lamina.nn.layers.pooling import AdaptiveAvgPool2d, MaxPool2d
from lamina.nn.models.registry import register
from lamina.nn.module import Module
from lamina.tensors import Tensor


class BasicBlock(Module):
    """``relu(shortcut(x) + bn2(conv2(relu(bn1(conv1(x))))))``, with 3×3 convolutions.

    ``downsample`` is the shortcut where the block changes the shape; without one it is x itself.

    Shapes: (N, inplanes, H, W) to (N, planes, ⌈H/stride⌉, ⌈W/stride⌉). Source: figure 2.

    >>> from lamina import ones
    >>> BasicBlock(4, 4)(ones(2, 4, 8, 8)).shape
    (2, 4, 8, 8)
    """

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, downsample: Module | None = None
    ) -> None:
        super().__init__()
        self.conv1 = Conv2d(inplanes, planes, 3, stride, padding=1, bias=False)
        self.bn1 = BatchNorm2d(planes)
        self.relu = ReLU()
        self.conv2 = Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = BatchNorm2d(planes)
        self.downsample = downsample

    def forward(self, input: Tensor) -> Tensor:
        shortcut = input if self.downsample is None else self.downsample(input)
        x = self.relu(self.bn1(self.conv1(input)))
        return self.relu(self.bn2(self.conv2(x)) + shortcut)  # type: ignore[no-any-return]


class PaddedShortcut(Module):
    """Every second pixel, with channels of zeros before and after: the paper's option A.

    Shapes: (N, C, H, W) to (N, 2C, ⌈H/2⌉, ⌈W/2⌉). It has no parameters. Source: §3.3.

    >>> from lamina import ones
    >>> PaddedShortcut(4)(ones(1, 4, 6, 6))[0, :, 0, 0].tolist()
    [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]
    """

    _connects = False

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.side = channels // 2

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input[:, :, ::2, ::2], (0, 0, 0, 0, self.side, self.side))


class ResNet(Module):
    """A residual network for ImageNet: 7×7 convolution, pooling, four groups of blocks.

    ``layers`` are the numbers of blocks of 64, 128, 256 and 512 channels; a group but the first
    halves the image, and its shortcut is a 1×1 convolution (option B). Names are torchvision's.

    Shapes: images (N, 3, H, W), normally 224×224, to logits (N, num_classes). Source: table 1.

    >>> sum(parameter.numel() for parameter in ResNet((2, 2, 2, 2)).parameters())
    11689512
    """

    def __init__(self, layers: Sequence[int], num_classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = BatchNorm2d(64)
        self.relu = ReLU()
        self.maxpool = MaxPool2d(3, 2, padding=1)
        blocks1, blocks2, blocks3, blocks4 = layers
        self.layer1 = _group(64, 64, blocks1)
        self.layer2 = _group(64, 128, blocks2, _projection(64, 128))
        self.layer3 = _group(128, 256, blocks3, _projection(128, 256))
        self.layer4 = _group(256, 512, blocks4, _projection(256, 512))
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.fc = Linear(512, num_classes)
        _initialise(self, "fan_out")

    def forward(self, input: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(input))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))  # type: ignore[no-any-return]


class CifarResNet(Module):
    """A residual network for images of 32×32: three groups of n blocks, 6n + 2 layers deep.

    The groups have 16, 32 and 64 channels; shortcuts are `PaddedShortcut` where the shape changes.

    Shapes: images (N, 3, 32, 32) to logits (N, num_classes). Source: §4.2. Names are those of
    Y. Idelbayev's implementation for PyTorch, which has the paper's numbers of parameters.

    >>> [sum(p.numel() for p in CifarResNet(depth).parameters()) for depth in (20, 56)]
    [269722, 853018]
    """

    def __init__(self, depth: int = 20, num_classes: int = 10) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 2, 6)
        if blocks < 1 or rest:
            raise ArgumentError(f"CifarResNet: depth must be 6n + 2 with n ≥ 1, got {depth}")
        self.conv1 = Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = BatchNorm2d(16)
        self.relu = ReLU()
        self.layer1 = _group(16, 16, blocks)
        self.layer2 = _group(16, 32, blocks, PaddedShortcut(16))
        self.layer3 = _group(32, 64, blocks, PaddedShortcut(32))
        self.avgpool = AdaptiveAvgPool2d((1, 1))
        self.linear = Linear(64, num_classes)
        _initialise(self, "fan_in")

    def forward(self, input: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(input)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(self.avgpool(x).flatten(1))  # type: ignore[no-any-return]


def _group(inputs: int, channels: int, blocks: int, shortcut: Module | None = None) -> Sequential:
    """Return blocks of equal channels; with a shortcut, the first one halves the image."""
    first = BasicBlock(inputs, channels, 1 if shortcut is None else 2, shortcut)
    return Sequential(first, *(BasicBlock(channels, channels) for _ in range(blocks - 1)))


def _projection(inputs: int, outputs: int) -> Sequential:
    return Sequential(Conv2d(inputs, outputs, 1, stride=2, bias=False), BatchNorm2d(outputs))


def _initialise(model: Module, mode: str) -> None:
    """Draw convolutions as He et al. 2015 do, by the number of inputs or outputs."""
    for layer in model.modules():
        if isinstance(layer, Conv2d):
            init.kaiming_normal_(layer.weight, mode=mode, nonlinearity="relu")


@register("resnet18", input_shape=(3, 224, 224))
def resnet18(num_classes: int = 1000) -> ResNet:
    """Return `ResNet` of 18 layers: 11,689,512 parameters."""
    return ResNet((2, 2, 2, 2), num_classes)


@register("resnet34", input_shape=(3, 224, 224))
def resnet34(num_classes: int = 1000) -> ResNet:
    """Return `ResNet` of 34 layers: 21,797,672 parameters."""
    return ResNet((3, 4, 6, 3), num_classes)


@register("resnet20", input_shape=(3, 32, 32))
def resnet20(depth: int = 20, num_classes: int = 10) -> CifarResNet:
    """Return `CifarResNet` of 20 layers, or of another ``depth``: 32, 44, 56, 110."""
    return CifarResNet(depth, num_classes)
