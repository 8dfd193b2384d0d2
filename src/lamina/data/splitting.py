"""Splitting a data set into parts, at random by key, with each class in proportion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.philox import Words, permutation
from lamina.core.types import Array
from lamina.data.dataset import Dataset


class Splits(NamedTuple):
    """The three parts every training run needs."""

    train: Dataset
    validation: Dataset
    test: Dataset


def split(
    dataset: Dataset,
    fractions: Sequence[float],
    key: Words,
    stratify: bool | None = None,
) -> tuple[Dataset, ...]:
    """Disjoint random parts of `dataset`, one for each of `fractions`.

    `fractions` are numbers that sum to one, or whole counts that sum to at most ``len(dataset)``
    (the rest is left out). Stratified, every part holds each class in the proportion of the whole,
    up to rounding. ``stratify=None`` stratifies where the data set has classes.

    Raises `ArgumentError` for fractions that do not fit, or ``stratify=True`` without classes.

    >>> from lamina.core.philox import make_key
    >>> data = Dataset(np.zeros((10, 2)), np.arange(10) % 2, classes=("even", "odd"))
    >>> train, test = split(data, (0.6, 0.4), make_key(0))
    >>> np.bincount(train.targets), np.bincount(test.targets)
    (array([3, 3]), array([2, 2]))
    """
    if stratify and not dataset.classes:
        raise ArgumentError(
            f"split: stratify=True needs a data set with classes, {dataset.name!r} has none; "
            "pass stratify=False"
        )
    order = permutation(key, len(dataset))
    if dataset.classes and stratify is not False:
        order = order[_interleave(dataset.targets[order])]
    ends = _part_ends(fractions, len(dataset))
    starts = [0, *ends[:-1]]
    return tuple(dataset[order[start:end]] for start, end in zip(starts, ends, strict=True))


def _interleave(labels: Array) -> Array:
    """The order that spreads each class evenly, so that every run of it is in proportion.

    The r-th of a class's n examples gets the position (r + 1/2) / n.
    """
    by_class = np.argsort(labels, kind="stable")
    counts = np.bincount(labels)
    ranks = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    positions = np.empty(len(labels))
    positions[by_class] = (ranks + 0.5) / np.repeat(counts, counts)
    return np.argsort(positions, kind="stable")


def _part_ends(fractions: Sequence[float], count: int) -> list[int]:
    """Where each part ends in the shuffled order."""
    sizes = np.asarray(fractions)
    if sizes.ndim != 1 or len(sizes) == 0 or sizes.dtype.kind not in "iuf" or (sizes < 0).any():
        raise ArgumentError(f"split: fractions must be numbers from zero up, got {fractions!r}")
    if sizes.dtype.kind == "f" and abs(sizes.sum() - 1) > 1e-6:
        raise ArgumentError(
            f"split: fractions must sum to 1, got {fractions!r} with sum {sizes.sum():g}"
        )
    if sizes.dtype.kind in "iu" and sizes.sum() > count:
        raise ArgumentError(
            f"split: the data set has {count} examples, the parts {fractions!r} need {sizes.sum()}"
        )
    scale = count if sizes.dtype.kind == "f" else 1
    return [round(float(end)) for end in np.cumsum(sizes) * scale]
