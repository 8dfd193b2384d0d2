"""Classes as vectors: one-hot codes and embeddings."""

from __future__ import annotations

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import int64
from lamina.functions.checks import held_constant, require_float, require_labels, require_tensors
from lamina.ops.gather import Gather
from lamina.tensors import Tensor, apply, arange, composite, where

__all__ = ["embedding", "one_hot"]


@composite("one_hot")
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Return ``out[…, c] = 1 if tensor[…] = c else 0`` as int64.

    Shapes: ``(*)`` integers to ``(*, num_classes)``; -1 means the largest label + 1 (not while
    tracing: the shape would depend on values). Errors: `DTypeError` unless integers,
    `ArgumentError` for labels out of range.

    >>> import lamina, lamina.functions as F
    >>> F.one_hot(lamina.tensor([2, 0]), 3).tolist()
    [[0, 0, 1], [1, 0, 0]]

    Source: Qiu, *Neural Networks and Deep Learning*, §3.3.
    """
    require_tensors("one_hot", tensor=tensor)
    classes = num_classes if num_classes >= 0 else _classes(tensor)
    require_labels("one_hot", "tensor", tensor, classes)
    return (tensor.long().unsqueeze(-1) == arange(classes)).to(int64)


def _classes(labels: Tensor) -> int:
    value = labels.node.value
    if value is None or not value.size:
        raise ArgumentError("one_hot: num_classes must be given for traced or empty labels")
    return int(value.max()) + 1


@composite("embedding")
def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Look up rows: ``out[…, :] = weight[input[…], :]``.

    Shapes: integers ``(*)`` and weight ``(V, D)`` to ``(*, D)``. The row ``padding_idx`` (from
    the end if negative) gets no gradient. Errors: `DTypeError` unless integers into floats,
    `ShapeError`, `ArgumentError` for indices out of range.

    >>> import lamina, lamina.functions as F
    >>> table = lamina.tensor([[0.0, 0.0], [1.0, 2.0]])
    >>> F.embedding(lamina.tensor([1, 1, 0]), table).tolist()
    [[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]]

    Source: Bengio et al. 2003, *A neural probabilistic language model*, §2.
    """
    require_float("embedding", weight=weight)
    if weight.ndim != 2:
        raise ShapeError(f"embedding: weight must have shape (V, D), got {weight.shape}")
    rows = weight.shape[0]
    require_labels("embedding", "input", input, rows)
    found = apply(Gather(0), weight, input)
    if padding_idx is None:
        return found
    if not -rows <= padding_idx < rows:
        raise ArgumentError(f"embedding: padding_idx {padding_idx} is not a row of {rows}")
    with held_constant():
        frozen = apply(Gather(0), weight, input)
    padded = input.unsqueeze(-1).expand(found.shape) == padding_idx % rows
    return where(padded, frozen, found)
