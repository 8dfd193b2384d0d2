"""The constructive proof of universal approximation: steps, bumps, and sums of bumps.

A steep sigmoid is nearly a step, the difference of two steps a bump, and bumps side by side, as
high as a function is in their middles, a piecewise constant approximation of it. All of them are
networks with one hidden layer.

Sources: nndl §4.3.1 (theorem 4.1); Cybenko, "Approximation by superpositions of a sigmoidal
function" (1989); Nielsen, *Neural Networks and Deep Learning* (2015), ch. 4 (bumps).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lamina import functions as F
from lamina import nn
from lamina.core.errors import ArgumentError
from lamina.core.types import Array
from lamina.tensors import as_tensor

Interval = tuple[float, float]
Target = Callable[[Array], Array]
SQUASHING = {"sigmoid": (F.sigmoid, nn.Sigmoid), "tanh": (F.tanh, nn.Tanh)}
EDGE = 40.0
"""σ(40) is 1 to the last bit of float64, so a step that is 40/steepness away has no effect."""


@dataclass(frozen=True, eq=False)
class OneHiddenLayer:
    """f(x) = Σ_i v_i φ(w_i x + b_i) + c for numbers x, φ a squashing function, in float64.

    >>> network = OneHiddenLayer(np.array([2.0]), np.array([0.0]), np.array([3.0]), 1.0)
    >>> network(np.array([0.0]))
    array([2.5])
    """

    w: Array
    b: Array
    v: Array
    c: float = 0.0
    activation: str = "sigmoid"

    @property
    def width(self) -> int:
        """The number of hidden units."""
        return len(self.w)

    def hidden(self, x: Array) -> Array:
        """φ(w_i x_n + b_i), ``[N, width]``."""
        z = np.asarray(x, np.float64)[:, None] * self.w + self.b
        return SQUASHING[self.activation][0](as_tensor(z)).numpy()

    def __call__(self, x: Array) -> Array:
        """The network's output ``[N]`` for inputs ``[N]``."""
        return np.asarray(self.hidden(x) @ self.v + self.c)

    def module(self) -> nn.Sequential:
        """The same network as layers, Linear, Sigmoid or Tanh, Linear; inputs are ``[N, 1]``."""
        hidden, output = nn.Linear(1, self.width), nn.Linear(self.width, 1)
        model = nn.Sequential(hidden, SQUASHING[self.activation][1](), output).double()
        names = ("0.weight", "0.bias", "2.weight", "2.bias")
        values = (self.w[:, None], self.b, self.v[None, :], np.array([self.c]))
        model.load_state_dict(dict(zip(names, values, strict=True)))
        return model


def step(at: float = 0.0, steepness: float = 100.0, height: float = 1.0) -> OneHiddenLayer:
    """One hidden unit, height · σ(steepness · (x - at)): nearly a step from 0 to ``height``.

    >>> step(at=0.5)(np.array([0.0, 0.5, 1.0])).round(6).tolist()
    [0.0, 0.5, 1.0]
    """
    return OneHiddenLayer(
        np.array([steepness]), np.array([-steepness * at]), np.array([height], np.float64)
    )


def bump(
    left: float, right: float, height: float = 1.0, steepness: float = 100.0
) -> OneHiddenLayer:
    """Two hidden units, a step up at ``left`` and one down at ``right``: nearly a tower.

    >>> bump(0.0, 1.0, height=3.0)(np.array([-0.5, 0.5, 1.5])).round(6).tolist()
    [0.0, 3.0, 0.0]
    """
    if not left < right:
        raise ArgumentError(f"bump: left must lie below right, got {left} and {right}")
    return together([step(left, steepness, height), step(right, steepness, -height)])


def together(networks: Sequence[OneHiddenLayer]) -> OneHiddenLayer:
    """The sum of networks as one network, their hidden units side by side."""
    kinds = {network.activation for network in networks}
    if len(kinds) != 1:
        raise ArgumentError(f"together: expected networks of one activation, got {sorted(kinds)}")
    w, b, v = (np.concatenate([getattr(n, part) for n in networks]) for part in "wbv")
    return OneHiddenLayer(w, b, v, sum(network.c for network in networks), kinds.pop())


