"""Metrics: sums over examples, so that batches of unequal size weigh what they should.

A `Metric` adds up a number (or an array) over the examples of each batch; its value for a data set
is computed from the total and the number of examples. A metric is a name (``"accuracy"``,
``"error_rate"``, ``"top_5"``, ``"mean_squared_error"``, …) or a `Metric`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Array


def _mean(total: Any, count: int) -> float:
    return float(total) / count


@dataclass(frozen=True)
class Metric:
    """A measure of outputs against targets.

    `total` maps a batch's outputs and targets to the sum over its examples; `result` maps the sum
    over all batches and the number of examples to the metric's value (by default the mean).
    """

    name: str
    total: Callable[[Array, Array], Any]
    result: Callable[[Any, int], Any] = _mean

    def __call__(self, outputs: Array, targets: Array) -> Any:
        """The metric's value for one batch."""
        return self.result(self.total(outputs, targets), len(outputs))


def labels(targets: Array, outputs: Array, metric: str) -> Array:
    """Class indices of targets that are indices, or probabilities shaped as the outputs."""
    positions = outputs.shape[:1] + outputs.shape[2:]
    if outputs.ndim > 1 and outputs.shape[1] > 1:
        found = targets.argmax(1) if targets.shape == outputs.shape else targets
        if found.shape == positions:
            return found
    raise ShapeError(
        f"{metric}: expected outputs [N, C, ...] with C ≥ 2 classes and targets [N, ...], "
        f"got {outputs.shape} and {targets.shape}; for one output use binary_accuracy"
    )


def _per_example(values: Array) -> float:
    """The sum over examples of the mean over each example's positions."""
    return float(values.reshape(len(values), -1).mean(1).sum()) if values.size else 0.0


def _hits(outputs: Array, targets: Array) -> float:
    return _per_example(outputs.argmax(1) == labels(targets, outputs, "accuracy"))


accuracy = Metric("accuracy", _hits)
error_rate = Metric("error_rate", lambda outputs, targets: len(outputs) - _hits(outputs, targets))
mean_squared_error = Metric(
    "mean_squared_error", lambda outputs, targets: _per_example(_difference(outputs, targets) ** 2)
)
mean_absolute_error = Metric(
    "mean_absolute_error", lambda outputs, targets: _per_example(abs(_difference(outputs, targets)))
)


def binary_accuracy(threshold: float = 0.0) -> Metric:
    """The share of examples on the right side of `threshold`: 0 for logits, 0.5 for probabilities.

    >>> binary_accuracy()(np.array([[2.0], [-1.0]]), np.array([1, 1]))
    0.5
    """

    def total(outputs: Array, targets: Array) -> float:
        if outputs.size != targets.size or len(outputs) != len(targets):
            raise ShapeError(
                "binary_accuracy: expected one output for each target, got shapes "
                f"{outputs.shape} and {targets.shape}"
            )
        return _per_example((outputs > threshold) == (targets.reshape(outputs.shape) > 0.5))

    return Metric("accuracy", total)


def top_k(k: int) -> Metric:
    """The share of examples whose class is among the `k` largest outputs.

    >>> top_k(2)(np.array([[1.0, 3.0, 2.0], [3.0, 2.0, 1.0]]), np.array([2, 2]))
    0.5
    """

    def total(outputs: Array, targets: Array) -> float:
        right = labels(targets, outputs, f"top_{k}")
        if not 1 <= k <= outputs.shape[1]:
            raise ArgumentError(f"top_{k}: k must be in 1 … {outputs.shape[1]} (classes), got {k}")
        own = np.take_along_axis(outputs, np.expand_dims(right, 1), 1)
        return _per_example((outputs > own).sum(1) < k)

    return Metric(f"top_{k}", total)


def confusion_matrix(classes: int) -> Metric:
    """Counts ``[classes, classes]``: row, the true class; column, the predicted one.

    >>> confusion_matrix(2)(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.array([0, 1, 1]))
    [[1, 0], [1, 1]]
    """

    def total(outputs: Array, targets: Array) -> Array:
        if outputs.ndim < 2 or outputs.shape[1] != classes:
            raise ShapeError(
                f"confusion_matrix: expected outputs [N, {classes}, ...], got {outputs.shape}"
            )
        right = labels(targets, outputs, "confusion_matrix")
        pairs = right.astype(np.int64) * classes + outputs.argmax(1)
        return np.bincount(pairs.ravel(), minlength=classes**2).reshape(classes, classes)

    return Metric("confusion_matrix", total, lambda counts, _: counts.tolist())


NAMED = {m.name: m for m in (accuracy, error_rate, mean_squared_error, mean_absolute_error)}


def resolve(metrics: Iterable[str | Metric]) -> tuple[Metric, ...]:
    """The metrics that names stand for.

    Raises `ArgumentError` for an unknown name, or for two metrics of one name.
    """
    found = tuple(m if isinstance(m, Metric) else named(m) for m in metrics)
    names = [metric.name for metric in found]
    for name in names:
        if name == "loss" or names.count(name) > 1:
            raise ArgumentError(f"metrics: {name!r} is there already; give it another name")
    return found


def named(name: str) -> Metric:
    """The metric of a name."""
    ranked = re.fullmatch(r"top_(\d+)", name)
    if ranked:
        return top_k(int(ranked[1]))
    if name not in NAMED:
        near = get_close_matches(name, NAMED, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ArgumentError(
            f"metrics: no metric {name!r}; {hint}there are {', '.join(NAMED)}, top_K"
        )
    return NAMED[name]


class Totals:
    """The sums over the examples seen so far in an epoch or a data set."""

    def __init__(self, metrics: tuple[Metric, ...]) -> None:
        self.metrics = metrics
        self.count = 0
        self.loss = 0.0
        self.sums: dict[str, Any] = {}

    def add(self, loss: float, outputs: Array, targets: Array) -> None:
        """Count one batch, with its mean loss."""
        self.count += len(outputs)
        self.loss += loss * len(outputs)
        for metric in self.metrics:
            self.sums[metric.name] = self.sums.get(metric.name, 0) + metric.total(outputs, targets)

    def results(self) -> dict[str, Any]:
        """Mean loss and metrics; empty if no example was seen."""
        if self.count == 0:
            return {}
        values = {m.name: m.result(self.sums[m.name], self.count) for m in self.metrics}
        return {"loss": self.loss / self.count, **{k: _plain(v) for k, v in values.items()}}

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on adding."""
        return {"count": self.count, "loss": self.loss, "sums": dict(self.sums)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from saved sums."""
        self.count, self.loss, self.sums = state["count"], state["loss"], dict(state["sums"])


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's, which JSON can hold."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _difference(outputs: Array, targets: Array) -> Array:
    if outputs.shape != targets.shape:
        raise ShapeError(
            f"metrics: expected outputs and targets of one shape, got {outputs.shape} and "
            f"{targets.shape}"
        )
    return outputs.astype(np.float64) - targets
