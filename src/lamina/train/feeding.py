"""From batches of arrays to tensors that a model can take."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.core.errors import NonFiniteError
from lamina.core.types import Array, DType, is_float
from lamina.data import Batches
from lamina.nn import Module
from lamina.tensors import Tensor, as_tensor


def float_dtype(model: Module) -> DType:
    """The dtype in which a model computes: that of its first floating-point parameter."""
    floats = (p.dtype for p in model.parameters() if is_float(p.dtype))
    return next(floats, np.dtype(np.float32))


def feed(part: str, values: Array, dtype: DType, batch: int) -> Tensor:
    """A batch's inputs or targets: floats in the model's dtype, integers as they are.

    Raises `NonFiniteError` naming the batch and the place of the first NaN or infinity.
    """
    if not is_float(values.dtype):
        return as_tensor(values)
    finite = np.isfinite(values)
    if not finite.all():
        place = [int(i) for i in np.argwhere(~finite)[0]]
        raise NonFiniteError(
            f"batch {batch}: {part} contain {values[tuple(place)]} at {place}; "
            "remove or replace it in the data"
        )
    return as_tensor(values.astype(dtype, copy=False))


def is_array_pair(data: Any) -> bool:
    """Whether `data` is a pair of whole arrays rather than a sequence of batches."""
    return isinstance(data, tuple) and len(data) == 2 and all(hasattr(x, "shape") for x in data)


def length(batches: Batches) -> int | None:
    """The number of batches in an epoch, if it is known."""
    try:
        return len(batches)  # type: ignore[arg-type]
    except TypeError:
        return None
