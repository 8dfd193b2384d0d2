"""Random affine contractions against their definition; their adjoints against inner products."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.core.errors import ArgumentError, DTypeError, ShapeError
from lamina.core.types import Array, Type
from lamina.ops.adjoint import adjoint
from lamina.ops.affine import AffineIndex, solve
from lamina.ops.contraction import Contraction
from lamina.ops.loops import Loop, contraction
from tests.ops.random_contractions import brute_force, contractions, values

SEEDS = st.integers(0, 2**32 - 1)
LAYOUTS = ("C", "F", "reversed", "strided", "broadcast")


@settings(max_examples=400)
@given(contractions(), SEEDS)
def test_value_is_the_definition(spec: Contraction, seed: int) -> None:
    operands = values(spec, seed)
    np.testing.assert_array_equal(spec.evaluate(*operands), brute_force(spec, operands))


@settings(max_examples=400)
@given(contractions(), SEEDS, st.data())
def test_adjoint_identity(spec: Contraction, seed: int, data: st.DataObject) -> None:
    """⟨v, J u⟩ = ⟨Jᵀ v, u⟩ for every operand, exactly (the numbers are whole)."""
    operand = data.draw(st.integers(0, len(spec.reads) - 1))
    operands = values(spec, seed)
    v = np.random.default_rng(seed + 1).integers(-4, 5, spec.out_shape).astype(float)
    others = operands[:operand] + operands[operand + 1 :]
    back = adjoint(spec, operand)
    pulled = back.evaluate(v, *others)
    assert pulled.shape == operands[operand].shape
    assert np.sum(v * spec.evaluate(*operands)) == np.sum(pulled * operands[operand])
    np.testing.assert_array_equal(pulled, brute_force(back, (v, *others)))


@settings(max_examples=200)
@given(contractions(), SEEDS, st.data())
def test_adjoint_of_the_adjoint(spec: Contraction, seed: int, data: st.DataObject) -> None:
    """Its adjoint by the cotangent is the contraction; by another operand, that one's adjoint."""
    operand = data.draw(st.integers(0, len(spec.reads) - 1))
    operands = values(spec, seed)
    others = operands[:operand] + operands[operand + 1 :]
    again = adjoint(adjoint(spec, operand), 0)
    found = again.evaluate(operands[operand], *others)
    np.testing.assert_array_equal(found, spec.evaluate(*operands))
    if others:
        v = np.random.default_rng(seed + 1).integers(-4, 5, spec.out_shape).astype(float)
        other = 0 if operand else 1
        mixed = adjoint(adjoint(spec, operand), 1).evaluate(operands[operand], v, *others[1:])
        rest = operands[:other] + operands[other + 1 :]
        np.testing.assert_array_equal(mixed, adjoint(spec, other).evaluate(v, *rest))


def in_layout(array: Array, layout: str) -> Array:
    """Return the same numbers in other strides."""
    if layout == "reversed":
        return array[(slice(None, None, -1),) * array.ndim].copy()[
            (slice(None, None, -1),) * array.ndim
        ]
    if layout == "strided":
        wide = np.full([2 * n + 1 for n in array.shape], 99.0)
        wide[tuple(slice(1, None, 2) for _ in array.shape)] = array
        return wide[tuple(slice(1, None, 2) for _ in array.shape)]
    if layout == "broadcast":
        return np.broadcast_to(array.dtype.type(2), array.shape)
    return np.asarray(array, order=layout)  # type: ignore[call-overload]


@settings(max_examples=200)
@given(contractions(), SEEDS, st.sampled_from(LAYOUTS))
def test_layouts_do_not_matter(spec: Contraction, seed: int, layout: str) -> None:
    operands = [in_layout(a, layout) for a in values(spec, seed)]
    kept = [a.copy() for a in operands]
    np.testing.assert_array_equal(spec.evaluate(*operands), brute_force(spec, operands))
    for before, after in zip(kept, operands, strict=True):
        np.testing.assert_array_equal(before, after)


@settings(max_examples=150)
@given(contractions(), SEEDS, st.sampled_from(("float32", "int64", "int32", "int8", "uint8")))
def test_dtypes(spec: Contraction, seed: int, dtype: str) -> None:
    operands = [np.asarray(a, dtype) for a in (np.abs(a) for a in values(spec, seed))]
    found = spec.evaluate(*operands)
    assert found.dtype == dtype
    expected = brute_force(spec, operands)
    np.testing.assert_array_equal(found, expected.astype("int64").astype(dtype))


