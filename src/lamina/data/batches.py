"""Any re-iterable of array pairs, with the interface of `DataLoader`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Protocol, runtime_checkable

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.data.dataset import Dataset
from lamina.data.loader import Batch, DataLoader, position


@runtime_checkable
class Batches(Protocol):
    """What a training loop needs of its data."""

    epoch: int
    batch: int

    def __iter__(self) -> Iterator[Batch]: ...

    def state_dict(self) -> dict[str, Any]:
        """The position."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to a position."""


class IterableBatches:
    """Counts and checks the pairs of another iterable; each iteration of that is an epoch.

    To go on in the middle of an epoch it skips the batches before, so the resumed run equals the
    uninterrupted one if the iterable gives the same batches in that epoch again.
    """

    def __init__(self, source: Iterable[Any]) -> None:
        if not isinstance(source, Iterable):
            raise ArgumentError(
                "as_batches: data must be an iterable of (inputs, targets) pairs, "
                f"got {type(source).__name__}"
            )
        if iter(source) is source:
            raise ArgumentError(
                "as_batches: data must be iterable once for each epoch, got an iterator "
                f"({type(source).__name__}); pass a list or an object with __iter__"
            )
        self.source = source
        self.epoch = 0
        self.batch = 0

    def __len__(self) -> int:
        """The number of batches, if the source knows it; else `TypeError`."""
        return len(self.source)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Batch]:
        for pair in islice(self.source, self.batch, None):
            self.batch += 1
            yield _pair(pair, self.batch - 1)
        if self.batch == 0:
            raise ArgumentError("as_batches: data gave no batch in a whole iteration")
        self.epoch, self.batch = self.epoch + 1, 0

    def state_dict(self) -> dict[str, Any]:
        """The position; plain numbers that JSON can hold."""
        return {"epoch": self.epoch, "batch": self.batch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to a saved position."""
        self.epoch, self.batch = position("as_batches", state, None)


def as_batches(data: Any, batch_size: int | None = None) -> Batches:
    """`data` as batches: a loader as it is, a `Dataset` or a pair of arrays in order, or any
    object that can be iterated anew for each epoch and yields ``(inputs, targets)`` pairs.

    A `Dataset` or pair is cut into batches of `batch_size`, by default one with everything.

    Raises `ArgumentError` for anything else, and for an iterator, which would be used up after
    one epoch; `ShapeError` when a batch's inputs and targets differ in length.

    >>> [targets.tolist() for _, targets in as_batches([([1.0], [2.0]), ([3.0], [4.0])])]
    [[2.0], [4.0]]
    """
    if isinstance(data, DataLoader | IterableBatches):
        return data
    if isinstance(data, Dataset) or _is_array_pair(data):
        examples = len(data) if isinstance(data, Dataset) else len(data[0])
        return DataLoader(data, batch_size or max(examples, 1))
    return data if isinstance(data, Batches) else IterableBatches(data)


def _is_array_pair(data: Any) -> bool:
    return isinstance(data, tuple) and len(data) == 2 and all(hasattr(x, "shape") for x in data)


def _pair(pair: Any, number: int) -> Batch:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ArgumentError(
            f"as_batches: batch {number} must be a pair (inputs, targets), "
            f"got {type(pair).__name__}"
        )
    inputs, targets = np.asarray(pair[0]), np.asarray(pair[1])
    if inputs.ndim == 0 or targets.ndim == 0 or len(inputs) != len(targets):
        raise ShapeError(
            f"as_batches: batch {number}: inputs and targets must have the same length, "
            f"got shapes {inputs.shape} and {targets.shape}"
        )
    return inputs, targets
