"""Cross-entropies: the negative log-likelihood of classes."""

from __future__ import annotations

from lamina.core.errors import DTypeError, ShapeError
from lamina.core.types import Shape, is_float
from lamina.functions.checks import (
    reduced,
    require_between,
    require_float,
    require_fraction,
    require_labels,
    require_reduction,
    require_same_shape,
    require_shape,
    require_tensors,
)
from lamina.functions.soft_maxima import log_softmax
from lamina.ops import activations, scalars
from lamina.ops.gather import Gather
from lamina.tensors import Tensor, apply, composite, pointwise, where

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "nll_loss",
]


@composite("cross_entropy")
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy ``-Σ_c w_c q_c log softmax(input)_c`` between targets q and logits.

    ``target`` holds class indices (then q is 1 at that class) or probabilities q. Smoothing ε
    makes q into ``(1 - ε) q + ε / C``. The mean is over positions; with indices it is weighted by
    the class weights w of the targets, and positions with ``ignore_index`` do not count.

    Shapes: logits ``(N, C, *)`` or ``(C,)``; indices ``(N, *)`` or ``()``, probabilities like
    the logits; weight ``(C,)``. Unreduced result like the indices. Errors: `ShapeError`;
    `DTypeError`; `ArgumentError` names the first index out of range or negative probability.

    >>> import lamina, lamina.functions as F
    >>> logits = lamina.tensor([[1e4, 0.0], [0.0, 0.0]])
    >>> F.cross_entropy(logits, lamina.tensor([1, 0]), reduction="none").tolist()
    [10000.0, 0.6931471824645996]

    Source: Qiu, *Neural Networks and Deep Learning*, §3.3 and eq. 4.41; Szegedy et al. 2016,
    §7 (label smoothing).
    """
    require_fraction("cross_entropy", "label_smoothing", label_smoothing)
    require_reduction("cross_entropy", reduction)
    require_float("cross_entropy", input=input, weight=weight)
    require_tensors("cross_entropy", target=target)
    axis = _class_axis("cross_entropy", input, weight)
    logs = log_softmax(input, axis)
    if is_float(target.dtype):
        return _of_probabilities(logs, target, weight, axis, reduction, label_smoothing)
    return _of_labels(
        "cross_entropy", logs, target, weight, axis, ignore_index, reduction, label_smoothing
    )


@composite("nll_loss")
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood ``-w_y · input[y]`` of class indices y, from log-probabilities.

    Means, shapes and errors are those of `cross_entropy` with indices.

    >>> import lamina, lamina.functions as F
    >>> F.nll_loss(lamina.tensor([[-1.0, -2.0], [-3.0, -4.0]]), lamina.tensor([1, 0])).item()
    2.5

    Source: Goodfellow, Bengio and Courville, *Deep Learning*, §5.5.1.
    """
    require_reduction("nll_loss", reduction)
    require_float("nll_loss", input=input, weight=weight)
    axis = _class_axis("nll_loss", input, weight)
    return _of_labels("nll_loss", input, target, weight, axis, ignore_index, reduction, 0.0)


@composite("binary_cross_entropy")
def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """Return ``-w (y log p + (1 - y) log(1 - p))`` for probabilities p = input and y = target.

    The logarithms are at least -100, so that certainty costs a finite amount; the gradient there
    is finite too and not zero. Shapes of input and target must be equal, ``weight`` broadcasts.
    Prefer `binary_cross_entropy_with_logits` to a sigmoid before this. Errors: `ShapeError`,
    `DTypeError` unless float, `ArgumentError` for input or target outside [0, 1].

    >>> import lamina, lamina.functions as F
    >>> p, y = lamina.tensor([0.5, 0.0]), lamina.tensor([1.0, 1.0])
    >>> F.binary_cross_entropy(p, y, reduction="none").tolist()
    [0.6931471824645996, 100.0]

    Source: Qiu, *Neural Networks and Deep Learning*, §3.2, eq. 3.19.
    """
    _require_binary("binary_cross_entropy", input, target, weight)
    require_between("binary_cross_entropy", "input", input, 0.0, 1.0)
    losses = pointwise(activations.binary_cross_entropy, input, target)
    return reduced("binary_cross_entropy", _weighted(losses, weight), reduction)


