"""Splitting divisions: the parts have none, do not overlap, and add up to the whole."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.ops.contraction import Contraction
from lamina.ops.loops import Loop, contraction
from lamina.ops.phases import Phase, phases
from tests.ops.random_contractions import brute_force, contractions, values


def places(part: Phase) -> tuple[slice, ...]:
    return tuple(slice(start, None, step) for start, step in part.writes)


@settings(max_examples=300)
@given(contractions(), st.integers(0, 2**32 - 1))
def test_parts_add_up(spec: Contraction, seed: int) -> None:
    operands = values(spec, seed)
    total = np.zeros(spec.out_shape)
    for part in phases(spec) if 0 not in spec.extents else ():
        total[places(part)] += brute_force(part.contraction, operands)
    np.testing.assert_array_equal(total, brute_force(spec, operands))


@settings(max_examples=300)
@given(contractions())
def test_parts_divide_no_more(spec: Contraction) -> None:
    for part in phases(spec):
        indices = [i for read in part.contraction.reads for i in read.indices]
        indices += [guard.index for guard in part.contraction.guards]
        assert all(index.divisor == 1 for index in indices)
        shape = np.zeros(spec.out_shape)[places(part)].shape
        assert part.contraction.out_shape == shape


def test_nothing_to_split_is_left_alone() -> None:
    i = Loop("i", 3)
    spec = contraction((i,), ((3,), (i,)))
    (part,) = phases(spec)
    assert part.contraction == spec
    assert part.writes == ((0, 1),)


def test_a_division_that_is_never_exact() -> None:
    i = Loop("i", 3)
    assert phases(contraction((i,), ((3,), ((2 * i + 1) / 2,)))) == ()
    assert contraction((i,), ((3,), ((2 * i + 1) / 2,))).evaluate(np.ones(3)).tolist() == [0, 0, 0]


def test_stride_two_is_two_parts() -> None:
    """dX of a stride of 2 with a kernel of 3: even places see two taps, odd places one."""
    i, u = Loop("i", 9), Loop("u", 3)
    parts = phases(contraction((i,), ((4,), ((i - u) / 2,)), ((3,), (u,))))
    assert [p.writes for p in parts] == [((0, 2),), ((1, 2),)]
    assert [p.contraction.extents for p in parts] == [(5, 2), (4, 1)]
