"""The loop language: how a program is computed, in loops over elements of buffers.

The tensor graph says *what*; this says *how*. Everything is frozen and printable
(`lamina.compiler.listing`), and `lamina.compiler.interpreter` runs it slowly, as the oracle
for the native code.

An expression has a dtype. Index arithmetic is in int64. The machine operations of `Op` are
those that a processor has:

- numbers: add, sum (an addition whose order among others is free), subtract, multiply, divide,
  negative, fma (a·b + c rounded once), sqrt, abs, floor, ceil, round (to even), copysign;
  integers divide towards zero (divide, rem);
- comparisons (less, less_equal, equal, not_equal), bool result, false for NaN (not_equal: true);
- bits (integers and bools): and, or, xor, not, shift_left, shift_right (zeros come in);
- select (condition, a, b), convert (to ``dtype``, floats towards zero), bitcast (same width).
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina.core.types import DType, Shape, bool_, int64

COMPARISONS = frozenset({"less", "less_equal", "equal", "not_equal"})
OPERATIONS = COMPARISONS | {
    "add",
    "sum",
    "subtract",
    "multiply",
    "divide",
    "rem",
    "negative",
    "fma",
    "sqrt",
    "abs",
    "floor",
    "ceil",
    "round",
    "copysign",
    "and",
    "or",
    "xor",
    "not",
    "shift_left",
    "shift_right",
    "select",
    "convert",
    "bitcast",
}

# Expressions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float | int | bool
    dtype: DType


@dataclass(frozen=True, slots=True)
class Affine:
    """``constant + Σ coefficient · loop``, an int64."""

    constant: int
    terms: tuple[tuple[str, int], ...] = ()

    @property
    def dtype(self) -> DType:
        """Always int64."""
        return int64


@dataclass(frozen=True, slots=True)
class Local:
    """A scalar variable of the kernel."""

    name: str
    dtype: DType


@dataclass(frozen=True, slots=True)
class Load:
    """An element of a buffer; with ``active``, zero in all lanes but that many."""

    buffer: Buffer
    indices: tuple[Expression, ...]
    active: int = 0

    @property
    def dtype(self) -> DType:
        """The buffer's."""
        return self.buffer.dtype


@dataclass(frozen=True, slots=True)
class Op:
    """A machine operation on expressions of one dtype (select: after its condition)."""

    name: str
    arguments: tuple[Expression, ...]
    dtype: DType


Expression = Number | Affine | Local | Load | Op

# Statements ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Buffer:
    """An array in memory: elements of one dtype, axes with strides counted in elements.

    With a ``halo``, so many zeros lie before and after the elements along every axis. The first
    element is ``offset`` from the start of memory.
    """

    name: str
    shape: Shape
    dtype: DType
    strides: Shape
    halo: Shape = ()
    offset: int = 0

    @property
    def span(self) -> int:
        """How many elements of memory the buffer reaches over."""
        if 0 in self.shape:
            return 0
        halo = self.halo or (0,) * len(self.shape)
        ends = zip(self.shape, halo, self.strides, strict=True)
        return 1 + self.offset + sum((n - 1 + h) * s for n, h, s in ends)

    @property
    def bytes(self) -> int:
        """How many bytes of memory the buffer reaches over."""
        return self.span * self.dtype.itemsize

    def around(self, axis: int) -> int:
        """Return how many zeros lie before, and after, the elements along an axis."""
        return self.halo[axis] if self.halo else 0


@dataclass(frozen=True, slots=True)
class Limit:
    """``affine / divisor``, rounded up at the start of a loop and down at its end."""

    affine: Affine
    divisor: int = 1


@dataclass(frozen=True, slots=True)
class For:
    """``body`` for loop = max(starts), + step, … up to min(stops) - 1.

    An iteration stands for ``step`` places from ``loop`` on; one that would reach beyond the
    end is moved back, over places of the one before.

    With ``lanes``, the iterations (that many at most, counted from 0, of the loop "lane") are
    independent of one another but for what they `Accumulate`, and run at once in the lanes of
    vectors.
    """

    loop: str
    starts: tuple[Limit, ...]
    stops: tuple[Limit, ...]
    body: tuple[Statement, ...]
    lanes: int = 0
    step: int = 1


