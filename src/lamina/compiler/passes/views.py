"""Views: operations that only say where elements stand, and putting them into contractions.

A view is X[m] = Y[β(m)] with an affine β, zero where β(m) is outside Y. A contraction that
reads X at α(l) may read Y at β(α(l)) instead if that is zero wherever α(l) is outside X. For
each axis j of X this holds when one of the following does:

1. α_j(l) is inside X for every l: there is nothing outside.
2. Some axis a of Y is read at β_a(m) = k·m_j + c, and every m_j with 0 ≤ k·m_j + c < Y_a lies
   in [0, X_j). Then β_a(α_j) being inside Y implies that α_j is inside X; so where α_j is
   outside X, the new read is outside Y, which counts as zero too. Where α_j involves a
   division, k must be ±1: then k·α_j + c is exact just where α_j is.

Inside X both read the same element of Y, or the zero that X has there. The products and
sums are the same, so the results are equal to rounding (NumPy may sum in another order).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from math import lcm, prod

from lamina.core.node import Node
from lamina.core.types import Shape
from lamina.ops.affine import AffineIndex, unit
from lamina.ops.contraction import Contraction, Read
from lamina.ops.structure import Reshape

Indices = Sequence[AffineIndex]


def as_view(node: Node) -> Contraction | None:
    """Return how the node's elements are those of its one operand, if they are.

    Contractions without sums, guards and divisions are views; so are reshapes that only
    insert or drop axes of length 1.
    """
    operation = node.operation
    if node.value is None and isinstance(operation, Reshape):
        return unit_reshape(node.operands[0].shape, operation.shape)
    if node.value is not None or not isinstance(operation, Contraction):
        return None
    plain = operation.is_view and not operation.guards
    return operation if plain and _undivided(operation.reads[0]) else None


def _undivided(read: Read) -> bool:
    return all(index.divisor == 1 for index in read.indices)


@lru_cache(maxsize=1024)
def unit_reshape(source: Shape, target: Shape) -> Contraction | None:
    """Return the view that inserts and drops axes of length 1; None if the others differ."""
    if [n for n in source if n != 1] != [n for n in target if n != 1]:
        return None
    rank = len(target)
    loops = iter(n for n, extent in enumerate(target) if extent != 1)
    indices = [unit(next(loops), rank) if n != 1 else zero(rank) for n in source]
    return Contraction(target, rank, (Read(source, tuple(indices)),))


def zero(loops: int) -> AffineIndex:
    """Return the index that is always 0."""
    return AffineIndex(0, (0,) * loops)


# Substitution --------------------------------------------------------------------------------


def substituted(index: AffineIndex, by: Indices, loops: int) -> AffineIndex:
    """Replace every loop of ``index`` by an index over ``loops`` other loops."""
    used = [(c, b) for c, b in zip(index.coefficients, by, strict=True) if c]
    common = lcm(*(b.divisor for _, b in used))
    factors = [(c * (common // b.divisor), b) for c, b in used]
    constant = index.constant * common + sum(f * b.constant for f, b in factors)
    coefficients = tuple(sum(f * b.coefficients[n] for f, b in factors) for n in range(loops))
    return AffineIndex(constant, coefficients, index.divisor * common).reduced()


@lru_cache(maxsize=4096)
def read_through(read: Read, view: Contraction, extents: Shape) -> Read | None:
    """Return the read of the view's operand that stands for ``read`` of the view, if one does."""
    inner = view.reads[0]
    if not all(_stands(axis, read, inner, extents) for axis in range(len(read.shape))):
        return None
    return inner.changed(lambda index: substituted(index, read.indices, len(extents)))


def _stands(axis: int, read: Read, inner: Read, extents: Shape) -> bool:
    """Return whether rule 1 or rule 2 above holds for an axis of the view."""
    index, length = read.indices[axis], read.shape[axis]
    return index.stays_inside(extents, length) or any(
        _implies(outer, size, axis, length, index.divisor != 1)
        for outer, size in zip(inner.indices, inner.shape, strict=True)
    )


