"""Activation functions with parameters."""

from __future__ import annotations

from lamina.core.errors import ArgumentError, ShapeError
from lamina.functions.checks import require_float, require_shape, require_tensors
from lamina.ops import activations
from lamina.ops.scalar import Scalar
from lamina.random import key_stream, uniform
from lamina.tensors import Tensor, chunk, composite, pointwise
from lamina.tensors.handle import as_operand
from lamina.tensors.shape import axis_of

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hardshrink",
    "hardtanh",
    "leaky_relu",
    "maxout",
    "prelu",
    "rrelu",
    "scaled_tanh",
    "softplus",
    "softshrink",
    "threshold",
]


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """Leaky rectifier: ``x`` for x > 0, else ``negative_slope · x``.

    Shape and dtype are those of ``input``. Errors: `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> F.leaky_relu(lamina.tensor([-2.0, 3.0]), 0.25).tolist()
    [-0.5, 3.0]

    Source: Maas, Hannun and Ng 2013, eq. 2.
    """
    return _applied("leaky_relu", activations.leaky_relu(float(negative_slope)), input)


@composite("prelu")
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Parametric rectifier: ``x`` for x > 0, else ``weight[c] · x`` with a slope a channel.

    Shapes: input ``(N, C, *)``, weight ``(C,)``; or any input and weight ``(1,)``. The result
    is like ``input``. Errors: `ShapeError`, `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> F.prelu(lamina.tensor([[-2.0, -2.0]]), lamina.tensor([0.25, 0.5])).tolist()
    [[-0.5, -1.0]]

    Source: He et al. 2015, *Delving deep into rectifiers*, eq. 1.
    """
    require_float("prelu", input=input, weight=weight)
    if weight.numel() == 1:
        return pointwise(activations.prelu, input, weight.reshape((1,) * input.ndim))
    if input.ndim < 2:
        raise ShapeError(f"prelu: a slope a channel needs input (N, C, *), got {input.shape}")
    require_shape("prelu", "weight", weight, (input.shape[1],))
    return pointwise(activations.prelu, input, weight.reshape((-1,) + (1,) * (input.ndim - 2)))


@composite("rrelu")
def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    *,
    key: Tensor | None = None,
) -> Tensor:
    """Randomised leaky rectifier: in training each slope is uniform in [lower, upper).

    Otherwise the slope is their mean. The slopes are a pure function of ``key``, or of the next
    key of the current stream. Shape and dtype are those of ``input``. Errors: `ArgumentError`
    if lower > upper, `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> F.rrelu(lamina.tensor([-2.0, 3.0]), 0.25, 0.75).tolist()
    [-1.0, 3.0]

    Source: Xu et al. 2015, *Empirical evaluation of rectified activations*, §2.4.
    """
    if lower > upper:
        raise ArgumentError(f"rrelu: lower must not exceed upper, got {lower} and {upper}")
    if not training:
        return _applied("rrelu", activations.leaky_relu((lower + upper) / 2), input)
    require_float("rrelu", input=input)
    drawn = key_stream().next() if key is None else key
    slopes = uniform(drawn, input.shape, lower, upper, input.dtype)
    return pointwise(activations.prelu, input, slopes)


def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Exponential linear unit: ``x`` for x > 0, else ``alpha (exp(x) - 1)``.

    Shape and dtype are those of ``input``. Errors: `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> F.elu(lamina.tensor([-1e4, 0.0, 3.0]), 0.5).tolist()
    [-0.5, 0.0, 3.0]

    Source: Clevert, Unterthiner and Hochreiter 2015, eq. 15.
    """
    return _applied("elu", activations.elu(float(alpha)), input)


