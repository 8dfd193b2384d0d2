"""The layers of LeNet-5 that nothing else has.

Source: LeCun, Bottou, Bengio and Haffner, *Gradient-based learning applied to document
recognition*, 1998, §II.B and §II.C.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod, sqrt
from typing import Any

import numpy as np

import lamina.functions as F
from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Array
from lamina.functions.spatial import sizes
from lamina.nn import init
from lamina.nn.digit_codes import digit_codes
from lamina.nn.layers.function_layer import FunctionLayer
from lamina.nn.layers.linear import bias_parameter, check_sizes
from lamina.nn.module import Module
from lamina.nn.parameter import Parameter
from lamina.ops.gather import Gather
from lamina.ops.loops import Loop
from lamina.tensors import Tensor, apply, as_tensor, cat, contract, full, zeros

__all__ = [
    "ConnectionTableConv2d",
    "LENET5_C3",
    "LeNetLoss",
    "RBFOutput",
    "Subsample2d",
    "lenet_loss",
]

Sizes = int | Sequence[int]


class Subsample2d(Module):
    """Trainable subsampling: w[c] · Y + b[c], Y the sum (or mean) of each window of channel c.

    Windows do not overlap unless ``stride`` says so. LeNet-5 sums over 2×2 windows. The weight
    starts so that the layer is average pooling, the bias at 0.

    Shapes: (N, C, H, W) or (C, H, W) to the same with ⌊(H - K)/S⌋ + 1 rows; weight and bias (C).

    >>> from lamina import nn, ones
    >>> layer = nn.Subsample2d(6)
    >>> layer(ones((1, 6, 28, 28))).shape, sum(p.numel() for p in layer.parameters())
    ((1, 6, 14, 14), 12)
    """

    weight: Parameter
    bias: Parameter

    def __init__(
        self,
        channels: int,
        kernel_size: Sizes = 2,
        stride: Sizes | None = None,
        pooled: str = "sum",
        dtype: Any = None,
    ) -> None:
        super().__init__()
        check_sizes("Subsample2d", channels=channels)
        if pooled not in ("sum", "mean"):
            raise ArgumentError(f"Subsample2d: pooled must be 'sum' or 'mean', got {pooled!r}")
        self.channels, self.pooled = channels, pooled
        self.kernel_size = sizes("Subsample2d", "kernel_size", kernel_size, 2, least=1)
        step = self.kernel_size if stride is None else stride
        self.stride = sizes("Subsample2d", "stride", step, 2, least=1)
        self.weight = Parameter(zeros((channels,), dtype=dtype))
        self.bias = bias_parameter(channels, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Make the layer average pooling."""
        init.constant_(self.weight, 1.0 if self.pooled == "mean" else 1 / prod(self.kernel_size))
        init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4) or input.shape[-3] != self.channels:
            raise ShapeError(
                f"Subsample2d: expected (N, {self.channels}, H, W) or ({self.channels}, H, W), "
                f"got shape {input.shape}"
            )
        divisor = None if self.pooled == "mean" else 1
        window = (self.kernel_size, self.stride)
        pooled = F.avg_pool2d(input, *window, divisor_override=divisor)
        shape = (self.channels, 1, 1)
        return pooled * self.weight.reshape(shape) + self.bias.reshape(shape)

    def extra_repr(self) -> str:
        window = f"kernel_size={self.kernel_size}, stride={self.stride}"
        return f"{self.channels}, {window}, pooled={self.pooled!r}"


class ConnectionTableConv2d(Module):
    """Convolution whose output maps each see only some of the input maps.

    ``table[o]`` lists the input maps of output map o. Only the kernels of connections are
    parameters: weight (connections, K, K), in the table's order, and bias (out_channels). Both
    start as U(±1/√fan_in) with the fan-in of their own output map.

    Shapes: (N, in_channels, H, W) to (N, len(table), H - K + 1, W - K + 1).

    >>> from lamina import nn
    >>> layer = nn.ConnectionTableConv2d(6, nn.LENET5_C3, 5)
    >>> layer.weight.shape, sum(p.numel() for p in layer.parameters())
    ((60, 5, 5), 1516)
    """

    weight: Parameter
    bias: Parameter

    def __init__(
        self,
        in_channels: int,
        table: Sequence[Sequence[int]],
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        check_sizes("ConnectionTableConv2d", in_channels=in_channels)
        self.in_channels, self.out_channels = in_channels, len(table)
        self.table = _checked_table(in_channels, table)
        self.kernel_size = sizes("ConnectionTableConv2d", "kernel_size", kernel_size, 2, least=1)
        self.stride, self.padding = stride, padding
        self._places = as_tensor(_places(in_channels, self.table))
        connections = sum(map(len, self.table))
        self.weight = Parameter(zeros((connections, *self.kernel_size), dtype=dtype))
        self.bias = bias_parameter(self.out_channels, dtype)
        self.reset_parameters()

    def fan_in(self) -> list[int]:
        """Return the number of inputs of a unit of each output map."""
        return [len(inputs) * prod(self.kernel_size) for inputs in self.table]

    def reset_parameters(self, gain: float | None = None) -> None:
        """Draw weight and bias from U(±1/√fan_in), or from U(±gain/fan_in) if a gain is given."""
        bounds = [1 / sqrt(fan) if gain is None else gain / fan for fan in self.fan_in()]
        each = np.repeat(bounds, [len(inputs) for inputs in self.table])
        for parameter, scale in ((self.weight, each.reshape(-1, 1, 1)), (self.bias, bounds)):
            init.uniform_(parameter, -1.0, 1.0)
            parameter.assign((parameter.value * scale).astype(parameter.dtype))

    def dense_weight(self) -> Tensor:
        """Return the weight of the same convolution without a table: zeros where it has none."""
        nothing = zeros((1, *self.kernel_size), dtype=self.weight.dtype)
        return apply(Gather(0), cat([self.weight, nothing]), self._places)

    def forward(self, input: Tensor) -> Tensor:
        return F.conv2d(input, self.dense_weight(), self.bias, self.stride, self.padding)

    def count_connections(self, terms: int, units: int) -> int:
        """Return how many of the convolution's ``terms`` are connections, with a bias a unit."""
        pairs = self.in_channels * self.out_channels
        return terms * self.weight.shape[0] // pairs + units

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"kernels={self.weight.shape[0]}"
        )


