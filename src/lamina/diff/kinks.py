"""Points where a function has no derivative, because its slopes from both sides differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lamina.core.types import Array, float64
from lamina.diff.interface import Function
from lamina.tensors import Tensor, tensor

STEP = 1e-5
"""The step for both sides, relative to an element's size or 1."""

SHRINK = 8
"""The second step is so much smaller. The slopes of a smooth function come so much closer."""


@dataclass(frozen=True)
class Kink:
    """An element of x, and the slopes from both sides of the output where they differ most."""

    place: tuple[int, ...]
    left: float
    right: float

    def __str__(self) -> str:
        """Return a sentence for people."""
        return (
            f"a kink at element {list(self.place)}: its slope is {self.left:.4g} from the left "
            f"and {self.right:.4g} from the right"
        )


def kink(f: Function, x: Tensor, place: tuple[int, ...]) -> Kink | None:
    """Return the kink of f along one element of x (float64), if x stands at one.

    >>> import lamina
    >>> print(kink(lamina.abs, lamina.tensor([0.0, 1.0], dtype="float64"), (0,)))
    a kink at element [0]: its slope is -1 from the left and 1 from the right
    >>> kink(lamina.exp, lamina.tensor([0.0, 1.0], dtype="float64"), (1,)) is None
    True
    """
    if x.dtype != float64:
        return None
    h = STEP * max(1.0, abs(float(x.numpy()[place])))
    (wide, _, _), (near, left, right) = (_sides(f, x, place, step) for step in (h, h / SHRINK))
    worst = np.unravel_index(int(np.argmax(near)), near.shape)
    size = max(abs(float(left[worst])), abs(float(right[worst])), 1e-8)
    stays = near[worst] > 0.5 * wide[worst] and near[worst] > 1e-3 * size
    return Kink(place, float(left[worst]), float(right[worst])) if stays else None


def _sides(f: Function, x: Tensor, place: tuple[int, ...], h: float) -> tuple[Array, Array, Array]:
    """Return by how much the slopes from both sides differ, and the slopes."""

    def at(step: float) -> Array:
        moved = np.array(x.numpy())
        moved[place] += step
        return f(tensor(moved)).numpy()

    here = at(0.0)
    left, right = (here - at(-h)) / h, (at(h) - here) / h
    return np.abs(right - left), left, right