def celu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Continuously differentiable ELU: ``x`` for x > 0, else ``alpha (exp(x/alpha) - 1)``.

    Shape and dtype are those of ``input``. Errors: `ArgumentError` for alpha = 0, `DTypeError`
    unless float.

    >>> import lamina, lamina.functions as F
    >>> F.celu(lamina.tensor([-1e4, 0.0, 3.0]), 0.5).tolist()
    [-0.5, 0.0, 3.0]

    Source: Barron 2017, *Continuously differentiable exponential linear units*, eq. 2.
    """
    if alpha == 0:
        raise ArgumentError("celu: alpha must not be 0")
    return _applied("celu", activations.celu(float(alpha)), input)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Gaussian error linear unit ``x Φ(x)``, Φ the standard normal distribution function.

    With ``approximate="tanh"``: ``x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))``. Shape and dtype
    are those of ``input``. Errors: `ArgumentError` for other names, `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> x = lamina.tensor([-1.0, 0.0, 1.0])
    >>> [round(v, 4) for v in F.gelu(x).tolist() + F.gelu(x, "tanh").tolist()]
    [-0.1587, 0.0, 0.8413, -0.1588, 0.0, 0.8412]

    Source: Hendrycks and Gimpel 2016, §2.
    """
    records = {"none": activations.gelu, "tanh": activations.gelu_tanh}
    if approximate not in records:
        raise ArgumentError(f'gelu: approximate must be "none" or "tanh", got {approximate!r}')
    return _applied("gelu", records[approximate], input)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Smooth rectifier ``log(1 + exp(beta · x)) / beta``; ``x`` where beta · x > threshold.

    Shape and dtype are those of ``input``. Errors: `ArgumentError` for beta = 0, `DTypeError`
    unless float.

    >>> import lamina, lamina.functions as F
    >>> F.softplus(lamina.tensor([-1e4, 0.0, 1e4])).tolist()
    [0.0, 0.6931471824645996, 10000.0]

    Source: Dugas et al. 2001; Qiu, *Neural Networks and Deep Learning*, §4.1.2.
    """
    if beta == 0:
        raise ArgumentError("softplus: beta must not be 0")
    return _applied("softplus", activations.softplus_scaled(float(beta), float(threshold)), input)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """Piecewise linear tanh: ``min(max(x, min_val), max_val)``, derivative 0 at both ends.

    Shape and dtype are those of ``input``. Errors: `ArgumentError` if min_val > max_val,
    `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> F.hardtanh(lamina.tensor([-3.0, 0.5, 3.0])).tolist()
    [-1.0, 0.5, 1.0]

    Source: Collobert 2004; Qiu, *Neural Networks and Deep Learning*, §4.1.1.
    """
    if min_val > max_val:
        raise ArgumentError(
            f"hardtanh: min_val must not exceed max_val, got {min_val} and {max_val}"
        )
    return _applied("hardtanh", activations.hardtanh(float(min_val), float(max_val)), input)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Hard thresholding: ``x``, and 0 where |x| ≤ lambd.

    Shape and dtype are those of ``input``. Errors: `ArgumentError` for a negative lambd,
    `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> F.hardshrink(lamina.tensor([-2.0, 0.25, 0.5])).tolist()
    [-2.0, 0.0, 0.0]

    Source: Donoho and Johnstone 1994, *Ideal spatial adaptation by wavelet shrinkage*, §1.
    """
    _require_not_negative("hardshrink", lambd)
    return _applied("hardshrink", activations.hardshrink(float(lambd)), input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Soft thresholding: ``sign(x) · max(|x| - lambd, 0)``.

    Shape and dtype are those of ``input``. Errors: `ArgumentError` for a negative lambd,
    `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> F.softshrink(lamina.tensor([-2.0, 0.25, 1.0])).tolist()
    [-1.5, 0.0, 0.5]

    Source: Donoho and Johnstone 1994, *Ideal spatial adaptation by wavelet shrinkage*, §1.
    """
    _require_not_negative("softshrink", lambd)
    return _applied("softshrink", activations.softshrink(float(lambd)), input)


def threshold(input: Tensor, threshold: float, value: float) -> Tensor:
    """Return ``x`` where x > threshold, else ``value``.

    Shape and dtype are those of ``input``. Errors: `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> F.threshold(lamina.tensor([0.5, 2.0]), 1.0, -1.0).tolist()
    [-1.0, 2.0]

    Source: Collobert, Kavukcuoglu and Farabet 2011, *Torch7*.
    """
    return _applied("threshold", activations.threshold(float(threshold), float(value)), input)


def scaled_tanh(input: Tensor, amplitude: float = 1.7159, slope: float = 2 / 3) -> Tensor:
    """LeNet-5's squashing function ``A tanh(S x)``: about ±1 at ±1, steepest within.

    Shape and dtype are those of ``input``. Errors: `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> [round(v, 4) for v in F.scaled_tanh(lamina.tensor([-1.0, 0.0, 1.0])).tolist()]
    [-1.0, 0.0, 1.0]

    Source: LeCun et al. 1998, *Gradient-based learning*, §II.B and appendix A.
    """
    return _applied("scaled_tanh", activations.scaled_tanh(float(amplitude), float(slope)), input)


@composite("glu")
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Gated linear unit ``a · σ(b)``, a and b the halves of ``input`` along ``dim``.

    The axis ``dim`` halves; the dtype is that of ``input``. Errors: `ShapeError` if its length
    is odd, `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> F.glu(lamina.tensor([3.0, 4.0, 0.0, 1e4])).tolist()
    [1.5, 4.0]

    Source: Dauphin et al. 2017, *Language modeling with gated convolutional networks*, eq. 1.
    """
    require_float("glu", input=input)
    axis = axis_of("glu", dim, input.ndim)
    if input.shape[axis] % 2:
        raise ShapeError(f"glu: the length of dim {dim} must be even, got {input.shape}")
    a, b = chunk(input, 2, axis)
    return a * b.sigmoid()


@composite("maxout")
def maxout(input: Tensor, pieces: int, dim: int = 1) -> Tensor:
    """Return the maximum of every ``pieces`` successive features along ``dim``.

    ``out[…, i, …] = max_j input[…, i · pieces + j, …]``: after a linear layer, a learned convex
    piecewise linear function. The derivative goes to the first maximum. The axis' length is
    divided by ``pieces``. Errors: `ArgumentError` unless pieces ≥ 1, `ShapeError` unless it
    divides the length.

    >>> import lamina, lamina.functions as F
    >>> F.maxout(lamina.tensor([[1.0, 5.0, -2.0, -3.0]]), pieces=2).tolist()
    [[5.0, -2.0]]

    Source: Goodfellow et al. 2013, *Maxout networks*, §3.
    """
    require_tensors("maxout", input=input)
    axis = axis_of("maxout", dim, input.ndim)
    length = input.shape[axis]
    if pieces < 1:
        raise ArgumentError(f"maxout: pieces must be at least 1, got {pieces}")
    if length % pieces:
        raise ShapeError(
            f"maxout: pieces must divide the length of dim {dim}, got {pieces} and {input.shape}"
        )
    groups = input.shape[:axis] + (length // pieces, pieces) + input.shape[axis + 1 :]
    return input.reshape(groups).amax(axis + 1)


def _applied(function: str, record: Scalar, input: Tensor) -> Tensor:
    input = as_operand(input)
    require_float(function, input=input)
    return pointwise(record, input)


def _require_not_negative(function: str, lambd: float) -> None:
    if lambd < 0:
        raise ArgumentError(f"{function}: lambd must not be negative, got {lambd}")
