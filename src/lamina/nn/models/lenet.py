"""LeNet: faithful to the paper of 1998, and as most code has it.

Source: LeCun, Bottou, Bengio and Haffner, *Gradient-based learning applied to document
recognition*, 1998, §II.B and appendix A.
"""

from __future__ import annotations

from math import prod

import lamina.functions as F
from lamina.core.errors import ArgumentError
from lamina.nn import init
from lamina.nn.layers.convolution import Conv2d
from lamina.nn.layers.lenet import LENET5_C3, ConnectionTableConv2d, RBFOutput, Subsample2d
from lamina.nn.layers.linear import Linear
from lamina.nn.layers.pooling import AvgPool2d, MaxPool2d
from lamina.nn.models.activations import Activation, make_activation
from lamina.nn.models.registry import register
from lamina.nn.module import Module
from lamina.tensors import Tensor


class LeNet5(Module):
    """LeNet-5 of 1998: 60,000 trainable parameters, 340,908 connections.

    c1 → s2 → c3 (connection table) → s4 → c5 → f6 → output (RBF on fixed codes), with
    1.7159 tanh(2x/3) after every layer but the last. Weights and biases start as U(±2.4/fan_in),
    as in the paper. In the paper pixels are scaled so that paper is -0.1 and ink 1.175.

    Shapes: images (N, 1, 32, 32) to scores (N, 10): the negative squared distance to each
    class's code (see `RBFOutput`). Train with `lenet_loss` or cross-entropy.

    >>> sum(parameter.numel() for parameter in LeNet5().parameters())
    60000
    """

    def __init__(self) -> None:
        super().__init__()
        self.c1 = Conv2d(1, 6, 5)
        self.s2 = Subsample2d(6)
        self.c3 = ConnectionTableConv2d(6, LENET5_C3, 5)
        self.s4 = Subsample2d(16)
        self.c5 = Conv2d(16, 120, 5)
        self.f6 = Linear(120, 84)
        self.output = RBFOutput()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters as the paper does."""
        self.c3.reset_parameters(gain=2.4)
        for layer in (self.c1, self.s2, self.s4, self.c5, self.f6):
            subsamples = isinstance(layer, Subsample2d)
            fan_in = prod(layer.kernel_size) if subsamples else init.fans(layer.weight)[0]
            for parameter in layer.parameters():
                init.uniform_(parameter, -2.4 / fan_in, 2.4 / fan_in)

    def forward(self, input: Tensor) -> Tensor:
        x = input
        for layer in (self.c1, self.s2, self.c3, self.s4, self.c5):
            x = F.scaled_tanh(layer(x))
        x = F.scaled_tanh(self.f6(x.flatten(1)))
        return self.output(x)  # type: ignore[no-any-return]


class LeNet(Module):
    """The LeNet of most code: full convolutions, plain pooling, a linear output; 61,706 parameters.

    Shapes: images (N, 1, 32, 32) to logits (N, 10).

    >>> sum(parameter.numel() for parameter in LeNet().parameters())
    61706
    """

    def __init__(
        self, activation: Activation = "tanh", pooling: str = "max", classes: int = 10
    ) -> None:
        super().__init__()
        pool = {"max": MaxPool2d, "mean": AvgPool2d}.get(pooling)
        if pool is None:
            raise ArgumentError(f"LeNet: pooling must be 'max' or 'mean', got {pooling!r}")
        self.conv1 = Conv2d(1, 6, 5)
        self.act1 = make_activation("LeNet", activation)
        self.pool1 = pool(2)
        self.conv2 = Conv2d(6, 16, 5)
        self.act2 = make_activation("LeNet", activation)
        self.pool2 = pool(2)
        self.fc1 = Linear(400, 120)
        self.act3 = make_activation("LeNet", activation)
        self.fc2 = Linear(120, 84)
        self.act4 = make_activation("LeNet", activation)
        self.fc3 = Linear(84, classes)

    def forward(self, input: Tensor) -> Tensor:
        x = self.pool1(self.act1(self.conv1(input)))
        x = self.pool2(self.act2(self.conv2(x)))
        x = self.act3(self.fc1(x.flatten(1)))
        return self.fc3(self.act4(self.fc2(x)))  # type: ignore[no-any-return]


@register("lenet5", input_shape=(1, 32, 32))
def lenet5() -> LeNet5:
    """Return `LeNet5`."""
    return LeNet5()


@register("lenet", input_shape=(1, 32, 32))
def lenet(activation: Activation = "tanh", pooling: str = "max", classes: int = 10) -> LeNet:
    """Return `LeNet`."""
    return LeNet(activation, pooling, classes)
