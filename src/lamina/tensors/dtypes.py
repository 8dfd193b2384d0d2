"""Changing the dtype of a tensor."""

from __future__ import annotations

from typing import Any

from lamina.core.types import as_dtype
from lamina.tensors.application import cast
from lamina.tensors.handle import Tensor, TensorLike, as_tensor


def to(input: TensorLike, dtype: Any) -> Tensor:
    """Return ``input`` in another dtype (floats to integers toward zero).

    >>> import lamina
    >>> lamina.tensor([1.7, -1.7]).to(lamina.int64)
    tensor([ 1, -1])
    """
    return cast(as_tensor(input), as_dtype(dtype))