@dataclass(frozen=True, eq=False)
class Construction:
    """A function approximated by bumps.

    Attributes:
        network: the sum of the bumps.
        edges: the pieces' ends ``[count + 1]``, and ``heights`` ``[count]`` the function in their
            middles.
        steepness: of every step.
        max_error: the greatest |f - network| on a fine grid.
        bound: what the proof says that it is at most (see `construct`).
    """

    network: OneHiddenLayer
    edges: Array
    heights: Array
    steepness: float
    max_error: float
    bound: float

    def bumps(self) -> list[OneHiddenLayer]:
        """The bumps one by one, in order."""
        n = self.network
        pairs = range(0, n.width, 2)
        return [OneHiddenLayer(n.w[k : k + 2], n.b[k : k + 2], n.v[k : k + 2]) for k in pairs]


def construct(
    f: Target,
    interval: Interval,
    count: int,
    steepness: float | None = None,
    modulus: Callable[[float], float] | None = None,
    points: int = 4001,
) -> Construction:
    """Approximate f on an interval by ``count`` bumps side by side, as the proof does.

    With h the width of a piece, s the steepness (300/h by default) and ω the modulus of continuity,

        |f - network| ≤ ω(h/2 + d) + 2 exp(-s d) (max f - min f)    for every d > 0,

    since at every x the bumps' shapes are weights that add up to 1, and those of pieces that are
    farther away than d add up to at most 2 exp(-s d). The least of this over d is ``bound``. It
    goes to 0 with h: that is the theorem.

    Args:
        f: of an array ``[N]``, continuous.
        modulus: ω, if it is known (``lambda d: L * d`` for a Lipschitz function); else it is
            measured on a grid of ``points``.

    >>> found = construct(np.sin, (0.0, 6.0), 20, modulus=lambda d: d)
    >>> found.network.width, found.max_error < found.bound < 0.25
    (40, True)
    """
    low, high = _checked("construct", interval)
    if count < 1 or (steepness is not None and steepness <= 0):
        raise ArgumentError(
            f"construct: count must be 1 or more, steepness above 0, got {count}, {steepness}"
        )
    edges = np.linspace(low, high, count + 1)
    size = (high - low) / count
    s = 300 / size if steepness is None else steepness
    heights = values_of(f, (edges[:-1] + edges[1:]) / 2)
    ends = np.array([low - EDGE / s, *edges[1:-1], high + EDGE / s])  # 1 on the whole interval
    pieces = zip(ends[:-1], ends[1:], heights, strict=True)
    network = together([bump(left, right, height, s) for left, right, height in pieces])
    x = np.linspace(low, high, points)
    error = float(np.abs(values_of(f, x) - network(x)).max())
    grid = float(x[1] - x[0])
    omega = modulus or (lambda d: modulus_of_continuity(f, interval, d + grid, points))
    return Construction(network, edges, heights, s, error, _bound(f, x, size, s, omega))


def _bound(
    f: Target, x: Array, size: float, steepness: float, omega: Callable[[float], float]
) -> float:
    swing = float(np.ptp(values_of(f, x)))
    distances = np.array([1, 2, 3, 5, 8, 12, 18, 25, 33]) / steepness
    tails = 2 * np.exp(-steepness * distances) * swing
    return min(float(omega(size / 2 + d) + t) for d, t in zip(distances, tails, strict=True))


def modulus_of_continuity(f: Target, interval: Interval, delta: float, points: int = 4001) -> float:
    """ω(δ) = max |f(x) - f(y)| over |x - y| ≤ δ, on an even grid of the interval.

    >>> round(modulus_of_continuity(lambda x: 3 * x, (0.0, 1.0), 0.25), 3)
    0.75
    """
    low, high = _checked("modulus_of_continuity", interval)
    x = np.linspace(low, high, points)
    reach = int(np.ceil(delta / (x[1] - x[0]) - 1e-9))
    window = min(max(reach, 1), points - 1) + 1
    views = np.lib.stride_tricks.sliding_window_view(values_of(f, x), window)
    return float((views.max(1) - views.min(1)).max())


def values_of(f: Target, x: Array) -> Array:
    """f(x) in float64, checked to be an array ``[N]`` of finite numbers."""
    found = np.asarray(f(x), np.float64)
    if found.shape != x.shape or not np.isfinite(found).all():
        raise ArgumentError(
            f"approximation: f must map {x.shape} numbers to as many finite ones, got shape "
            f"{found.shape}" + ("" if np.isfinite(found).all() else " with NaN or infinity")
        )
    return found


def _checked(name: str, interval: Interval) -> Interval:
    low, high = interval
    if not (np.isfinite([low, high]).all() and low < high):
        raise ArgumentError(f"{name}: the interval must be finite and rise, got {interval}")
    return float(low), float(high)
