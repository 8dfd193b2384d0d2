"""Distances and similarities of vectors."""

from __future__ import annotations

from math import inf

from lamina.core.errors import ArgumentError
from lamina.functions.checks import require_float
from lamina.tensors import Tensor, composite, where
from lamina.tensors.shape import axis_of

__all__ = ["cosine_similarity", "pairwise_distance", "vector_norm"]


@composite("vector_norm")
def vector_norm(input: Tensor, p: float, dim: int, keepdim: bool = False) -> Tensor:
    """Return ``(Σ |x|^p)^(1/p)`` along ``dim``, ``max |x|`` for p = ∞; gradient 0 at the origin.

    The axis goes, or stays with length 1 (``keepdim``). Errors: `ArgumentError` unless p > 0,
    `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> x = lamina.tensor([3.0, -4.0])
    >>> [F.vector_norm(x, p, 0).item() for p in (1, 2, float("inf"))]
    [7.0, 5.0, 4.0]

    Source: Goodfellow, Bengio and Courville, *Deep Learning*, §2.5.
    """
    require_float("vector_norm", input=input)
    if p <= 0:
        raise ArgumentError(f"vector_norm: p must be positive, got {p}")
    size = input.abs()
    if p == 1:
        return size.sum(dim, keepdim)
    if p == inf:
        return size.amax(dim, keepdim)
    total = (input.square() if p == 2 else size**p).sum(dim, keepdim)
    # The root's derivative is infinite at 0; take the root of 1 there, so that 0 · ∞ cannot be.
    zero = total == 0
    inside = where(zero, 1.0, total)
    return where(zero, 0.0, inside.sqrt() if p == 2 else inside ** (1 / p))


@composite("cosine_similarity")
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Return ``Σ x1 x2 / (max(‖x1‖, eps) · max(‖x2‖, eps))`` along ``dim``.

    Shapes broadcast; the axis ``dim`` goes. Errors: `ShapeError`, `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> a, b = lamina.tensor([[3.0, 4.0], [1.0, 0.0]]), lamina.tensor([[6.0, 8.0], [0.0, 5.0]])
    >>> [round(v, 4) for v in F.cosine_similarity(a, b).tolist()]
    [1.0, 0.0]

    Source: Goodfellow, Bengio and Courville, *Deep Learning*, §2.5 (xᵀy = ‖x‖‖y‖ cos θ).
    """
    require_float("cosine_similarity", x1=x1, x2=x2)
    rank = max(x1.ndim, x2.ndim)
    axis = axis_of("cosine_similarity", dim, rank) - rank
    u, v = (x / vector_norm(x, 2.0, axis, keepdim=True).clamp(min=eps) for x in (x1, x2))
    return (u * v).sum(axis)


@composite("pairwise_distance")
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """Return ``‖x1 - x2 + eps‖_p`` along the last axis; ``eps`` keeps the gradient finite at 0.

    Shapes ``(*, D)`` broadcast; the last axis goes, or stays with length 1 (``keepdim``).
    Errors: `ShapeError`, `DTypeError` unless float.

    >>> import lamina, lamina.functions as F
    >>> F.pairwise_distance(lamina.tensor([3.0, 4.0]), lamina.tensor([0.0, 0.0]), eps=0.0).item()
    5.0

    Source: Goodfellow, Bengio and Courville, *Deep Learning*, §2.5.
    """
    require_float("pairwise_distance", x1=x1, x2=x2)
    return vector_norm(x1 - x2 + eps, p, -1, keepdim=keepdim)