class RBFOutput(Module):
    """Euclidean radial basis units: the squared distance from the input to each class's code.

    The codes are fixed (a buffer, (classes, features)); LeNet-5's are 7×12 bitmaps of the digits
    with pixels ±1. `distances` gives y_i = Σ_j (x_j - w_ij)²; calling the layer gives **-y_i**,
    so that, as with other outputs, the predicted class has the greatest value, and
    cross-entropy applies: softmax(-y) is the posterior if y are penalties (negative
    log-likelihoods). `lenet_loss` is the loss of the paper.

    Shapes: (N, features) to (N, classes).

    >>> from lamina import nn
    >>> layer = nn.RBFOutput()
    >>> layer(layer.codes).argmax(1).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """

    codes: Tensor

    def __init__(self, codes: Any = None, dtype: Any = None) -> None:
        super().__init__()
        made = as_tensor(digit_codes() if codes is None else codes, dtype or "float32")
        if made.ndim != 2:
            raise ShapeError(f"RBFOutput: codes are (classes, features), got shape {made.shape}")
        self.register_buffer("codes", made)

    def distances(self, input: Tensor) -> Tensor:
        """Return the squared distance to each code."""
        classes, features = self.codes.shape
        if input.ndim != 2 or input.shape[1] != features:
            raise ShapeError(f"RBFOutput: expected (N, {features}), got shape {input.shape}")
        difference = input.unsqueeze(1) - self.codes
        n, o, k = Loop("n", input.shape[0]), Loop("o", classes), Loop("k", features)
        return contract((n, o), (difference, (n, o, k)), (difference, (n, o, k)))

    def forward(self, input: Tensor) -> Tensor:
        return -self.distances(input)

    def extra_repr(self) -> str:
        classes, features = self.codes.shape
        return f"features={features}, classes={classes}"


def lenet_loss(input: Tensor, target: Tensor, j: float = 10.0, reduction: str = "mean") -> Tensor:
    """LeNet-5's discriminative loss (eq. 9): mean of y_t + log(exp(-j) + Σ_i exp(-y_i)).

    ``input`` holds -y, the negative penalties that `RBFOutput` returns, (N, classes); t is the
    class in ``target`` (N). The first term pulls the penalty of the right class down, the
    second pushes the others up, but hardly those that already exceed j > 0. It is positive.

    >>> from lamina import nn, tensor
    >>> penalties = tensor([[1.0, 50.0]])
    >>> round(nn.lenet_loss(-penalties, tensor([0])).item(), 4), nn.lenet_loss(
    ...     -penalties, tensor([1])
    ... ).item()
    (0.0001, 49.000...)
    """
    if j <= 0:
        raise ArgumentError(f"lenet_loss: j must be positive, got {j}")
    right = F.nll_loss(input, target, reduction=reduction)
    others = cat([input, full((input.shape[0], 1), -j, dtype=input.dtype)], 1)
    competing = F.logsumexp(others, 1)
    if reduction == "none":
        return right + competing
    return right + (competing.mean() if reduction == "mean" else competing.sum())


class LeNetLoss(FunctionLayer, function=lenet_loss):
    """`lenet_loss` as a layer."""

    j: float = 10.0
    reduction: str = "mean"


def _checked_table(in_channels: int, table: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    checked = tuple(tuple(inputs) for inputs in table)
    for number, inputs in enumerate(checked):
        known = all(0 <= i < in_channels for i in inputs)
        if not inputs or not known or len(set(inputs)) < len(inputs):
            raise ArgumentError(
                f"ConnectionTableConv2d: table[{number}] must list different input maps from 0 "
                f"to {in_channels - 1}, at least one, got {inputs}"
            )
    if not checked:
        raise ArgumentError("ConnectionTableConv2d: the table has no output map")
    return checked


def _places(in_channels: int, table: Sequence[Sequence[int]]) -> Array:
    """Return, for each output and input map, which kernel joins them; the one after all if none."""
    places = np.full((len(table), in_channels), sum(map(len, table)), np.int64)
    connection = 0
    for output, inputs in enumerate(table):
        for channel in inputs:
            places[output, channel] = connection
            connection += 1
    return places


LENET5_C3 = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)
"""The input maps of each output map of LeNet-5's layer C3 (LeCun et al. 1998, table I)."""
