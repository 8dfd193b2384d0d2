"""Initialisers: fill a tensor in place, by draws from a key.

Each takes ``key=`` (see `lamina.random`); without one it takes the next key of the current key
stream, which `lamina.manual_seed` restarts. Each returns the tensor.

For a weight of shape (O, I, K…), fan-in is I·ΠK, the number of inputs of a unit, and fan-out is
O·ΠK.
"""

from __future__ import annotations

from math import ceil, prod, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np

from lamina import random
from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Array
from lamina.tensors import Tensor

Key = Any
"""A key of `lamina.random`, or None for the next one of the current stream."""


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1.0)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with ``val``."""
    return tensor.assign(np.full(tensor.shape, val, tensor.dtype))


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity."""
    _check_rank("eye_", tensor, 2, 2)
    return tensor.assign(np.eye(*tensor.shape, dtype=tensor.dtype))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight so that, with padding "same", it passes its input on."""
    _check_rank("dirac_", tensor, 3, 5)
    outputs, inputs, *kernel = tensor.shape
    if outputs % groups:
        raise ArgumentError(f"dirac_: {outputs} outputs do not fall into {groups} groups")
    values = np.zeros(tensor.shape, tensor.dtype)
    centre = tuple(k // 2 for k in kernel)
    size = outputs // groups
    for group in range(groups):
        for channel in range(min(size, inputs)):
            values[(group * size + channel, channel, *centre)] = 1
    return tensor.assign(values)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, key: Key = None) -> Tensor:
    """Draw from U(a, b)."""
    return tensor.assign(random.uniform(_key(key), tensor.shape, a, b, tensor.dtype))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, key: Key = None) -> Tensor:
    """Draw from N(mean, std²)."""
    return tensor.assign(random.normal(_key(key), tensor.shape, mean, std, tensor.dtype))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    key: Key = None,
) -> Tensor:
    """Draw from N(mean, std²) given that the value lies in [a, b], by inverting the CDF."""
    if not (a < b and std > 0):
        raise ArgumentError(f"trunc_normal_: expected a < b and std > 0, got {a=}, {b=}, {std=}")
    normal = NormalDist(mean, std)
    u = random.uniform(_key(key), tensor.shape, normal.cdf(a), normal.cdf(b), "float64").numpy()
    # The inverse is infinite at 0 and 1.
    inside = np.clip(u, np.nextafter(0, 1), np.nextafter(1, 0))
    values = np.vectorize(normal.inv_cdf, otypes=["float64"])(inside)
    return tensor.assign(np.clip(values, a, b).astype(tensor.dtype))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, key: Key = None) -> Tensor:
    """Draw from U(-b, b), b = gain √(6 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    bound = gain * sqrt(6 / max(sum(fans(tensor)), 1))
    return uniform_(tensor, -bound, bound, key)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, key: Key = None) -> Tensor:
    """Draw from N(0, σ²), σ = gain √(2 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    return normal_(tensor, 0.0, gain * sqrt(2 / max(sum(fans(tensor)), 1)), key)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    key: Key = None,
) -> Tensor:
    """Draw from U(-b, b), b = gain √(3 / fan) (He et al. 2015); ``a`` is a leaky ReLU's slope."""
    bound = sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, key)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    key: Key = None,
) -> Tensor:
    """Draw from N(0, σ²), σ = gain / √fan (He et al. 2015); ``a`` is a leaky ReLU's slope."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), key)


def lecun_uniform_(tensor: Tensor, key: Key = None) -> Tensor:
    """Draw from U(-b, b), b = √(3 / fan_in), of variance 1 / fan_in (LeCun et al. 1998, §4.6)."""
    bound = sqrt(3 / max(fans(tensor)[0], 1))
    return uniform_(tensor, -bound, bound, key)


def lecun_normal_(tensor: Tensor, key: Key = None) -> Tensor:
    """Draw from N(0, 1 / fan_in) (LeCun et al. 1998, *Efficient BackProp*, §4.6)."""
    return normal_(tensor, 0.0, sqrt(1 / max(fans(tensor)[0], 1)), key)


def orthogonal_(tensor: Tensor, gain: float = 1.0, key: Key = None) -> Tensor:
    """Draw ``gain`` times a random matrix with orthonormal rows or columns (Saxe et al. 2014).

    Axes after the first are taken as one.
    """
    _check_rank("orthogonal_", tensor, 2)
    if not tensor.numel():
        return tensor
    rows = tensor.shape[0]
    flat = random.normal(_key(key), (rows, tensor.numel() // rows), dtype="float64").numpy()
    tall = flat if flat.shape[0] >= flat.shape[1] else flat.T
    q, r = np.linalg.qr(tall)
    # With the diagonal of R positive, Q is distributed uniformly.
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    matrix = q if tall is flat else q.T
    return tensor.assign((gain * matrix).reshape(tensor.shape).astype(tensor.dtype))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, key: Key = None) -> Tensor:
    """Draw a matrix from N(0, std²) and set a fraction of every column to 0 (Martens 2010)."""
    _check_rank("sparse_", tensor, 2, 2)
    if not 0 <= sparsity <= 1:
        raise ArgumentError(f"sparse_: sparsity must lie in [0, 1], got {sparsity}")
    value_key, place_key = random.split(_key(key), 2)
    values = random.normal(value_key, tensor.shape, 0.0, std, tensor.dtype).numpy()
    order = np.argsort(random.uniform(place_key, tensor.shape).numpy(), axis=0, kind="stable")
    zeros = ceil(sparsity * tensor.shape[0])
    kept: Array = values.copy()
    np.put_along_axis(kept, order[:zeros], 0, axis=0)
    return tensor.assign(kept)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor on a weight's scale that makes up for what the nonlinearity takes away.

    >>> calculate_gain("tanh")
    1.6666666666666667
    >>> calculate_gain("leaky_relu", 0.0) == calculate_gain("relu") == 2**0.5
    True
    """
    slope = 0.01 if param is None else param
    gains = {"sigmoid": 1.0, "tanh": 5 / 3, "relu": sqrt(2), "selu": 3 / 4}
    gains["leaky_relu"] = sqrt(2 / (1 + slope**2))
    gains |= dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d"), 1.0)
    gains |= dict.fromkeys((f"conv_transpose{rank}d" for rank in (1, 2, 3)), 1.0)
    if nonlinearity not in gains:
        raise ArgumentError(
            f"calculate_gain: unknown nonlinearity {nonlinearity!r}; known: {', '.join(gains)}"
        )
    return gains[nonlinearity]


def fans(tensor: Tensor) -> tuple[int, int]:
    """Return fan-in and fan-out of a weight of shape (O, I, K…).

    >>> from lamina.tensors import zeros
    >>> fans(zeros((6, 3, 5, 5)))
    (75, 150)
    """
    _check_rank("fans", tensor, 2)
    field = prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def default_(weight: Tensor, bias: Tensor | None) -> None:
    """Draw weight and bias of a dense or convolution layer from U(±1/√fan_in).

    That is kaiming_uniform_ with a = √5, the default of PyTorch's layers.
    """
    bound = 1 / sqrt(max(fans(weight)[0], 1))
    for tensor in (weight, bias):
        if tensor is not None:
            uniform_(tensor, -bound, bound)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"kaiming: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    fan = fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / sqrt(max(fan, 1))


def _key(key: Key) -> Any:
    return random.key_stream().next() if key is None else key


def _check_rank(name: str, tensor: Tensor, least: int, most: int = 99) -> None:
    if not least <= tensor.ndim <= most:
        wanted = f"{least} axes" if least == most else f"{least} axes or more"
        if least < most < 99:
            wanted = f"{least} to {most} axes"
        raise ShapeError(f"{name}: expected a tensor of {wanted}, got shape {tensor.shape}")
