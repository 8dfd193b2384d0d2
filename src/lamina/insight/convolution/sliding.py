"""Convolution step by step: flip the kernel, slide it over the signal, multiply and sum.

    y[t] = Σ_k w[k] x[S t + D (K - 1 - k) - P]        convolution: the kernel is flipped
    y[t] = Σ_k w[k] x[S t + D k - P]                  cross-correlation: it is not

Source: Qiu, *Neural Networks and Deep Learning*, §5.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import index as as_index
from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Array, Shape
from lamina.functions.convolution import NAMED
from lamina.functions.spatial import Sizes, Window, Windows, check_windows, sizes


@dataclass(frozen=True, eq=False)
class Step:
    """How one output comes about.

    Attributes:
        place: which output.
        window: the elements of the signal under the kernel, zeros where it is padded.
        inside: which of them are elements of the signal.
        products: window times the kernel as applied (flipped, if it is a convolution).
        sum: their sum, the output.
    """

    place: Shape
    window: Array
    inside: Array
    products: Array
    sum: float

    def show(self, applied: Array) -> str:
        """Return the step as an equation."""
        pairs = zip(self.window.ravel(), applied.ravel(), strict=True)
        terms = " + ".join(f"{_number(x)}·{_factor(w)}" for x, w in pairs)
        return f"y[{', '.join(map(str, self.place))}] = {terms} = {_number(self.sum)}"


@dataclass(frozen=True, eq=False)
class Sliding:
    """A kernel sliding over a signal or an image; iterate for its steps, ``print`` shows them.

    Attributes:
        signal: x, with one or two axes.
        kernel: w as given.
        applied: w as it is laid on the signal: flipped along every axis for a convolution.
        flip: whether this is a convolution (True) or a cross-correlation.
        windows: extent, kernel, stride, padding and dilation along each axis.
    """

    signal: Array
    kernel: Array
    applied: Array
    flip: bool
    windows: Windows

    @property
    def output_shape(self) -> Shape:
        """The number of windows along each axis."""
        return tuple(window.count for window in self.windows)

    @property
    def output(self) -> Array:
        """y, each element the sum of its step."""
        return np.array([step.sum for step in self]).reshape(self.output_shape)

    def step(self, place: int | Sequence[int]) -> Step:
        """Return how the output at ``place`` comes about."""
        at = tuple(place) if isinstance(place, Sequence) else (as_index(place),)
        inside = all(0 <= p < n for p, n in zip(at, self.output_shape, strict=False))
        if len(at) != len(self.windows) or not inside:
            raise ArgumentError(f"slide: outputs are places in {self.output_shape}, got {place!r}")
        lines = [w.positions()[p] for w, p in zip(self.windows, at, strict=True)]
        ends = [(line, w.extent) for line, w in zip(lines, self.windows, strict=True)]
        seen = _outer([(line >= 0) & (line < extent) for line, extent in ends])
        near = np.ix_(*[np.clip(line, 0, extent - 1) for line, extent in ends])
        window = np.where(seen, self.signal[near], 0)
        products = window * self.applied + 0.0  # no -0
        return Step(at, window, seen, products, float(products.sum()))

    def __iter__(self) -> Iterator[Step]:
        return (self.step(place) for place in np.ndindex(self.output_shape))

    def __len__(self) -> int:
        return int(np.prod(self.output_shape))

    @property
    def title(self) -> str:
        """What this is, in words."""
        kind = "convolution" if self.flip else "cross-correlation"
        sizes = [show_sizes(array.shape) for array in (self.signal, self.kernel)]
        return f"{kind} of {sizes[0]} with {sizes[1]}{_options(self.windows)}"

    def __str__(self) -> str:
        turned = f"kernel {_array(self.kernel)}"
        if self.flip:
            turned += f", flipped {_array(self.applied)}"
        lines = [step.show(self.applied) for step in self]
        return "\n".join([f"{self.title} gives {show_sizes(self.output_shape)}", turned, *lines])


def slide(
    signal: Any,
    kernel: Any,
    *,
    padding: Sizes | str = "narrow",
    stride: Sizes = 1,
    dilation: Sizes = 1,
    flip: bool = True,
) -> Sliding:
    """Slide a kernel over a signal (L) or an image (H, W), and keep every step.

    ``padding`` is a number, one an axis, or "narrow" (none), "same" (as many outputs as inputs at
    stride 1; an odd element goes to the end) or "wide" ((K - 1) D). With ``flip=False`` it is
    cross-correlation.

    Errors: `ShapeError` unless both have the same one or two axes and a window fits;
    `ArgumentError` for an impossible stride, padding or dilation.

    >>> print(slide([1, 2, 4], [1, -1], padding="wide"))
    convolution of 3 with 2, padding 1 gives 4
    kernel [1, -1], flipped [-1, 1]
    y[0] = 0·(-1) + 1·1 = 1
    y[1] = 1·(-1) + 2·1 = 1
    y[2] = 2·(-1) + 4·1 = 2
    y[3] = 4·(-1) + 0·1 = -4
    """
    x, w = np.asarray(signal, float), np.asarray(kernel, float)
    if x.ndim != w.ndim or x.ndim not in (1, 2):
        raise ShapeError(
            f"slide: expected a signal and a kernel of one axis, or both of two, got shapes "
            f"{x.shape} and {w.shape}"
        )
    windows = make_sliding_windows(x.shape, w.shape, padding, stride, dilation)
    return Sliding(x, w, np.flip(w) if flip else w, flip, windows)


def make_sliding_windows(
    extents: Shape, kernel: Shape, padding: Sizes | str, stride: Sizes, dilation: Sizes
) -> Windows:
    """Return the checked windows along each axis; ``padding`` may be a name."""
    rank = len(extents)
    strides = sizes("slide", "stride", stride, rank, least=1)
    dilations = sizes("slide", "dilation", dilation, rank, least=1)
    spans = [(k - 1) * d for k, d in zip(kernel, dilations, strict=True)]
    pads = _pads(padding, spans)
    columns = zip(extents, kernel, strides, pads, dilations, strict=True)
    windows = tuple(Window(m, k, s, *p, d) for m, k, s, p, d in columns)
    check_windows("slide", windows)
    return windows


def _pads(padding: Sizes | str, spans: Sequence[int]) -> list[tuple[int, int]]:
    if not isinstance(padding, str):
        return [(p, p) for p in sizes("slide", "padding", padding, len(spans))]
    if padding not in NAMED:
        raise ArgumentError(
            f"slide: padding must be numbers or one of {', '.join(NAMED)}, got {padding!r}"
        )
    if NAMED[padding] == "same":
        return [(span // 2, span - span // 2) for span in spans]
    return [(0, 0) if NAMED[padding] == "narrow" else (span, span) for span in spans]


def _outer(marks: Sequence[Array]) -> Array:
    """Return where all of several conditions, one an axis, hold."""
    both = marks[0]
    for mark in marks[1:]:
        both = np.logical_and.outer(both, mark)
    return both


def show_sizes(shape: Shape) -> str:
    """Return sizes as ``5×5``."""
    return "×".join(map(str, shape))


def _options(windows: Windows) -> str:
    pads = [w.before if w.before == w.after else (w.before, w.after) for w in windows]
    options: list[tuple[str, list[Any], Any]] = [
        ("padding", pads, 0),
        ("stride", [w.stride for w in windows], 1),
        ("dilation", [w.dilation for w in windows], 1),
    ]
    return "".join(f", {n} {_same(v)}" for n, v, usual in options if any(e != usual for e in v))


def _same(values: list[Any]) -> str:
    return str(values[0] if all(v == values[0] for v in values) else tuple(values))


def _number(value: float) -> str:
    return f"{value:.4g}"


def _factor(value: float) -> str:
    return f"({_number(value)})" if value < 0 else _number(value)


def _array(values: Array) -> str:
    if values.ndim == 0:
        return _number(float(values))
    return f"[{', '.join(map(_array, values))}]"
