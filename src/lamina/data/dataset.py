"""`Dataset`: inputs and targets that have been checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError, DataError, DTypeError, ShapeError
from lamina.core.types import Array


@dataclass(frozen=True, eq=False)
class Dataset:
    """``N`` examples: `inputs` of shape ``[N, ...]`` and `targets` of shape ``[N, ...]``.

    With `classes` the targets are labels, integers ``[N]`` in ``0 … len(classes) - 1``; without,
    they are numbers to be regressed. Construction checks that both hold the same number of
    examples, that floating-point values are finite (else training would go on with garbage), and
    that labels are in range.

    Raises `ShapeError`, `DTypeError` or `DataError`; the last names the first bad row.

    >>> data = Dataset(np.eye(3, dtype=np.float32), np.array([0, 1, 1]), classes=("no", "yes"))
    >>> len(data), data[1:].targets
    (3, array([1, 1]))
    """

    inputs: Array
    targets: Array
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    name: str = "data"
    description: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", _as_numbers(self.name, "inputs", self.inputs))
        object.__setattr__(self, "targets", _as_numbers(self.name, "targets", self.targets))
        if len(self.inputs) != len(self.targets):
            raise ShapeError(
                f"Dataset {self.name!r}: inputs and targets must have the same length, got "
                f"{len(self.inputs)} inputs {self.inputs.shape} and "
                f"{len(self.targets)} targets {self.targets.shape}"
            )
        _check_finite(self.name, "inputs", self.inputs)
        _check_finite(self.name, "targets", self.targets)
        if self.classes:
            _check_labels(self.name, self.targets, len(self.classes))
        _check_features(self.name, self.inputs, self.features)

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: slice | Array) -> Dataset:
        """The examples that a slice, an index array or a boolean mask selects."""
        if not isinstance(index, slice) and np.ndim(index) != 1:
            raise ArgumentError(
                f"Dataset {self.name!r}: index with a slice or a 1-D array, got {index!r}"
            )
        return replace(self, inputs=self.inputs[index], targets=self.targets[index])


def _as_numbers(name: str, part: str, values: Any) -> Array:
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"Dataset {name!r}: {part} must be real numbers, got {array.dtype}")
    if array.ndim == 0:
        raise ShapeError(f"Dataset {name!r}: {part} must have shape [N, ...], got a scalar")
    return array


def _check_finite(name: str, part: str, array: Array) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise DataError(
            f"Dataset {name!r}: {part} must be finite, row {index[0]} is the first that is not: "
            f"{part}{list(index)} is {array[index]}"
        )


def _check_labels(name: str, labels: Array, count: int) -> None:
    if labels.dtype.kind not in "iu":
        raise DTypeError(
            f"Dataset {name!r}: with classes, targets must be integers, got {labels.dtype}"
        )
    if labels.ndim != 1:
        raise ShapeError(
            f"Dataset {name!r}: with classes, targets must have shape [N], got {labels.shape}"
        )
    wrong = np.flatnonzero((labels < 0) | (labels >= count))
    if len(wrong):
        raise DataError(
            f"Dataset {name!r}: labels must be in 0 … {count - 1}, "
            f"row {wrong[0]} has {labels[wrong[0]]}"
        )


def _check_features(name: str, inputs: Array, features: tuple[str, ...]) -> None:
    if features and inputs.shape[1:] != (len(features),):
        raise ShapeError(
            f"Dataset {name!r}: {len(features)} feature names need inputs of shape "
            f"[N, {len(features)}], got {inputs.shape}"
        )
