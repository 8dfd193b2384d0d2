"""Batches in a reproducible order, from a position that can be saved and restored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.philox import Words, fold_in, permutation
from lamina.core.types import Array
from lamina.data.dataset import Dataset
from lamina.data.transforms import Transform
from lamina.random import key_stream

Batch: TypeAlias = tuple[Array, Array]


class DataLoader:
    """Iterates over ``(inputs, targets)`` batches of a `Dataset` or a pair of arrays.

    With `shuffle`, epoch ``e`` goes through the examples in the order
    ``permutation(fold_in(key, e), N)``. A `transform` gets the key
    ``fold_in(fold_in(key, e), batch)``. So a batch depends on key, epoch and position alone. Where
    a key is needed and none is given, it is the next one of the current `KeyStream`, which
    `lamina.manual_seed` starts.

    One iteration yields the rest of the current epoch. `epoch` and `batch` are the position of the
    next batch, counted before each is handed out: saved with `state_dict` between two batches and
    restored with `load_state_dict`, iteration goes on with the very next one. After the last batch
    of an epoch, the position moves to the next epoch when the iteration ends.

    Raises `ArgumentError` for a batch size below one, no examples, or `drop_last` that leaves none;
    `ShapeError` for a pair of different lengths.

    >>> loader = DataLoader((np.arange(5), np.arange(5)), batch_size=2)
    >>> [inputs.tolist() for inputs, targets in loader]
    [[0, 1], [2, 3], [4]]
    >>> loader.epoch, loader.batch
    (1, 0)
    """

    def __init__(
        self,
        data: Dataset | tuple[Array, Array],
        batch_size: int,
        shuffle: bool = False,
        key: Words | None = None,
        drop_last: bool = False,
        transform: Transform | None = None,
    ) -> None:
        self.inputs, self.targets = _arrays(data)
        self.batch_size = batch_size
        self.shuffle = shuffle
        if key is None and (shuffle or transform is not None):
            key = key_stream().next().numpy()
        self.key = None if key is None else np.asarray(key)
        self.drop_last = drop_last
        self.transform = transform
        self.epoch = 0
        self.batch = 0
        self._check()

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        whole, rest = divmod(len(self.inputs), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Batch]:
        order = self._order()
        while self.batch < len(self):
            number = self.batch
            self.batch = number + 1
            yield self._batch(order, number)
        self.epoch, self.batch = self.epoch + 1, 0

    def state_dict(self) -> dict[str, Any]:
        """The position, and what the batches depend on; plain numbers that JSON can hold."""
        return {"epoch": self.epoch, "batch": self.batch, **self._identity()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to a saved position.

        Raises `ArgumentError` if the state is of a loader with other batches.
        """
        for name, value in self._identity().items():
            if state.get(name) != value:
                raise ArgumentError(
                    f"DataLoader.load_state_dict: the state was saved with {name}="
                    f"{state.get(name)}, this loader has {value}; make both the same"
                )
        self.epoch, self.batch = position("DataLoader", state, len(self))

    def _identity(self) -> dict[str, Any]:
        return {
            "examples": len(self.inputs),
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
            "key": None if self.key is None else [int(word) for word in self.key],
        }

    def _order(self) -> Array | None:
        if not self.shuffle or self.key is None:
            return None
        return permutation(fold_in(self.key, self.epoch), len(self.inputs))

    def _batch(self, order: Array | None, number: int) -> Batch:
        rows = slice(number * self.batch_size, (number + 1) * self.batch_size)
        index = rows if order is None else order[rows]
        inputs, targets = self.inputs[index], self.targets[index]
        if self.transform is None or self.key is None:
            return inputs, targets
        return self.transform(inputs, targets, fold_in(fold_in(self.key, self.epoch), number))

    def _check(self) -> None:
        if self.batch_size < 1:
            raise ArgumentError(f"DataLoader: batch_size must be 1 or more, got {self.batch_size}")
        if len(self) == 0:
            raise ArgumentError(
                f"DataLoader: {len(self.inputs)} examples make no batch of {self.batch_size} with "
                f"drop_last={self.drop_last}; give more examples or a smaller batch"
            )


def position(owner: str, state: dict[str, Any], length: int | None) -> tuple[int, int]:
    """The epoch and batch in a state, checked."""
    epoch, batch = state.get("epoch"), state.get("batch")
    if type(epoch) is not int or type(batch) is not int or epoch < 0 or batch < 0:
        raise ArgumentError(
            f"{owner}.load_state_dict: epoch and batch must be integers from zero up, "
            f"got {epoch!r} and {batch!r}"
        )
    if length is not None and batch > length:
        raise ArgumentError(f"{owner}.load_state_dict: batch must be {length} at most, got {batch}")
    return epoch, batch


def _arrays(data: Any) -> Batch:
    if isinstance(data, Dataset):
        return data.inputs, data.targets
    if not isinstance(data, tuple) or len(data) != 2:
        raise ArgumentError(
            "DataLoader: data must be a Dataset or a pair (inputs, targets) of arrays, "
            f"got {type(data).__name__}"
        )
    inputs, targets = np.asarray(data[0]), np.asarray(data[1])
    if inputs.ndim == 0 or targets.ndim == 0 or len(inputs) != len(targets):
        raise ShapeError(
            "DataLoader: inputs and targets must have the same length, got shapes "
            f"{inputs.shape} and {targets.shape}"
        )
    return inputs, targets
