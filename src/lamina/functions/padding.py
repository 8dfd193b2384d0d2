"""Padding: more elements at both ends of the last axes, from a constant or from the image.

constant:  v v | a b c d | v v        reflect:   c b | a b c d | c b
replicate: a a | a b c d | d d        circular:  c d | a b c d | a b
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import index as as_index

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Shape
from lamina.functions.spatial import loops
from lamina.ops.contraction import Contraction
from lamina.ops.loops import Expression, Loop, contraction
from lamina.tensors import Tensor, apply, as_tensor, cat, composite

__all__ = ["pad"]

Ends = tuple[tuple[int, int], ...]


@composite("pad")
def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Lengthen the last axes (negative numbers: shorten them).

    ``pad`` is (before, after) for the last axis, then for the last but one, and so on. ``mode``
    is "constant" (with ``value``, 0 by default), "reflect", "replicate" or "circular" (see
    `lamina.functions.padding` for pictures).

    Errors: `ArgumentError` for an odd number of ends, an unknown mode, or a value without
    the mode "constant"; `ShapeError` if the axis is too short for what is asked of it:
    less than nothing left, or more to be reflected or repeated than there is.

    >>> from lamina import tensor
    >>> row = tensor([1.0, 2.0, 3.0, 4.0])
    >>> pad(row, (1, -1), value=9).tolist()
    [9.0, 1.0, 2.0, 3.0]
    >>> pad(row, (2, 2), "reflect").tolist()
    [3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0]
    """
    ends = _ends(input.shape, pad)
    if mode == "constant":
        return _pad_constant(input, ends, 0 if value is None else value)
    if mode not in BORDERS:
        modes = ", ".join(repr(m) for m in ("constant", *BORDERS))
        raise ArgumentError(f"pad: mode must be one of {modes}, got {mode!r}")
    if value:
        raise ArgumentError(f"pad: value={value} has no meaning in mode {mode!r}; leave it out")
    for axis, (before, after) in enumerate(ends):
        if before or after:
            input = _pad_border(input, axis, before, after, mode)
    return input


def _ends(shape: Shape, pad: Sequence[int]) -> Ends:
    """Return (before, after) for every axis, checked."""
    numbers = [as_index(n) for n in pad]
    if len(numbers) % 2 or len(numbers) > 2 * len(shape):
        raise ArgumentError(
            f"pad: pad must be pairs (before, after), at most one for each of the {len(shape)} "
            f"axes of input {shape}, last axis first; got {tuple(numbers)}"
        )
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    ends = (*((0, 0),) * (len(shape) - len(pairs)), *reversed(pairs))
    for axis, (size, (before, after)) in enumerate(zip(shape, ends, strict=True)):
        if size + before + after < 0 or size + min(before, 0) + min(after, 0) < 0:
            raise ShapeError(
                f"pad: axis {axis} of input {shape} cannot be cut by {(-before, -after)}: "
                "nothing would be left"
            )
    return ends


def _pad_constant(input: Tensor, ends: Ends, value: float) -> Tensor:
    if not any(before or after for before, after in ends):
        return input
    padded = apply(_shifted(input.shape, ends), input)
    if value == 0:
        return padded
    border = np.full(padded.shape, value, input.dtype)
    inside = (
        slice(max(before, 0), size - max(after, 0))
        for size, (before, after) in zip(padded.shape, ends, strict=True)
    )
    border[tuple(inside)] = 0
    return padded + as_tensor(border)


@lru_cache(maxsize=1024)
def _shifted(shape: Shape, ends: Ends) -> Contraction:
    """Return ``out[i] = input[i - before]``, zero outside."""
    extents = [size + before + after for size, (before, after) in zip(shape, ends, strict=True)]
    i = loops("ijklmnpq", extents)
    return contraction(i, (shape, [n - before for n, (before, _) in zip(i, ends, strict=True)]))


# Borders taken from the image ------------------------------------------------------------------

Border = Callable[[Loop, int], Expression | int]
"""From a loop along the border and the axis's length: the index of the element to repeat."""

BORDERS: dict[str, tuple[Border, Border]] = {
    "reflect": (lambda i, size: i.extent - i, lambda i, size: size - 2 - i),
    "replicate": (lambda i, size: 0, lambda i, size: size - 1),
    "circular": (lambda i, size: size - i.extent + i, lambda i, size: i + 0),
}


def _pad_border(input: Tensor, axis: int, before: int, after: int, mode: str) -> Tensor:
    cropped = _crop(input, axis, before, after)
    # What is wrapped around is what is left; a reflection reaches into what is cut off.
    source = cropped if mode == "circular" else input
    _check_border(source.shape, axis, before, after, mode)
    parts = [cropped]
    if before > 0:
        parts.insert(0, apply(_border(source.shape, axis, before, mode, 0), source))
    if after > 0:
        parts.append(apply(_border(source.shape, axis, after, mode, 1), source))
    return cat(parts, axis) if len(parts) > 1 else cropped


def _check_border(shape: Shape, axis: int, before: int, after: int, mode: str) -> None:
    size, wanted = shape[axis], max(before, after)
    longest = {"reflect": size - 1, "replicate": wanted if size else 0, "circular": size}[mode]
    if wanted > longest:
        raise ShapeError(
            f"pad: mode {mode!r} takes at most {longest} elements from axis {axis} of input "
            f"{shape}, got pad {(before, after)}"
        )


@lru_cache(maxsize=1024)
def _border(shape: Shape, axis: int, length: int, mode: str, end: int) -> Contraction:
    """Return the border before (end 0) or after (end 1) the image."""
    extents = shape[:axis] + (length,) + shape[axis + 1 :]
    i = loops("ijklmnpq", extents)
    index = BORDERS[mode][end](i[axis], shape[axis])
    return contraction(i, (shape, (*i[:axis], index, *i[axis + 1 :])))


def _crop(input: Tensor, axis: int, before: int, after: int) -> Tensor:
    """Return the image without what negative padding takes away."""
    if before >= 0 and after >= 0:
        return input
    ends = [(0, 0)] * input.ndim
    ends[axis] = (min(before, 0), min(after, 0))
    return apply(_shifted(input.shape, tuple(ends)), input)
