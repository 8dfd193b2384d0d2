"""Cross-correlation of maps and its derivatives in NumPy, for any number of spatial axes.

Written from the definitions and apart from `lamina.ops`, so that one can check the other.
Maps are (N, C, *), kernels (O, C, *).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lamina.core.types import Array

Sizes = Sequence[int]


@dataclass(frozen=True)
class Geometry:
    """Stride, zeros before and after, dilation of each spatial axis, and groups of channels."""

    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int = 1


def correlate(maps: Array, kernels: Array, step: Sizes, spread: Sizes) -> Array:
    """Return out[n, o, y] = Σ_c,k maps[n, c, S y + D k] · kernels[o, c, k]."""
    rank = kernels.ndim - 2
    spans = [(k - 1) * d + 1 for k, d in zip(kernels.shape[2:], spread, strict=True)]
    spatial = tuple(range(2, 2 + rank))
    windows = np.lib.stride_tricks.sliding_window_view(maps, spans, axis=spatial)
    places = tuple(slice(None, None, s) for s in step)
    elements = tuple(slice(None, None, d) for d in spread)
    windows = windows[(slice(None), slice(None), *places, *elements)]
    summed = (1, *range(2 + rank, 2 + 2 * rank))
    rows = [np.tensordot(w[None], kernels, (summed, (1, *spatial))) for w in windows]
    return np.moveaxis(np.concatenate(rows), -1, 1)


def rot180(kernels: Array) -> Array:
    """Return kernels turned by 180 degrees: every spatial axis reversed."""
    return np.flip(kernels, tuple(range(2, kernels.ndim)))


def padded(maps: Array, padding: Sequence[tuple[int, int]]) -> Array:
    """Return maps with zeros around them."""
    return np.pad(maps, [(0, 0), (0, 0), *padding])


def spread_out(maps: Array, stride: Sizes) -> Array:
    """Return maps with stride - 1 zeros between neighbours."""
    lengths = [(m - 1) * s + 1 for m, s in zip(maps.shape[2:], stride, strict=True)]
    out = np.zeros((*maps.shape[:2], *lengths))
    out[(slice(None), slice(None), *(slice(None, None, s) for s in stride))] = maps
    return out


def forward(maps: Array, kernels: Array, geometry: Geometry) -> Array:
    """Return the convolution layer's sum of W ⊗ X."""
    blocks = zip(_split(padded(maps, geometry.padding), 1, geometry),
                 _split(kernels, 0, geometry), strict=True)  # fmt: skip
    made = [correlate(x, w, geometry.stride, geometry.dilation) for x, w in blocks]
    return np.concatenate(made, 1)


def by_input(delta: Array, kernels: Array, geometry: Geometry, lengths: Sizes) -> Array:
    """Return Σ_p rot180(W) ⊗̃ δ: the wide convolution that gives the error of the input."""
    blocks = zip(_split(delta, 1, geometry), _split(kernels, 0, geometry), strict=True)
    return np.concatenate([_wide(d, w, geometry, lengths) for d, w in blocks], 1)


def _wide(delta: Array, kernels: Array, geometry: Geometry, lengths: Sizes) -> Array:
    holes = spread_out(delta, geometry.stride)
    spans = [(k - 1) * d for k, d in zip(kernels.shape[2:], geometry.dilation, strict=True)]
    whole = [
        n + before + after for n, (before, after) in zip(lengths, geometry.padding, strict=True)
    ]
    short = [w - (h + s) for w, h, s in zip(whole, holes.shape[2:], spans, strict=True)]
    around = [(s, s + rest) for s, rest in zip(spans, short, strict=True)]
    turned = np.swapaxes(rot180(kernels), 0, 1)
    ones = (1,) * len(spans)
    full = correlate(padded(holes, around), turned, ones, geometry.dilation)
    inner = [slice(p, p + n) for (p, _), n in zip(geometry.padding, lengths, strict=True)]
    return full[(slice(None), slice(None), *inner)]


def by_kernel(delta: Array, maps: Array, geometry: Geometry, sizes: Sizes) -> Array:
    """Return δ ⊗ X: the derivative by the kernels."""
    blocks = zip(_split(padded(maps, geometry.padding), 1, geometry),
                 _split(delta, 1, geometry), strict=True)  # fmt: skip
    return np.concatenate([_slid(d, x, geometry, sizes) for x, d in blocks], 0)


def _slid(delta: Array, maps: Array, geometry: Geometry, sizes: Sizes) -> Array:
    x, d = np.swapaxes(maps, 0, 1), np.swapaxes(delta, 0, 1)
    slid = correlate(x, d, geometry.dilation, geometry.stride)
    cut = slid[(slice(None), slice(None), *(slice(k) for k in sizes))]
    return np.swapaxes(cut, 0, 1)


def _split(values: Array, axis: int, geometry: Geometry) -> list[Array]:
    return np.split(values, geometry.groups, axis)