@dataclass(frozen=True, slots=True)
class Store:
    """``buffer[indices] = value``."""

    buffer: Buffer
    indices: tuple[Expression, ...]
    value: Expression


@dataclass(frozen=True, slots=True)
class Accumulate:
    """``buffer[indices] += value``, in any order."""

    buffer: Buffer
    indices: tuple[Expression, ...]
    value: Expression


@dataclass(frozen=True, slots=True)
class Assign:
    """``local = value``; the first assignment in a kernel makes the variable."""

    local: Local
    value: Expression


@dataclass(frozen=True, slots=True)
class If:
    """``body`` where the condition holds."""

    condition: Expression
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Prefetch:
    """A hint that an element, if there is one, will soon be read; nothing is computed."""

    buffer: Buffer
    indices: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """``target[…] = source[…]`` for a square of places from ``indices`` on along two axes.

    Neighbours in memory lie along the first of the axes in the target, along the second in the
    source. The square has ``size`` places along each.
    """

    target: Buffer
    source: Buffer
    indices: tuple[Affine, ...]
    axes: tuple[int, int]
    size: int

    def moved(self, *steps: Affine | int) -> tuple[Affine, ...]:
        """Return the indices so many places on along the axes."""
        found = list(self.indices)
        for axis, step in zip(self.axes, steps, strict=True):
            found[axis] = plus(found[axis], Affine(step) if isinstance(step, int) else step)
        return tuple(found)

    def element(self) -> Store:
        """Return the copy of one element, at the place of the loops "turn0" and "turn1"."""
        at = self.moved(*(Affine(0, ((f"turn{n}", 1),)) for n in (0, 1)))
        return Store(self.target, at, Load(self.source, at))


Statement = For | Store | Accumulate | Assign | If | Prefetch | Turn


@dataclass(frozen=True, slots=True)
class Kernel:
    """A loop nest over buffers: the written ones first, then those it reads.

    Buffers are distinct memory. The body does one of ``chunks`` equal parts of the work, the
    one that the loop "chunk" stands for; parts are independent, in any order or at once. Any
    other buffer in the body is a little memory of the kernel's own.
    """

    name: str
    buffers: tuple[Buffer, ...]
    body: tuple[Statement, ...]
    chunks: int = 1
    written: int = 1


CHUNK, LANE = "chunk", "lane"
"""The names of loops with a meaning of their own."""


def operations(body: tuple[Statement, ...]) -> int:
    """Return how many machine operations assignments and stores contain."""
    values = [s.value for s in body if isinstance(s, Assign | Store | Accumulate)]
    return sum(_count(value) for value in values)


def _count(expression: Expression) -> int:
    if not isinstance(expression, Op):
        return 0
    return 1 + sum(_count(argument) for argument in expression.arguments)


# Building ------------------------------------------------------------------------------------


def op(name: str, *arguments: Expression, dtype: DType | None = None) -> Op:
    """Return an operation whose dtype follows from its arguments unless it is given."""
    if dtype is None:
        dtype = bool_ if name in COMPARISONS else arguments[-1].dtype
    return Op(name, arguments, dtype)


def plus(a: Affine, b: Affine) -> Affine:
    """Return the sum of indices over different loops."""
    return Affine(a.constant + b.constant, (*a.terms, *b.terms))


def affine(constant: int = 0, **terms: int) -> Affine:
    """Return ``constant + Σ coefficient · loop`` from keyword arguments."""
    return Affine(constant, tuple((n, c) for n, c in terms.items() if c))


def contiguous(name: str, shape: Shape, dtype: DType) -> Buffer:
    """Return a buffer whose last axis runs fastest."""
    strides: list[int] = []
    step = 1
    for length in reversed(shape):
        strides.append(step)
        step *= length
    return Buffer(name, shape, dtype, tuple(reversed(strides)))
