"""Products of tensors: matmul, einsum, inner and outer products. Each is one contraction."""

from __future__ import annotations

from functools import lru_cache

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Shape
from lamina.ops.contraction import Contraction
from lamina.ops.loops import Expression, Loop, contraction
from lamina.tensors.application import apply, broadcast_shape, promoted
from lamina.tensors.handle import Tensor, TensorLike


def matmul(input: TensorLike, other: TensorLike) -> Tensor:
    """Return the matrix product ``z[…, i, j] = Σ_k x[…, i, k] y[…, k, j]``.

    Leading axes broadcast; a vector takes part as a row (left) or column (right), as in NumPy.

    Errors: `ShapeError` if the inner lengths differ or an operand has no axes.

    >>> import lamina
    >>> lamina.tensor([[1.0, 2.0], [3.0, 4.0]]) @ lamina.tensor([1.0, 1.0])
    tensor([3., 7.])
    """
    x, y = promoted(input, other)
    if not x.shape or not y.shape or x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        raise ShapeError(
            f"matmul: shapes {x.shape} and {y.shape} do not fit: (…, i, k) @ (…, k, j)"
        )
    return apply(_matmul(x.shape, y.shape), x, y)


@lru_cache(maxsize=1024)
def _matmul(x: Shape, y: Shape) -> Contraction:
    lead = broadcast_shape("matmul", [x[:-2], y[:-2]])
    batch = [Loop("bcdefg"[a % 6], n) for a, n in enumerate(lead)]
    i, k = Loop("i", x[-2] if len(x) > 1 else 1), Loop("k", x[-1])
    j = Loop("j", y[-1] if len(y) > 1 else 1)
    rows = [*_aligned(x[:-2], batch), i, k] if len(x) > 1 else [k]
    columns = [*_aligned(y[:-2], batch), k, j] if len(y) > 1 else [k]
    outputs = [*batch, *([i] if len(x) > 1 else []), *([j] if len(y) > 1 else [])]
    return contraction(outputs, (x, rows), (y, columns))


def _aligned(lead: Shape, batch: list[Loop]) -> list[Expression | int]:
    loops = batch[len(batch) - len(lead) :]
    return [0 if n == 1 else loop for n, loop in zip(lead, loops, strict=True)]


def dot(input: TensorLike, other: TensorLike) -> Tensor:
    """Return the inner product Σ x·y of two vectors."""
    x, y = promoted(input, other)
    if x.ndim != 1 or x.shape != y.shape:
        raise ShapeError(f"dot: expected two vectors of one length, got {x.shape} and {y.shape}")
    return matmul(x, y)


def outer(input: TensorLike, other: TensorLike) -> Tensor:
    """Return the outer product ``z[i, j] = x[i] y[j]`` of two vectors."""
    x, y = promoted(input, other)
    if x.ndim != 1 or y.ndim != 1:
        raise ShapeError(f"outer: expected two vectors, got {x.shape} and {y.shape}")
    return einsum("i,j->ij", x, y)


def einsum(equation: str, *operands: TensorLike) -> Tensor:
    """Return the sum of products that ``equation`` describes, e.g. ``"ik,kj->ij"``.

    Any number of operands; repeated letters take the diagonal; ``...`` stands for leading axes
    that broadcast; without ``->`` the result has the letters that occur once, in order.

    Errors: `ArgumentError` for a malformed equation, `ShapeError` for lengths that disagree.

    >>> import lamina
    >>> lamina.einsum("ij->j", lamina.ones(2, 3))
    tensor([2., 2., 2.])
    """
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    if not operands:
        raise ArgumentError("einsum: expected at least one operand")
    tensors = promoted(*operands)
    return apply(_einsum(equation.replace(" ", ""), tuple(t.shape for t in tensors)), *tensors)


@lru_cache(maxsize=1024)
def _einsum(equation: str, shapes: tuple[Shape, ...]) -> Contraction:
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ArgumentError(f"einsum: {equation!r} has {len(terms)} operands, got {len(shapes)}")
    rank = max((_dots(t, s) for t, s in zip(terms, shapes, strict=True)), default=0)
    names = [_letters(t, _dots(t, s), rank) for t, s in zip(terms, shapes, strict=True)]
    extents = _extents(equation, names, shapes)
    loops = {name: Loop(name, extent) for name, extent in extents.items()}
    outputs = _letters(right, rank, rank) if arrow else _implicit(names)
    unknown = [name for name in outputs if name not in loops]
    if unknown or len(set(outputs)) != len(outputs):
        raise ArgumentError(f"einsum: the result of {equation!r} repeats or invents a letter")
    reads: list[tuple[Shape, list[Expression | int]]] = [
        (s, [loops[n] if size == extents[n] else 0 for n, size in zip(ns, s, strict=True)])
        for ns, s in zip(names, shapes, strict=True)
    ]
    return contraction([loops[name] for name in outputs], *reads)


def _dots(term: str, shape: Shape) -> int:
    """Return how many axes an operand's ellipsis stands for."""
    letters = term.replace("...", "", 1)
    if not all(c.isalpha() for c in letters):
        raise ArgumentError(f"einsum: expected letters and at most one '...', got {term!r}")
    extra = len(shape) - len(letters)
    if extra < 0 or (extra and "..." not in term):
        raise ShapeError(f"einsum: {term!r} does not fit an operand of shape {shape}")
    return extra


def _letters(term: str, count: int, rank: int) -> list[str]:
    """Return the loop names of a term, an ellipsis written out as ``0``, ``1``, …"""
    before, dots, after = term.partition("...")
    middle = [str(n) for n in range(rank - count, rank)] if dots else []
    return [*before, *middle, *after]


def _implicit(names: list[list[str]]) -> list[str]:
    every = [name for term in names for name in term]
    dots = sorted({name for name in every if name.isdigit()})
    return dots + sorted(n for n in set(every) if every.count(n) == 1 and not n.isdigit())


def _extents(equation: str, names: list[list[str]], shapes: tuple[Shape, ...]) -> dict[str, int]:
    extents: dict[str, int] = {}
    for term, shape in zip(names, shapes, strict=True):
        for name, size in zip(term, shape, strict=True):
            known = extents.setdefault(name, size)
            if known == 1:
                extents[name] = size
            elif size not in (1, known):
                raise ShapeError(
                    f"einsum: {equation!r} gives {name!r} the lengths {known} and {size}; "
                    f"shapes {shapes}"
                )
    return extents
