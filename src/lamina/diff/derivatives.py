"""A function of several arrays as one number, and its derivative in a mode: what is checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.types import Array, is_float
from lamina.diff.judging import Entries, Gradient
from lamina.diff.numerical.evaluation import SameRandomness
from lamina.tensors import Tensor, jvp, no_grad, tensor, vjp
from lamina.tensors.tree import leaves

Mode = Literal["reverse", "forward"]
MODES: tuple[Mode, ...] = ("reverse", "forward")

_REPEATABLE = 1e-12


class Weighed:
    """Σ c · f, with random weights c of the outputs; the same random numbers in every run of f."""

    def __init__(
        self, f: Callable[..., Any], arrays: Sequence[Array], rng: np.random.Generator
    ) -> None:
        self._f, self._randomness = f, SameRandomness()
        outputs = self.outputs(*map(tensor, arrays))
        if not outputs:
            raise ArgumentError("check_grads: the function returns no floats")
        self._weights = [rng.uniform(0.5, 1.5, o.shape) for o in outputs]
        self._check_repeatable(arrays)

    def _check_repeatable(self, arrays: Sequence[Array]) -> None:
        first, second = self.value(arrays), self.value(arrays)
        if abs(first - second) > _REPEATABLE * self.size(arrays):
            raise ArgumentError(
                "check_grads: the function gives two results for the same arguments, which differ "
                f"by {abs(first - second):.1e}; draw random numbers from the key stream or a key"
            )

    def outputs(self, *floats: Tensor) -> list[Tensor]:
        """Return the float outputs."""
        with self._randomness.again():
            found = leaves(self._f(*floats))
        return [o.double() for o in found if isinstance(o, Tensor) and is_float(o.dtype)]

    def __call__(self, *floats: Tensor) -> Tensor:
        """Return the weighed sum."""
        outputs = self.outputs(*floats)
        parts = [(o * tensor(c)).sum() for o, c in zip(outputs, self._weights, strict=True)]
        return sum(parts, tensor(0.0).double())

    def value(self, arrays: Sequence[Array]) -> float:
        """Return the weighed sum as a number."""
        with no_grad():
            return float(self(*map(tensor, arrays)).item())

    def size(self, arrays: Sequence[Array]) -> float:
        """Return Σ |c · f|, in proportion to which the sum is rounded."""
        with no_grad():
            outputs = self.outputs(*map(tensor, arrays))
        pairs = zip(outputs, self._weights, strict=True)
        return float(sum(np.abs(o.numpy() * c).sum() for o, c in pairs))


def gradient_of(f: Callable[..., Tensor], mode: Mode) -> Gradient:
    """Return the map from a point to f's derivative there, in a mode, by entry.

    Reverse mode finds all entries in one pass, which is made once for a point; forward mode takes
    a pass for each entry that is read.
    """
    known: list[tuple[Sequence[Array], Entries]] = []

    def at(arrays: Sequence[Array]) -> Entries:
        for point, found in known:
            if point is arrays:
                return found
        made = (_reverse if mode == "reverse" else _forward)(f, arrays)
        known.append((arrays, made))
        return made

    return at


def _reverse(f: Callable[..., Tensor], arrays: Sequence[Array]) -> Entries:
    _, pull = vjp(f, *map(tensor, arrays))
    found = [g.numpy() for g in pull(tensor(1.0).double())]
    return lambda number, place: float(found[number].flat[place])


def _forward(f: Callable[..., Tensor], arrays: Sequence[Array]) -> Entries:
    point = tuple(map(tensor, arrays))

    def entry(number: int, place: int) -> float:
        tangents = [np.zeros_like(a) for a in arrays]
        tangents[number].flat[place] = 1
        return float(jvp(f, point, tuple(map(tensor, tangents)))[1].item())

    return entry


def slope_along(
    f: Callable[..., Tensor], directions: Sequence[Array], mode: Mode
) -> Callable[..., Tensor]:
    """Return Σ d · ∇f as a function, for directions d, with ∇f found in a mode."""
    along = tuple(map(tensor, directions))

    def forward(*floats: Tensor) -> Tensor:
        found: Tensor = jvp(f, floats, along)[1]
        return found

    def reverse(*floats: Tensor) -> Tensor:
        _, pull = vjp(f, *floats)
        gradients = pull(tensor(1.0).double())
        parts = [(g * d).sum() for g, d in zip(gradients, along, strict=True)]
        return sum(parts, tensor(0.0).double())

    return forward if mode == "forward" else reverse
