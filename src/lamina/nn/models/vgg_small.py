"""A small network in the manner of VGG, for images of 32×32."""

from __future__ import annotations

from itertools import pairwise

from lamina.nn.containers import Sequential
from lamina.nn.layers.activation import ReLU
from lamina.nn.layers.arrangement import Flatten
from lamina.nn.layers.convolution import Conv2d
from lamina.nn.layers.linear import Linear
from lamina.nn.layers.pooling import MaxPool2d
from lamina.nn.models.registry import register
from lamina.nn.module import Module
from lamina.tensors import Tensor

CHANNELS = (3, 32, 64, 128)


class VGGSmall(Module):
    """Pairs of 3×3 convolutions of 32, 64 and 128 channels, then 256 dense units.

    A pair is conv → ReLU → conv → ReLU → 2×2 maximum, with padding 1, so that only pooling halves
    the image: 32² → 16² → 8² → 4². ``features`` and ``classifier`` are numbered as in torchvision's
    VGG.

    Shapes: images (N, 3, 32, 32) to logits (N, num_classes). Errors: `ShapeError` for images of
    another size. Source: the pattern of Simonyan and Zisserman, *Very deep convolutional networks
    for large-scale image recognition*, 2015, §2.1, at the size of CIFAR's images.

    >>> sum(parameter.numel() for parameter in VGGSmall().parameters())
    814122
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        pairs = [_pair(inputs, outputs) for inputs, outputs in pairwise(CHANNELS)]
        self.features = Sequential(*(layer for pair in pairs for layer in pair))
        self.classifier = Sequential(
            Flatten(), Linear(CHANNELS[-1] * 4 * 4, 256), ReLU(), Linear(256, num_classes)
        )

    def forward(self, input: Tensor) -> Tensor:
        return self.classifier(self.features(input))  # type: ignore[no-any-return]


def _pair(inputs: int, outputs: int) -> list[Module]:
    first, second = Conv2d(inputs, outputs, 3, padding=1), Conv2d(outputs, outputs, 3, padding=1)
    return [first, ReLU(), second, ReLU(), MaxPool2d(2)]


@register("vgg_small", input_shape=(3, 32, 32))
def vgg_small(num_classes: int = 10) -> VGGSmall:
    """Return `VGGSmall`."""
    return VGGSmall(num_classes)
