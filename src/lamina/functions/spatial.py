"""Windows that slide along spatial axes: how many there are, where they stand, what can be wrong.

Along an axis of M elements, windows of K elements with stride S, dilation D and P elements of
padding at each end number ``(M - ((K - 1) D + 1) + 2P) / S + 1``, rounded down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import index as as_index

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Array, Shape
from lamina.functions.checks import require_tensors
from lamina.ops.loops import Expression, Loop
from lamina.tensors import Tensor

Sizes = int | Sequence[int]
AXES = {1: "L", 2: "H, W", 3: "D, H, W"}


@dataclass(frozen=True, slots=True)
class Window:
    """Windows along one axis; ``ceil`` keeps a last window that sticks out at the end."""

    extent: int
    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1
    ceil: bool = False

    @property
    def span(self) -> int:
        """The size of the dilated kernel, ``(K - 1) D + 1``."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def count(self) -> int:
        """The number of windows; with ``ceil``, those that start in the padding are left out."""
        room = self.extent + self.before + self.after - self.span
        if not self.ceil:
            return room // self.stride + 1
        last = -(-room // self.stride)
        return last if last * self.stride >= self.extent + self.before else last + 1

    def place(self, y: Loop, k: Loop) -> Expression:
        """Return the index of element k of window y: ``S y + D k - P``."""
        return self.stride * y + self.dilation * k - self.before

    def origin(self, i: Loop, k: Loop) -> Expression:
        """Return the index of the window whose element k stands at i: ``(i - D k + P) / S``."""
        return (i - self.dilation * k + self.before) / self.stride

    def positions(self) -> Array:
        """Return the places of every window's elements, count × K."""
        starts = self.stride * np.arange(self.count) - self.before
        return np.asarray(np.add.outer(starts, self.dilation * np.arange(self.kernel)))


Windows = tuple[Window, ...]


def sizes(op: str, argument: str, value: Sizes, rank: int, least: int = 0) -> Shape:
    """Return ``value`` as one integer an axis; a single number serves all axes."""
    try:
        given = tuple(as_index(v) for v in value) if isinstance(value, Sequence) else None
        numbers = (as_index(value),) if given is None else given  # type: ignore[arg-type]
    except TypeError:
        numbers = ()
    numbers = numbers * rank if len(numbers) == 1 else numbers
    if len(numbers) != rank or min(numbers) < least:
        several = "" if rank == 1 else f" or {rank} integers"
        raise ArgumentError(
            f"{op}: {argument} must be an integer{several}, {least} or more, got {value!r}"
        )
    return numbers


def check_image(op: str, input: Tensor, rank: int) -> None:
    """Raise unless ``input`` has ``rank`` spatial axes after (N, C) or (C)."""
    require_tensors(op, input=input)
    if input.ndim not in (rank + 1, rank + 2):
        raise ShapeError(
            f"{op}: input must have shape (N, C, {AXES[rank]}) or (C, {AXES[rank]}), "
            f"got shape {input.shape}; reshape or unsqueeze it"
        )


def check_windows(op: str, windows: Windows) -> None:
    """Raise unless at least one window fits along every axis."""
    for axis, window in enumerate(windows):
        if window.count < 1:
            padded = window.extent + window.before + window.after
            raise ShapeError(
                f"{op}: a kernel of {window.kernel} (dilation {window.dilation}: span "
                f"{window.span}) does not fit spatial axis {axis} of {window.extent} elements "
                f"(padded: {padded}); use a smaller kernel or more padding"
            )


def make_windows(
    op: str,
    extents: Shape,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes = 1,
    ceil: bool = False,
) -> Windows:
    """Return checked windows with as much padding after as before."""
    rank = len(extents)
    columns = (
        extents,
        sizes(op, "kernel_size", kernel, rank, least=1),
        sizes(op, "stride", stride, rank, least=1),
        sizes(op, "padding", padding, rank),
        sizes(op, "dilation", dilation, rank, least=1),
    )
    windows = tuple(Window(m, k, s, p, p, d, ceil) for m, k, s, p, d in zip(*columns, strict=True))
    check_windows(op, windows)
    return windows


def loops(names: str, extents: Sequence[int]) -> tuple[Loop, ...]:
    """Return one loop an extent, named by the letters of ``names``."""
    return tuple(Loop(name, extent) for name, extent in zip(names, extents, strict=False))


def window_loops(windows: Windows) -> tuple[tuple[Loop, ...], tuple[Loop, ...]]:
    """Return loops over the windows and over the elements of a window."""
    rank = len(windows)
    outer = loops("zyx"[3 - rank :], [w.count for w in windows])
    return outer, loops("kij"[3 - rank :], [w.kernel for w in windows])


def check_kernel(op: str, weight: Tensor, rank: int) -> None:
    """Raise unless ``weight`` has two channel axes, ``rank`` spatial axes and any element."""
    if weight.ndim != rank + 2 or 0 in weight.shape[2:]:
        raise ShapeError(
            f"{op}: weight must have two channel axes and {rank} spatial axes of one element "
            f"or more, got shape {weight.shape}"
        )


def check_bias(op: str, bias: Tensor | None, channels: int) -> None:
    """Raise unless ``bias`` is None or has one element an output channel."""
    if bias is not None and bias.shape != (channels,):
        raise ShapeError(
            f"{op}: bias must have shape ({channels},), one element an output channel, "
            f"got shape {bias.shape}"
        )


def add_bias(out: Tensor, bias: Tensor | None, rank: int) -> Tensor:
    """Add one number a channel."""
    return out if bias is None else out + bias.reshape((*bias.shape, *(1,) * rank))


def block(group: Loop, channel: Loop, groups: int) -> Expression:
    """Return the index of a channel of a group among all channels."""
    return channel if groups == 1 else group * channel.extent + channel
