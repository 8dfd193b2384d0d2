"""Random affine contractions, and their value by plain loops."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from hypothesis import strategies as st

from lamina.core.types import Array
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction, Guard, Read


@st.composite
def indices(draw: st.DrawFn, loops: int, far: int = 9) -> AffineIndex:
    """Draw an index; most loops do not occur in it, as in what layers use."""
    coefficient = st.one_of(st.just(0), st.integers(-3, 3))
    coefficients = tuple(draw(coefficient) for _ in range(loops))
    divisor = draw(st.sampled_from((1, 1, 1, 2, 3)))
    return AffineIndex(draw(st.integers(-far, far)), coefficients, divisor).reduced()


@st.composite
def contractions(draw: st.DrawFn, guards: bool = True) -> Contraction:
    """Draw a contraction of one to three operands over at most four loops."""
    loops = draw(st.integers(0, 4))
    extents = tuple(draw(st.integers(0, 4)) for _ in range(loops))
    reads = tuple(
        Read(
            tuple(draw(st.integers(0, 5)) for _ in range(rank)),
            tuple(draw(indices(loops)) for _ in range(rank)),
        )
        for rank in draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    )
    count = draw(st.integers(0, 1)) if guards else 0
    conditions = tuple(Guard(draw(indices(loops)), draw(st.integers(1, 4))) for _ in range(count))
    return Contraction(extents, draw(st.integers(0, loops)), reads, conditions)


def values(spec: Contraction, seed: int) -> tuple[Array, ...]:
    """Return small whole numbers as operands, so that every order of summation gives the same."""
    rng = np.random.default_rng(seed)
    return tuple(rng.integers(-4, 5, read.shape).astype(float) for read in spec.reads)


def at(index: AffineIndex, loops: Sequence[int]) -> int | None:
    """Return where an index points, None if the division is not exact."""
    total = index.constant + sum(c * n for c, n in zip(index.coefficients, loops, strict=True))
    place, rest = divmod(total, index.divisor)
    return None if rest else place


def read(array: Array, indices: Sequence[AffineIndex], loops: Sequence[int]) -> float:
    places = [at(index, loops) for index in indices]
    if any(p is None or not 0 <= p < n for p, n in zip(places, array.shape, strict=True)):
        return 0.0
    return float(array[tuple(places)])


def holds(guard: Guard, loops: Sequence[int]) -> bool:
    place = at(guard.index, loops)
    return place is not None and 0 <= place < guard.size


def brute_force(spec: Contraction, operands: Sequence[Array]) -> Array:
    """Evaluate a contraction as its definition reads."""
    out = np.zeros(spec.out_shape)
    for loops in product(*(range(extent) for extent in spec.extents)):
        if all(holds(guard, loops) for guard in spec.guards):
            term = 1.0
            for spec_read, array in zip(spec.reads, operands, strict=True):
                term *= read(array, spec_read.indices, loops)
            out[loops[: spec.out_rank]] += term
    return out
