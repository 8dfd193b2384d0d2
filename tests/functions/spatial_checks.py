"""What the tests of spatial functions share: derivative checks and slow, plain references."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import lamina
from lamina.tensors import Tensor

Array = np.ndarray[Any, np.dtype[Any]]


def draw(shape: Sequence[int], seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=tuple(shape))


def spread(shape: Sequence[int], seed: int = 0) -> Array:
    """Distinct values, far enough apart for a finite difference."""
    size = int(np.prod(shape))
    return np.random.default_rng(seed).permutation(size).reshape(shape) / 8 - 1


def check_derivatives(f: Callable[..., Tensor], *primals: Array, h: float = 1e-5) -> None:
    """J u agrees with a central difference, and ⟨v, J u⟩ = ⟨Jᵀ v, u⟩."""
    directions = [draw(x.shape, 7 + i) for i, x in enumerate(primals)]
    tensors = tuple(map(lamina.tensor, primals))
    out, tangent = lamina.jvp(f, tensors, tuple(map(lamina.tensor, directions)))
    ahead, behind = (
        f(*[lamina.tensor(x + step * u) for x, u in zip(primals, directions, strict=True)])
        for step in (h, -h)
    )
    difference = (ahead.numpy() - behind.numpy()) / (2 * h)
    np.testing.assert_allclose(tangent.numpy(), difference, rtol=1e-6, atol=1e-6)
    v = draw(out.shape, 99)
    cotangents = lamina.vjp(f, *tensors)[1](lamina.tensor(v))
    assert [c.shape for c in cotangents] == [x.shape for x in primals]
    left = np.sum(v * tangent.numpy())
    right = sum(np.sum(c.numpy() * u) for c, u in zip(cotangents, directions, strict=True))
    np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-9)


def starts(extent: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool) -> Any:
    """Where windows begin, by walking along the axis."""
    span, end, start = dilation * (kernel - 1) + 1, extent + padding, -padding
    found: list[int] = []
    while start + span <= end:
        found.append(start)
        start += stride
    sticks_out = ceil and start < extent and found[-1] + span < end
    return found + [start] * sticks_out


@dataclass(frozen=True)
class Axis:
    """Windows along one axis."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    ceil: bool = False

    def places(self, extent: int) -> list[list[int]]:
        begin = starts(extent, self.kernel, self.stride, self.padding, self.dilation, self.ceil)
        return [[start + self.dilation * k for k in range(self.kernel)] for start in begin]


def windows(x: Array, axes: Sequence[Axis], fill: float = 0.0) -> Array:
    """Return the elements of every window along a new last axis, ``fill`` outside the image."""
    extents = x.shape[-len(axes) :]
    places = [axis.places(extent) for axis, extent in zip(axes, extents, strict=True)]
    counts = [len(each) for each in places]
    result = np.full((*x.shape[: -len(axes)], *counts, prod(a.kernel for a in axes)), fill)
    for window in np.ndindex(*counts):
        chosen = [each[y] for each, y in zip(places, window, strict=True)]
        for tap, place in enumerate(product(*chosen)):
            if all(0 <= i < extent for i, extent in zip(place, extents, strict=True)):
                result[(..., *window, tap)] = x[(..., *place)]
    return result


@st.composite
def axes(draw: st.DrawFn, extent: int, half_padding: bool = False, ceil: bool = False) -> Axis:
    """Windows of which at least one fits."""
    kernel = draw(st.integers(1, 4))
    dilation = draw(st.integers(1, 3)) if not half_padding else 1
    span = dilation * (kernel - 1) + 1
    least = max(0, -(-(span - extent) // 2))
    most = kernel // 2 if half_padding else 3
    assume(least <= most)
    padding = draw(st.integers(least, max(least, most)))
    return Axis(kernel, draw(st.integers(1, 4)), padding, dilation, ceil)


def each(axes: Sequence[Axis], *names: str) -> dict[str, tuple[int, ...]]:
    """Return arguments of a function: one number an axis."""
    return {name: tuple(getattr(axis, name) for axis in axes) for name in names}
