"""Losses that ask for a margin between right and wrong answers."""

from __future__ import annotations

from lamina.core.errors import ArgumentError, ShapeError
from lamina.functions.checks import (
    reduced,
    require_float,
    require_labels,
    require_same_shape,
    require_shape,
    require_signs,
    require_tensors,
)
from lamina.functions.distance import cosine_similarity
from lamina.functions.lookup import one_hot
from lamina.ops import scalars
from lamina.ops.gather import Gather
from lamina.tensors import Tensor, apply, composite, pointwise, where

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "hinge_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "soft_margin_loss",
]


@composite("hinge_loss")
def hinge_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """Return ``max(0, margin - target · input)`` for scores and labels ±1.

    Shapes must be equal. Errors: `ShapeError`, `DTypeError` unless input is float,
    `ArgumentError` for other labels or another reduction.

    >>> import lamina, lamina.functions as F
    >>> scores, labels = lamina.tensor([2.0, 0.5, 1.0]), lamina.tensor([1, 1, -1])
    >>> F.hinge_loss(scores, labels, reduction="none").tolist()
    [0.0, 0.5, 2.0]

    Source: Qiu, *Neural Networks and Deep Learning*, §2.2.2 and §3.5.
    """
    _require_signed("hinge_loss", input, target)
    return reduced("hinge_loss", (margin - target * input).relu(), reduction)


@composite("soft_margin_loss")
def soft_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Return ``log(1 + exp(-target · input))`` for scores and labels ±1, without overflow.

    Shapes and errors are those of `hinge_loss`.

    >>> import lamina, lamina.functions as F
    >>> F.soft_margin_loss(lamina.tensor([-1e4]), lamina.tensor([1])).item()
    10000.0

    Source: Hastie, Tibshirani and Friedman, *The Elements of Statistical Learning*, eq. 10.18.
    """
    _require_signed("soft_margin_loss", input, target)
    losses = pointwise(scalars.softplus, -(target * input))
    return reduced("soft_margin_loss", losses, reduction)


@composite("hinge_embedding_loss")
def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """Return the distance ``input`` for label 1 and ``max(0, margin - input)`` for label -1.

    Shapes and errors are those of `hinge_loss`.

    >>> import lamina, lamina.functions as F
    >>> x, labels = lamina.tensor([0.25, 0.25]), lamina.tensor([1, -1])
    >>> F.hinge_embedding_loss(x, labels, reduction="none").tolist()
    [0.25, 0.75]

    Source: Hadsell, Chopra and LeCun 2006, *Dimensionality reduction by learning an invariant
    mapping*, eq. 4 (there with squares).
    """
    _require_signed("hinge_embedding_loss", input, target)
    losses = where(target == 1, input, (margin - input).clamp(min=0.0))
    return reduced("hinge_embedding_loss", losses, reduction)


@composite("margin_ranking_loss")
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """Return ``max(0, margin - target · (input1 - input2))``: label 1 asks for input1 > input2.

    Shapes and errors are those of `hinge_loss`.

    >>> import lamina, lamina.functions as F
    >>> a, b = lamina.tensor([1.0, 1.0]), lamina.tensor([3.0, 0.0])
    >>> F.margin_ranking_loss(a, b, lamina.tensor([1, 1]), reduction="none").tolist()
    [2.0, 0.0]

    Source: Herbrich, Graepel and Obermayer 2000, *Large margin rank boundaries*, §3.
    """
    require_same_shape("margin_ranking_loss", input1=input1, input2=input2, target=target)
    require_float("margin_ranking_loss", input1=input1, input2=input2)
    require_signs("margin_ranking_loss", "target", target)
    losses = (margin - target * (input1 - input2)).clamp(min=0.0)
    return reduced("margin_ranking_loss", losses, reduction)


@composite("multi_margin_loss")
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ``1/C Σ_{c ≠ y} max(0, margin - input[y] + input[c])^p · weight[y]``.

    Shapes: input ``(N, C)`` or ``(C,)``, integer labels ``(N,)`` or ``()``, weight ``(C,)``;
    unreduced result like the labels. Errors: `ShapeError`, `DTypeError`, `ArgumentError` for
    labels out of range and p other than 1 or 2.

    >>> import lamina, lamina.functions as F
    >>> F.multi_margin_loss(lamina.tensor([0.5, 0.0, 2.0]), lamina.tensor(2)).item()
    0.0

    Source: Crammer and Singer 2001, *Multiclass kernel-based vector machines*, §3.
    """
    require_float("multi_margin_loss", input=input, weight=weight)
    require_tensors("multi_margin_loss", target=target)
    if p not in (1, 2):
        raise ArgumentError(f"multi_margin_loss: p must be 1 or 2, got {p}")
    if input.ndim not in (1, 2) or target.shape != input.shape[:-1]:
        raise ShapeError(
            f"multi_margin_loss: expected input (N, C) and target (N,), got {input.shape} "
            f"and {target.shape}"
        )
    classes = input.shape[-1]
    require_labels("multi_margin_loss", "target", target, classes)
    require_shape("multi_margin_loss", "weight", weight, (classes,))
    is_target = one_hot(target, classes) == 1
    right = where(is_target, input, 0.0).sum(-1, keepdim=True)
    excess = where(is_target, 0.0, (margin - right + input).relu())
    losses = (excess if p == 1 else excess.square()).sum(-1) / classes
    if weight is not None:
        losses = losses * apply(Gather(0), weight, target)
    return reduced("multi_margin_loss", losses, reduction)


@composite("cosine_embedding_loss")
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """Return ``1 - cos(input1, input2)`` for label 1, ``max(0, cos - margin)`` for label -1.

    Shapes: inputs ``(N, D)`` or ``(D,)``, target ``(N,)`` or ``()``. Errors: as `hinge_loss`.

    >>> import lamina, lamina.functions as F
    >>> a, b = lamina.tensor([[1.0, 0.0]]), lamina.tensor([[0.0, 1.0]])
    >>> F.cosine_embedding_loss(a, b, lamina.tensor([1])).item()
    1.0

    Source: Hadsell, Chopra and LeCun 2006, with the cosine in place of the distance.
    """
    require_same_shape("cosine_embedding_loss", input1=input1, input2=input2)
    require_shape("cosine_embedding_loss", "target", target, input1.shape[:-1])
    require_signs("cosine_embedding_loss", "target", target)
    cosine = cosine_similarity(input1, input2, dim=-1)
    losses = where(target == 1, 1 - cosine, (cosine - margin).clamp(min=0.0))
    return reduced("cosine_embedding_loss", losses, reduction)


def _require_signed(function: str, input: Tensor, target: Tensor) -> None:
    require_float(function, input=input)
    require_same_shape(function, input=input, target=target)
    require_signs(function, "target", target)
