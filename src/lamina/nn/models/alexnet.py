"""AlexNet in one branch, as torchvision has it."""

from __future__ import annotations

from lamina.nn.containers import Sequential
from lamina.nn.layers.activation import ReLU
from lamina.nn.layers.convolution import Conv2d
from lamina.nn.layers.dropout import Dropout
from lamina.nn.layers.linear import Linear
from lamina.nn.layers.pooling import AdaptiveAvgPool2d, MaxPool2d
from lamina.nn.models.registry import register
from lamina.nn.module import Module
from lamina.tensors import Tensor


class AlexNet(Module):
    """Five convolutions and three dense layers: 61,100,840 parameters for 1000 classes.

    This is the one-branch form, with fewer channels than the network of 2012 and without its
    response normalisation; names and arguments are torchvision's.

    Shapes: images (N, 3, 224, 224) to logits (N, num_classes); other sizes from 63×63 up are pooled
    to 6×6 features. Errors: in a call, `ShapeError` for smaller images, and in training
    `ArgumentError` for a probability ``dropout`` outside [0, 1]. Source: Krizhevsky, *One weird
    trick for parallelizing convolutional neural networks*, 2014, §5; after Krizhevsky, Sutskever
    and Hinton 2012.

    >>> sum(parameter.numel() for parameter in AlexNet(num_classes=10).parameters())
    57044810
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = Sequential(
            *(Conv2d(3, 64, 11, stride=4, padding=2), ReLU(), MaxPool2d(3, 2)),
            *(Conv2d(64, 192, 5, padding=2), ReLU(), MaxPool2d(3, 2)),
            *(Conv2d(192, 384, 3, padding=1), ReLU()),
            *(Conv2d(384, 256, 3, padding=1), ReLU()),
            *(Conv2d(256, 256, 3, padding=1), ReLU(), MaxPool2d(3, 2)),
        )
        self.avgpool = AdaptiveAvgPool2d((6, 6))
        self.classifier = Sequential(
            *(Dropout(dropout), Linear(256 * 6 * 6, 4096), ReLU()),
            *(Dropout(dropout), Linear(4096, 4096), ReLU()),
            Linear(4096, num_classes),
        )

    def forward(self, input: Tensor) -> Tensor:
        x = self.avgpool(self.features(input))
        return self.classifier(x.flatten(1))  # type: ignore[no-any-return]


@register("alexnet", input_shape=(3, 224, 224))
def alexnet(num_classes: int = 1000, dropout: float = 0.5) -> AlexNet:
    """Return `AlexNet`."""
    return AlexNet(num_classes, dropout)
