"""Networks with one hidden layer fitted to a function, and their error against width.

Source: the theorem is nndl's 4.1 (Cybenko 1989; Hornik, Stinchcombe and White 1989). Random hidden
units with output weights by least squares: Huang, Zhu and Siew, "Extreme learning machine" (2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import lamina.random
from lamina.core.errors import ArgumentError
from lamina.core.types import Array
from lamina.insight.approximation.blocks import (
    SQUASHING,
    Interval,
    OneHiddenLayer,
    Target,
    construct,
    values_of,
)
from lamina.optim import Adam
from lamina.train.trainer import Trainer

WAYS = ("least_squares", "training", "construction")
GRID = 2001


@dataclass(frozen=True, eq=False)
class WidthCurve:
    """The errors of networks of growing width on an interval.

    Attributes:
        widths: the numbers of hidden units.
        max_error: max |f - network|, and ``l2_error`` √∫(f - network)² dx, by the trapezoidal rule.
        bounds: what the constructive proof guarantees for ``max_error``, for that way only.
        networks: the networks themselves.
    """

    way: str
    widths: tuple[int, ...]
    max_error: Array
    l2_error: Array
    bounds: Array | None
    networks: tuple[OneHiddenLayer, ...]

    def to_dict(self) -> dict[str, Any]:
        """The curve as plain data."""
        arrays = {"max_error": self.max_error.tolist(), "l2_error": self.l2_error.tolist()}
        bounds = None if self.bounds is None else self.bounds.tolist()
        return {"way": self.way, "widths": list(self.widths), **arrays, "bounds": bounds}


def fit_function(
    f: Target,
    interval: Interval,
    width: int,
    *,
    way: str = "least_squares",
    activation: str = "sigmoid",
    seed: int = 0,
    samples: int = 512,
    steps: int = 500,
) -> OneHiddenLayer:
    """Fit a network with ``width`` hidden units to f on an interval.

    Args:
        f: of an array ``[N]``.
        way: ``"least_squares"`` draws the hidden units and solves for the output weights;
            ``"training"`` goes on from there with ``steps`` steps of Adam on all weights, and
            solves again; ``"construction"`` puts ``width // 2`` bumps side by side (`construct`).
        activation: ``"sigmoid"`` or ``"tanh"``.
        samples: how many points of the interval are fitted.

    The units of a wider network of the same seed begin with those of a narrower one, so that the
    least squares can only become less.

    >>> network = fit_function(np.sin, (0.0, 6.0), 24)
    >>> x = np.linspace(0, 6, 50)
    >>> bool(np.abs(network(x) - np.sin(x)).max() < 0.02)
    True
    """
    _check(width, way, activation)
    if way == "construction":
        return construct(f, interval, width // 2).network
    x = np.linspace(*interval, samples)
    y = values_of(f, x)
    network = _solved(_drawn(interval, width, activation, seed), x, y)
    return network if way == "least_squares" else _trained(network, x, y, steps)


def width_curve(
    f: Target,
    interval: Interval,
    widths: Sequence[int] = (2, 4, 8, 16, 32, 64),
    *,
    way: str = "least_squares",
    **options: Any,
) -> WidthCurve:
    """Return the errors of networks fitted by `fit_function`, width by width.

    >>> curve = width_curve(np.sin, (0.0, 6.0), (4, 8, 16))
    >>> bool((np.diff(curve.l2_error) < 0).all())
    True
    """
    networks = tuple(fit_function(f, interval, width, way=way, **options) for width in widths)
    found = np.array([errors(f, network, interval) for network in networks]).reshape(-1, 2)
    bounds = None
    if way == "construction":
        bounds = np.array([construct(f, interval, width // 2).bound for width in widths])
    return WidthCurve(way, tuple(widths), found[:, 0], found[:, 1], bounds, networks)


def errors(f: Target, network: OneHiddenLayer, interval: Interval) -> tuple[float, float]:
    """max |f - network| and √∫(f - network)² dx on an even grid (trapezoidal rule)."""
    x = np.linspace(*interval, GRID)
    gap = values_of(f, x) - network(x)
    squares = (gap[1:] ** 2 + gap[:-1] ** 2) / 2 * np.diff(x)
    return float(np.abs(gap).max()), float(np.sqrt(squares.sum()))


def _drawn(interval: Interval, width: int, activation: str, seed: int) -> OneHiddenLayer:
    """Hidden units whose steps lie all over the interval, gentle and steep ones."""
    length = interval[1] - interval[0]
    key = lamina.random.key(seed)
    draws = [lamina.random.uniform(lamina.random.fold_in(key, k), (3,), dtype="float64").numpy()
             for k in range(width)]  # fmt: skip
    place, slope, sign = np.array(draws).T
    w = np.where(sign < 0.5, -1.0, 1.0) * 2.0 * 20.0**slope * 2 / length
    centres = interval[0] + length * place
    return OneHiddenLayer(w, -w * centres, np.zeros(width), 0.0, activation)


def _solved(network: OneHiddenLayer, x: Array, y: Array) -> OneHiddenLayer:
    """The network with the output weights of least squares."""
    basis = np.column_stack([network.hidden(x), np.ones_like(x)])
    weights = np.linalg.lstsq(basis, y, rcond=1e-12)[0]
    return OneHiddenLayer(network.w, network.b, weights[:-1], float(weights[-1]),
                          network.activation)  # fmt: skip


def _trained(network: OneHiddenLayer, x: Array, y: Array, steps: int) -> OneHiddenLayer:
    """The network after some steps on all weights; the one before if that was better."""
    model = network.module()
    trainer = Trainer(model, "mse", Adam(model.parameters(), lr=1e-2))
    trainer.fit((x[:, None], y[:, None]), epochs=steps, batch_size=len(x), progress="none")
    weights = {name: np.array(value, np.float64) for name, value in model.state_dict().items()}
    moved = OneHiddenLayer(weights["0.weight"][:, 0], weights["0.bias"], network.v, network.c,
                           network.activation)  # fmt: skip
    solved = _solved(moved, x, y)
    return min((network, solved), key=lambda each: float(((each(x) - y) ** 2).sum()))


def _check(width: int, way: str, activation: str) -> None:
    if way not in WAYS:
        raise ArgumentError(f"fit_function: way must be one of {', '.join(WAYS)}, got {way!r}")
    if activation not in SQUASHING:
        known = ", ".join(SQUASHING)
        raise ArgumentError(f"fit_function: activation must be one of {known}, got {activation!r}")
    if width < (2 if way == "construction" else 1):
        raise ArgumentError(f"fit_function: width {width} is too small for {way}")