def _implies(outer: AffineIndex, size: int, axis: int, length: int, divided: bool) -> bool:
    """Return whether ``0 ≤ outer < size`` implies ``0 ≤ m_axis < length``."""
    others = [c for n, c in enumerate(outer.coefficients) if c and n != axis]
    k, c = outer.coefficients[axis], outer.constant
    if others or not k or (divided and abs(k) != 1):
        return False
    if k < 0:
        k, c = -k, size - 1 - c
    return -(c // k) >= 0 and (size - 1 - c) // k < length


def seen_through(view: Contraction, inner: Contraction) -> Contraction | None:
    """Return one contraction for a view of a contraction's result, if it does no more work.

    Every element that the view shows must be one of the result's (never a zero from outside).
    """
    indices = view.reads[0].indices
    sizes = zip(indices, inner.out_shape, strict=True)
    if not all(i.stays_inside(view.extents, n) for i, n in sizes):
        return None
    extents = view.extents + inner.extents[inner.out_rank :]
    if prod(extents) > prod(inner.extents):
        return None
    by = _lifted(indices, view.out_rank, len(extents))
    return inner.changed(
        lambda index: substituted(index, by, len(extents)),
        extents=extents,
        out_rank=view.out_rank,
        loop_names=_names(view, inner),
    )


def _names(view: Contraction, inner: Contraction) -> tuple[str, ...]:
    """Name an output loop after the one it runs along in the inner contraction, if it does."""
    names = inner.names()
    indices = view.reads[0].indices
    found = [
        next((names[a] for a, index in enumerate(indices) if index.coefficients[n]), own)
        for n, own in enumerate(view.loop_names or ("",) * view.out_rank)
    ]
    return (*found, *names[inner.out_rank :])


def _lifted(indices: Indices, outputs: int, loops: int) -> list[AffineIndex]:
    """Return what the inner loops become: the view's indices, then the sums' own loops."""
    more = (0,) * (loops - outputs)
    placed = [replace(i, coefficients=i.coefficients + more) for i in indices]
    return placed + [unit(n, loops) for n in range(outputs, loops)]


# Loops of length 1 ---------------------------------------------------------------------------


def normal(contraction: Contraction) -> Contraction:
    """Return the contraction without sums over one term and without indices that stay at 0."""
    units = [n for n, extent in enumerate(contraction.extents) if extent == 1]
    kept = [n for n in range(len(contraction.extents)) if n not in units]
    outputs = [n for n in units if n < contraction.out_rank]
    if len(outputs) == len(units) and not any(_follows(contraction, n) for n in units):
        return contraction
    return _restricted(contraction, kept, sorted(kept + outputs))


def squeezed(contraction: Contraction) -> Contraction:
    """Return the contraction without any loop of length 1."""
    kept = [n for n, extent in enumerate(contraction.extents) if extent != 1]
    return _restricted(contraction, kept, kept)


def _restricted(contraction: Contraction, used: list[int], kept: list[int]) -> Contraction:
    """Keep some loops, and follow only the ``used`` ones in indices (the others are at 0)."""
    names = contraction.names()

    def change(index: AffineIndex) -> AffineIndex:
        followed = tuple(c if n in used else 0 for n, c in enumerate(index.coefficients))
        return replace(index, coefficients=followed).take(kept).reduced()

    return contraction.changed(
        change,
        extents=tuple(contraction.extents[n] for n in kept),
        out_rank=sum(n < contraction.out_rank for n in kept),
        loop_names=tuple(names[n] for n in kept),
    )


def _follows(contraction: Contraction, loop: int) -> bool:
    indices = [i for r in contraction.reads for i in r.indices]
    indices += [g.index for g in contraction.guards]
    return any(index.coefficients[loop] for index in indices)


def is_whole(contraction: Contraction) -> bool:
    """Return whether a (normal) view shows every element of its operand, in row-major order.

    That is so where the axes longer than 1 are read by loops of their own, whole and in order.
    """
    read = contraction.reads[0]
    if len(contraction.reads) > 1 or not contraction.is_view or contraction.guards:
        return False
    expected = unit_reshape(read.shape, contraction.out_shape)
    return expected is not None and expected.reads == (read,)
