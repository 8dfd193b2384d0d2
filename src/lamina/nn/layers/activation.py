"""Activation functions as layers; each is the function of the same name, see there."""

from __future__ import annotations

from typing import Any

import lamina.functions as F
from lamina.core.errors import ArgumentError
from lamina.nn import init
from lamina.nn.layers.function_layer import FunctionLayer
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter
from lamina.tensors import Tensor, zeros

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Maxout",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SELU",
    "ScaledTanh",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]


class Sigmoid(FunctionLayer, function=F.sigmoid):
    """1 / (1 + exp(-x))."""


class Tanh(FunctionLayer, function=F.tanh):
    """The hyperbolic tangent."""


class ReLU(FunctionLayer, function=F.relu):
    """max(0, x)."""

    inplace: bool = False


class ReLU6(FunctionLayer, function=F.relu6):
    """min(max(0, x), 6)."""

    inplace: bool = False


class LeakyReLU(FunctionLayer, function=F.leaky_relu):
    """X where positive, else negative_slope · x."""

    negative_slope: float = 0.01
    inplace: bool = False


class RReLU(FunctionLayer, function=F.rrelu, training=True):
    """Leaky ReLU with slopes drawn from U(lower, upper) in training, their mean otherwise."""

    lower: float = 1 / 8
    upper: float = 1 / 3
    inplace: bool = False


class ELU(FunctionLayer, function=F.elu):
    """X where positive, else alpha · (exp x - 1)."""

    alpha: float = 1.0
    inplace: bool = False


class SELU(FunctionLayer, function=F.selu):
    """The scaled ELU of self-normalising networks."""

    inplace: bool = False


class CELU(FunctionLayer, function=F.celu):
    """The continuously differentiable ELU."""

    alpha: float = 1.0
    inplace: bool = False


class GELU(FunctionLayer, function=F.gelu):
    """X Φ(x), or its tanh approximation (``approximate="tanh"``)."""

    approximate: str = "none"


class Softplus(FunctionLayer, function=F.softplus):
    """log(1 + exp(beta x)) / beta, linear above the threshold."""

    beta: float = 1.0
    threshold: float = 20.0


class Softsign(FunctionLayer, function=F.softsign):
    """X / (1 + |x|)."""


class SiLU(FunctionLayer, function=F.silu):
    """X σ(x), also called swish."""

    inplace: bool = False


class Mish(FunctionLayer, function=F.mish):
    """X tanh(softplus(x))."""

    inplace: bool = False


class Hardtanh(FunctionLayer, function=F.hardtanh):
    """X clipped to [min_val, max_val]."""

    min_val: float = -1.0
    max_val: float = 1.0
    inplace: bool = False


class Hardsigmoid(FunctionLayer, function=F.hardsigmoid):
    """X/6 + 1/2 clipped to [0, 1]."""

    inplace: bool = False


class Hardswish(FunctionLayer, function=F.hardswish):
    """X times the hard sigmoid."""

    inplace: bool = False


class Hardshrink(FunctionLayer, function=F.hardshrink):
    """X where |x| > lambd, else 0."""

    lambd: float = 0.5


class Softshrink(FunctionLayer, function=F.softshrink):
    """X moved towards 0 by lambd."""

    lambd: float = 0.5


class Tanhshrink(FunctionLayer, function=F.tanhshrink):
    """X - tanh x."""


class Threshold(FunctionLayer, function=F.threshold):
    """X where x > threshold, else value."""

    threshold: float
    value: float
    inplace: bool = False


class LogSigmoid(FunctionLayer, function=F.logsigmoid):
    """log σ(x)."""


class GLU(FunctionLayer, function=F.glu):
    """The first half along ``dim`` times the sigmoid of the second half."""

    dim: int = -1


class ScaledTanh(FunctionLayer, function=F.scaled_tanh):
    """LeNet's squashing function A tanh(S x)."""

    amplitude: float = 1.7159
    slope: float = 2 / 3


class Softmax(FunctionLayer, function=F.softmax):
    """exp x / Σ exp x along ``dim``."""

    dim: int


class Softmax2d(FunctionLayer, function=F.softmax):
    """Softmax over the channels of images (N, C, H, W) or (C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, dim=-3)


class LogSoftmax(FunctionLayer, function=F.log_softmax):
    """Log of the softmax along ``dim``."""

    dim: int


class Softmin(FunctionLayer, function=F.softmin):
    """Softmax of -x along ``dim``."""

    dim: int


class PReLU(Module):
    """ReLU whose slope for negative inputs is learned: one, or one a channel (He et al. 2015).

    Shapes: (N, C, …) with C = num_parameters, or any with one parameter.
    """

    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(zeros((num_parameters,), dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the slopes to where they start."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class Maxout(Module):
    """The maximum of k affine functions for every output (Goodfellow et al. 2013).

    out[o] = max_j (Σ_i weight[o k + j, i] x[i] + bias[o k + j]). Shapes: (*, in_features) to
    (*, out_features).

    >>> from lamina import nn, ones
    >>> nn.Maxout(4, 3, pieces=2)(ones((5, 4))).shape
    (5, 3)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        pieces: int = 2,
        bias: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if min(in_features, out_features, pieces) < 1:
            raise ArgumentError(
                f"Maxout: sizes must be positive, got {in_features=}, {out_features=}, {pieces=}"
            )
        self.in_features, self.out_features, self.pieces = in_features, out_features, pieces
        rows = out_features * pieces
        self.weight = Parameter(zeros((rows, in_features), dtype=dtype))
        self.register_parameter("bias", Parameter(zeros((rows,), dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.default_(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.maxout(F.linear(input, self.weight, self.bias), self.pieces, dim=-1)

    def extra_repr(self) -> str:
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"{sizes}, pieces={self.pieces}, bias={self.bias is not None}"
