"""Putting views into contractions: against evaluation, and where it must be refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from lamina.compiler.passes.compose_views import absorb_views, compose_reads
from lamina.compiler.passes.rewriting import count_operations
from lamina.compiler.passes.views import (
    normal,
    read_through,
    seen_through,
    squeezed,
    substituted,
    unit_reshape,
)
from lamina.core.node import Node, Operation, placeholder
from lamina.core.program import Program
from lamina.core.types import Array, Type, float64
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction, Read
from lamina.ops.loops import Loop, contraction
from tests.compiler.passes.random_programs import layouts, views
from tests.ops.random_contractions import brute_force, contractions, indices


def whole_numbers(shape: tuple[int, ...]) -> Array:
    """Nonzero numbers whose sums are exact, all different."""
    return np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape)


@st.composite
def shapes(draw: st.DrawFn) -> tuple[int, ...]:
    return tuple(draw(st.lists(st.integers(0, 4), max_size=3)))


@st.composite
def reads(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[Read, tuple[int, ...]]:
    """Draw a read of an array (divisions too), and the extents of its loops."""
    extents = tuple(draw(st.lists(st.integers(1, 4), max_size=3)))
    wild = tuple(draw(indices(len(extents), far=3)) for _ in shape)
    tame = draw(layouts(shape, len(extents)))
    chosen = tuple(draw(st.sampled_from(pair)) for pair in zip(wild, tame, strict=True))
    return Read(shape, chosen), extents


@given(data=st.data(), shape=shapes())
def test_a_composed_read_reads_the_same(data: st.DataObject, shape: tuple[int, ...]) -> None:
    view = data.draw(views(shape))
    read, extents = data.draw(reads(view.out_shape))
    found = read_through(read, view, extents)
    event("composed" if found else "refused")
    if found:
        y = whole_numbers(shape)
        outer, direct = (Contraction(extents, len(extents), (r,)) for r in (read, found))
        two_steps = brute_force(outer, [brute_force(view, [y])])
        np.testing.assert_array_equal(brute_force(direct, [y]), two_steps)


@given(inner=contractions(), data=st.data())
def test_a_contraction_seen_through_a_view(inner: Contraction, data: st.DataObject) -> None:
    view = data.draw(views(inner.out_shape))
    merged = seen_through(view, inner)
    event("merged" if merged else "refused")
    if merged:
        operands = [whole_numbers(read.shape) for read in inner.reads]
        two_steps = brute_force(view, [brute_force(inner, operands)])
        np.testing.assert_array_equal(brute_force(merged, operands), two_steps)
        assert np.prod(merged.extents) <= np.prod(inner.extents)


@given(spec=contractions())
def test_loops_of_length_one_change_nothing(spec: Contraction) -> None:
    operands = [whole_numbers(read.shape) for read in spec.reads]
    expected = brute_force(spec, operands)
    np.testing.assert_array_equal(brute_force(normal(spec), operands), expected)
    dropped = squeezed(spec)
    assert 1 not in dropped.extents
    np.testing.assert_array_equal(brute_force(dropped, operands), expected.squeeze())


def test_fractions_are_put_over_one_denominator() -> None:
    half = AffineIndex(1, (1, 0), 2)
    third = AffineIndex(0, (0, 1), 3)
    found = substituted(AffineIndex(1, (2, 1)), (half, third), 2)
    assert found == AffineIndex(6, (3, 1), 3)


def test_unit_axes_come_and_go() -> None:
    view = unit_reshape((2, 1, 3), (1, 2, 3, 1))
    assert view is not None
    y = whole_numbers((2, 1, 3))
    np.testing.assert_array_equal(brute_force(view, [y]), y.reshape(1, 2, 3, 1))
    assert unit_reshape((2, 3), (3, 2)) is None
    assert unit_reshape((2, 3), (6,)) is None


# Where the zeros around a view decide ------------------------------------------------------------

I, K = Loop("i", 6), Loop("k", 3)
CORRELATION = ((I + K - 1), K)


def chain(view: Contraction) -> Program:
    """Correlate what a view shows with three weights, one place beyond each end."""
    x = placeholder(Type(view.reads[0].shape, float64), "x")
    w = placeholder(Type((3,), float64), "w")
    seen = Node(view, (x,), Type(view.out_shape, float64), None)
    outer = contraction((I,), (view.out_shape, [CORRELATION[0]]), ((3,), [CORRELATION[1]]))
    return Program((x, w), (Node(outer, (seen, w), Type((6,), float64), None),))


J = Loop("j", 6)
COMPOSED = {
    "pad": contraction((J,), ((4,), (J - 1,))),
    "flip": contraction((J,), ((6,), (5 - J,))),
    "whole": contraction((J,), ((6,), (J,))),
    "holes would be a division, strides are not": contraction((J,), ((11,), (2 * J,))),
}
REFUSED = {
    "slice": contraction((J,), ((9,), (J + 1,))),
    "slice from the start": contraction((J,), ((9,), (J,))),
    "broadcast": contraction((J,), ((1,), (0,))),
    "stride with more behind": contraction((J,), ((14,), (2 * J,))),
    "holes": contraction((J,), ((3,), (J / 2,))),
}


@pytest.mark.parametrize("name", [*COMPOSED, *REFUSED])
def test_zeros_around_a_view(name: str) -> None:
    view = {**COMPOSED, **REFUSED}[name]
    program = chain(view)
    result = compose_reads(program)
    assert count_operations(result) == (1 if name in COMPOSED else 2)
    arguments = [whole_numbers(node.shape) for node in program.inputs]
    (found,) = result.evaluate(*arguments)
    (seen,) = program.evaluate(*arguments)
    np.testing.assert_array_equal(found, seen)


def test_a_stride_does_not_undo_a_division() -> None:
    """X[i/2] with X[m] = Y[2m] is Y[i] for even i only: 2 · (i/2) must not become i."""
    i, j = Loop("i", 5), Loop("j", 3)
    view = contraction((j,), ((5,), (2 * j,)))
    (read,) = contraction((i,), ((3,), (i / 2,))).reads
    assert read_through(read, view, (5,)) is None


def test_a_result_with_another_use_is_not_computed_twice() -> None:
    x = placeholder(Type((2, 3), float64), "x")
    n, k = Loop("n", 2), Loop("k", 3)
    sums = _applied(contraction((n,), ((2, 3), (n, k))), x)
    flipped = _applied(contraction((n,), ((2,), (1 - n,))), sums)
    assert count_operations(absorb_views(Program((x,), (flipped,)))) == 1
    both = Program((x,), (flipped, sums))
    assert absorb_views(both) is both


def test_a_broadcast_of_a_sum_is_not_summed_again_and_again() -> None:
    x = placeholder(Type((2, 3), float64), "x")
    n, k, r = Loop("n", 2), Loop("k", 3), Loop("r", 5)
    sums = _applied(contraction((n,), ((2, 3), (n, k))), x)
    program = Program((x,), (_applied(contraction((n, r), ((2,), (n,))), sums),))
    assert absorb_views(program) is program


def _applied(operation: Operation, *operands: Node) -> Node:
    return Node(operation, operands, operation.infer(*[n.type for n in operands]), None)
