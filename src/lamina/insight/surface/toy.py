"""The smallest non-convex loss: y = σ(w₂ σ(w₁ x)), a network with one unit in each of two layers.

Source: nndl §4.6.1 (figure 4.10): for the sample (1, 1) the squared error (1 - y)² and the cross
entropy -log y are both non-convex functions of (w₁, w₂).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lamina import functions as F
from lamina.core.errors import ArgumentError
from lamina.insight.surface.slices import Surface
from lamina.tensors import Tensor, as_tensor, log

TOY_LOSSES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "output": lambda output, _: output,
    "squared": lambda output, y: (y - output) ** 2,
    "cross_entropy": lambda output, y: -(y * log(output) + (1 - y) * log(1 - output)),
}


def toy_loss(
    w1: Tensor, w2: Tensor, loss: str = "squared", x: float = 1.0, y: float = 1.0
) -> Tensor:
    """A loss of the toy network's output σ(w₂ σ(w₁ x)) for the sample (x, y), element by element.

    ``loss`` is ``"squared"``, (y - σ(…))², ``"cross_entropy"``, or ``"output"``, σ(…) itself.

    >>> import lamina
    >>> toy_loss(lamina.zeros(1), lamina.zeros(1))         # (1 - σ(0))²
    tensor([0.25])
    """
    if loss not in TOY_LOSSES:
        raise ArgumentError(f"toy_loss: loss must be one of {', '.join(TOY_LOSSES)}, got {loss!r}")
    return TOY_LOSSES[loss](F.sigmoid(w2 * F.sigmoid(w1 * x)), y)


def toy_surface(
    loss: str = "squared", x: float = 1.0, y: float = 1.0, limit: float = 10.0, points: int = 61
) -> Surface:
    """Return `toy_loss` for weights from -limit to limit, in float64.

    ``toy_surface().chord()`` is a proof by example that the loss is not convex.

    >>> chord = toy_surface().chord()
    >>> chord.at_midpoint > (chord.at_start + chord.at_end) / 2
    True
    """
    axis = np.linspace(-limit, limit, points)
    w1, w2 = np.meshgrid(axis, axis)
    values = toy_loss(as_tensor(w1), as_tensor(w2), loss, x, y).numpy()
    return Surface(axis, axis, np.array(values), ("w₁", "w₂"))
