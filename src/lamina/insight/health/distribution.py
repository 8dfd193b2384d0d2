"""How the numbers of one array are distributed."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from lamina.core.types import Array

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class Distribution:
    """Norm, moments, quantiles and histogram of an array's finite elements.

    Attributes:
        size: the number of elements, and ``nonfinite`` how many of them are NaN or infinite.
        norm: the Euclidean norm √Σx², with ``rms`` = norm / √size.
        mean: Σx/n, and ``std`` = √(Σ(x - mean)²/n).
        quantiles: at 5, 25, 50, 75 and 95 %.
        counts: the histogram: ``counts[k]`` elements between ``edges[k]`` and ``edges[k + 1]``.

    >>> d = distribution(np.array([3.0, 4.0, np.inf]))
    >>> d.norm, d.mean, d.std, d.nonfinite
    (5.0, 3.5, 0.5, 1)
    """

    size: int
    nonfinite: int
    norm: float
    mean: float
    std: float
    minimum: float
    maximum: float
    quantiles: tuple[float, ...]
    counts: Array
    edges: Array

    @property
    def rms(self) -> float:
        """The root of the mean square of the finite elements."""
        return self.norm / sqrt(max(self.size - self.nonfinite, 1))

    def numbers(self) -> dict[str, float]:
        """Norm, moments and quantiles by name (``q05`` … ``q95``)."""
        shown = {name: getattr(self, name) for name in ("norm", "rms", "mean", "std")}
        levels = {f"q{round(100 * p):02}": q for p, q in zip(LEVELS, self.quantiles, strict=True)}
        return shown | levels

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        limits = {"size": self.size, "nonfinite": self.nonfinite}
        limits |= {"minimum": self.minimum, "maximum": self.maximum}  # type: ignore[dict-item]
        histogram = {"counts": self.counts.tolist(), "edges": self.edges.tolist()}
        return {**limits, **self.numbers(), **histogram}


def distribution(values: Array, bins: int = 40) -> Distribution:
    """Return the `Distribution` of an array of any shape, with a histogram of equal ``bins``."""
    flat = np.asarray(values, np.float64).ravel()
    kept = flat[np.isfinite(flat)]
    lost = flat.size - kept.size
    if not kept.size:
        zeros = (0.0,) * 5
        return Distribution(flat.size, lost, *zeros, zeros, np.zeros(bins, int), np.zeros(bins + 1))
    counts, edges = _histogram(kept, bins)
    moments = (_norm(kept), float(kept.mean()), float(kept.std()))
    limits = (float(kept.min()), float(kept.max()))
    quantiles = tuple(float(q) for q in np.quantile(kept, LEVELS))
    return Distribution(flat.size, lost, *moments, *limits, quantiles, counts, edges)


def _norm(values: Array) -> float:
    """√Σx², also where x² would underflow (a vanished gradient) or overflow."""
    largest = float(np.abs(values).max())
    scaled = float(np.linalg.norm(values / (largest or 1.0)))
    return largest * scaled


def _histogram(values: Array, bins: int) -> tuple[Array, Array]:
    low, high = float(values.min()), float(values.max())
    if not high - low > 1e-12 * max(abs(low), abs(high)):  # equal to rounding: one narrow bin
        width = max(abs(low), 1e-12) * 1e-3
        low, high = low - width, high + width
    edges = np.linspace(low, high, bins + 1)
    return np.histogram(values, edges)[0], edges
