"""Splitting a contraction with divisions into parts without any.

The adjoint of a strided contraction reads at ``(i - k) / s``, which is exact for some
residues of ``i`` and ``k`` modulo ``s`` only. Writing ``i = s·i' + r`` for each residue r
turns it into several contractions that read densely and write every s-th element.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import gcd

from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction


@dataclass(frozen=True, slots=True)
class Phase:
    """A contraction without divisions, and the (start, step) it writes along each output axis."""

    contraction: Contraction
    writes: tuple[tuple[int, int], ...]


@lru_cache(maxsize=4096)
def phases(contraction: Contraction) -> tuple[Phase, ...]:
    """Return parts without divisions whose sum (each at its own places) is ``contraction``."""
    whole = Phase(contraction, ((0, 1),) * contraction.out_rank)
    return tuple(_split_all(whole))


def _split_all(phase: Phase) -> Iterator[Phase]:
    index = _first_division(phase.contraction)
    if index is None:
        yield phase
        return
    for part in _split(phase, index):
        yield from _split_all(part)


def _first_division(contraction: Contraction) -> AffineIndex | None:
    indices = [i for r in contraction.reads for i in r.indices]
    indices += [g.index for g in contraction.guards]
    return next((i for i in indices if i.divisor != 1), None)


def _split(phase: Phase, index: AffineIndex) -> Iterator[Phase]:
    """Split every loop that decides whether ``index`` is exact; keep the exact residues."""
    d = index.divisor
    periods = [d // gcd(c, d) for c in index.coefficients]
    for residues in product(*(range(p) for p in periods)):
        total = sum(c * r for c, r in zip(index.coefficients, residues, strict=True))
        if (index.constant + total) % d == 0:
            part = _restrict(phase, periods, residues)
            if 0 not in part.contraction.extents:
                yield part


def _restrict(phase: Phase, periods: list[int], residues: tuple[int, ...]) -> Phase:
    """Substitute ``loop = period · loop' + residue`` for every loop."""
    old = phase.contraction
    extents = tuple(
        max(0, -(-(e - r) // p)) for e, p, r in zip(old.extents, periods, residues, strict=True)
    )

    def change(index: AffineIndex) -> AffineIndex:
        pairs = list(zip(index.coefficients, periods, residues, strict=True))
        constant = index.constant + sum(c * r for c, _, r in pairs)
        return AffineIndex(constant, tuple(c * p for c, p, _ in pairs), index.divisor).reduced()

    writes = tuple(
        (start + step * r, step * p)
        for (start, step), r, p in zip(phase.writes, residues, periods, strict=False)
    )
    return Phase(old.changed(change, extents=extents), writes)