@settings(max_examples=150)
@given(contractions(), SEEDS)
def test_the_result_is_an_array_of_its_own(spec: Contraction, seed: int) -> None:
    operands = values(spec, seed)
    found = spec.evaluate(*operands)
    assert isinstance(found, np.ndarray)
    assert found.shape == spec.out_shape
    assert spec.infer(*[Type(a.shape, a.dtype) for a in operands]).shape == found.shape


def test_guards_in_listings_are_the_conditions() -> None:
    i, j = Loop("i", 3), Loop("j", 2)
    back = adjoint(contraction((), ((4,), (i + j,))), 0)
    assert back.render(["g"], "x") == "x[i] = Σ_{j} g · [0≤i-j<3]"
    np.testing.assert_array_equal(back.evaluate(np.asarray(1.0)), [1, 2, 2, 1])


def test_equal_specifications_are_equal() -> None:
    def spec(name: str) -> Contraction:
        i, j = Loop(name, 3), Loop("j", 2)
        return contraction((i,), ((3, 2), (i, j)))

    assert spec("i") == spec("k")
    assert hash(spec("i")) == hash(spec("k"))
    assert spec("i") != contraction((Loop("i", 3),), ((3,), (0,)))


def test_a_diagonal_reads_nothing_off_it() -> None:
    i = Loop("i", 3)
    back = adjoint(contraction((i,), ((3, 3), (i, i))), 0)
    np.testing.assert_array_equal(back.evaluate(np.array([1.0, 2.0, 3.0])), np.diag([1, 2, 3]))


def test_solve() -> None:
    """(2·y + k - 1) / 3 = i, solved for y, is (3·i - k + 1) / 2."""
    index = AffineIndex(-1, (2, 1, 0), 3)
    assert solve(index, 0, 2) == AffineIndex(1, (0, -1, 3), 2)
    assert solve(AffineIndex(4, (-1, 0)), 0, 1) == AffineIndex(4, (0, -1))


def test_writing_indices() -> None:
    i, j = Loop("i", 3), Loop("j", 2)
    spec = contraction((i,), ((9,), (-(2 * i - 3 + j) * 2 + 1,)))
    assert spec.reads[0].indices == (AffineIndex(7, (-4, -2)),)
    assert contraction((i,), ((9,), (5 - i,))).reads[0].indices == (AffineIndex(5, (-1,)),)
    assert contraction((i,), ((9,), ((4 * i + 2) / 2,))).reads[0].indices == (AffineIndex(1, (2,)),)
    assert contraction((i,), ((9,), (i + i,))).reads[0].indices == (AffineIndex(0, (2,)),)
    assert contraction((i,), ((9,), (i / 2 / 3,))).reads[0].indices == (AffineIndex(0, (1,), 6),)


def test_wrong_indices_are_errors() -> None:
    i = Loop("i", 3)
    with pytest.raises(ArgumentError, match="divide last"):
        i / 2 + 1
    with pytest.raises(ArgumentError, match="divide last"):
        (i / 2) * 2
    with pytest.raises(ArgumentError, match="divided by 1 or more, got 0"):
        i / 0
    with pytest.raises(ArgumentError, match=r"shape \(2, 3\) needs 2 indices, got 1"):
        contraction((i,), ((2, 3), (i,)))


def test_wrong_operands_are_errors() -> None:
    i = Loop("i", 3)
    spec = contraction((i,), ((3,), (i,)), ((3,), (i,)))
    f64 = np.dtype("float64")
    with pytest.raises(ShapeError, match=r"expected operands of shapes \(\(3,\), \(3,\)\)"):
        spec.infer(Type((3,), f64), Type((4,), f64))
    with pytest.raises(ShapeError):
        spec.infer(Type((3,), f64))
    with pytest.raises(DTypeError, match="one numeric dtype, got float64, float32; cast first"):
        spec.infer(Type((3,), f64), Type((3,), np.dtype("float32")))
    with pytest.raises(DTypeError, match="got bool"):
        spec.infer(Type((3,), np.dtype(bool)), Type((3,), np.dtype(bool)))


def test_an_infinite_cotangent_stays_in_its_place() -> None:
    """Terms whose condition fails do not count, whatever they would be."""
    pick = contraction((), ((3,), (1,)))
    np.testing.assert_array_equal(adjoint(pick, 0).evaluate(np.asarray(np.inf)), [0, np.inf, 0])