@composite("binary_cross_entropy_with_logits")
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Return ``-w (v y log σ(x) + (1 - y) log(1 - σ(x)))`` for logits x and y = target.

    ``pos_weight`` v trades recall for precision. Computed as
    ``(1 - y) x + (1 + (v - 1) y) log(1 + e^-x)``, which neither overflows nor loses digits.
    Shapes of input and target must be equal, the weights broadcast. Errors: as
    `binary_cross_entropy`, for the target.

    >>> import lamina, lamina.functions as F
    >>> x, y = lamina.tensor([1e4, 1e4, 0.0]), lamina.tensor([1.0, 0.0, 1.0])
    >>> F.binary_cross_entropy_with_logits(x, y, reduction="none").tolist()
    [0.0, 10000.0, 0.6931471824645996]

    Source: Qiu, *Neural Networks and Deep Learning*, §3.2, eq. 3.19.
    """
    function = "binary_cross_entropy_with_logits"
    _require_binary(function, input, target, weight)
    require_float(function, pos_weight=pos_weight)
    negative = pointwise(scalars.softplus, -input)
    if pos_weight is not None:
        negative = negative * (1 + (pos_weight - 1) * target)
    return reduced(function, _weighted((1 - target) * input + negative, weight), reduction)


def _class_axis(function: str, input: Tensor, weight: Tensor | None) -> int:
    if input.ndim == 0:
        raise ShapeError(f"{function}: expected input (N, C, *) or (C,), got {input.shape}")
    axis = 1 if input.ndim > 1 else 0
    require_shape(function, "weight", weight, (input.shape[axis],))
    return axis


def _positions(input: Tensor, axis: int) -> Shape:
    return input.shape[:axis] + input.shape[axis + 1 :]


def _of_labels(
    function: str,
    logs: Tensor,
    target: Tensor,
    weight: Tensor | None,
    axis: int,
    ignore_index: int,
    reduction: str,
    smoothing: float,
) -> Tensor:
    """Return the loss of labels; that of an ignored position is zero and weighs nothing."""
    require_labels(function, "target", target, logs.shape[axis], ignore_index)
    require_shape(function, "target", target, _positions(logs, axis))
    counts = target.long() != ignore_index
    labels = where(counts, target.long(), 0)
    importance = counts.to(logs.dtype)
    if weight is not None:
        importance = importance * apply(Gather(0), weight, labels).to(logs.dtype)
    likelihood = logs.gather(axis, labels.unsqueeze(axis)).squeeze(axis)
    losses = -where(counts, likelihood, 0.0) * importance
    if smoothing:
        even = where(counts, -_weighted_logs(logs, weight, axis).mean(axis), 0.0)
        losses = (1 - smoothing) * losses + smoothing * even
    if reduction == "mean":
        return losses.sum() / importance.sum()
    return reduced(function, losses, reduction)


def _of_probabilities(
    logs: Tensor,
    target: Tensor,
    weight: Tensor | None,
    axis: int,
    reduction: str,
    smoothing: float,
) -> Tensor:
    if target.shape == _positions(logs, axis):
        raise DTypeError(
            f"cross_entropy: class indices must be integers, got target {target.node.type}; "
            f"convert it with .long()"
        )
    require_shape("cross_entropy", "a target of probabilities", target, logs.shape)
    require_between("cross_entropy", "target", target, 0.0, float("inf"))
    smooth = target if not smoothing else target * (1 - smoothing) + smoothing / logs.shape[axis]
    losses = -(smooth * _weighted_logs(logs, weight, axis)).sum(axis)
    return reduced("cross_entropy", losses, reduction)


def _weighted_logs(logs: Tensor, weight: Tensor | None, axis: int) -> Tensor:
    if weight is None:
        return logs
    return logs * weight.reshape((-1,) + (1,) * (logs.ndim - axis - 1))


def _require_binary(function: str, input: Tensor, target: Tensor, weight: Tensor | None) -> None:
    require_tensors(function, target=target)
    if not is_float(target.dtype):
        raise DTypeError(
            f"{function}: target must be a float tensor of probabilities, got "
            f"{target.node.type}; convert it with .float()"
        )
    require_float(function, input=input, weight=weight)
    require_same_shape(function, input=input, target=target)
    require_between(function, "target", target, 0.0, 1.0)


def _weighted(losses: Tensor, weight: Tensor | None) -> Tensor:
    return losses if weight is None else losses * weight
