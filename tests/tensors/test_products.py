"""Products against numpy.einsum and matmul."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import lamina
from lamina.core.errors import ArgumentError, LaminaError, ShapeError
from tests.tensors.arrays import assert_same

SEEDS = st.integers(0, 2**32 - 1)


def whole(shape: tuple[int, ...], seed: int, dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)


@given(
    hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=3),
    st.sampled_from(["float64", "float32", "int64", "int8"]),
    SEEDS,
)
def test_matmul(case: hnp.BroadcastableShapes, dtype: str, seed: int) -> None:
    x, y = (whole(s, seed + n, dtype) for n, s in enumerate(case.input_shapes))
    assert_same(lamina.matmul(x, y), np.asarray(x @ y))
    assert_same(lamina.tensor(x) @ y, np.asarray(x @ y))
    assert_same(x @ lamina.tensor(y), np.asarray(x @ y))


@pytest.mark.parametrize(
    ("x", "y"),
    [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((0, 3), (3, 2)), ((2, 0), (0, 3)),
     ((4, 2, 3), (3,)), ((3,), (4, 3, 2)), ((4, 1, 2, 3), (5, 3, 2)), ((0,), (0,))],
)  # fmt: skip
def test_matmul_shapes(x: tuple[int, ...], y: tuple[int, ...]) -> None:
    a, b = whole(x, 1), whole(y, 2)
    assert_same(lamina.matmul(a, b), np.asarray(np.matmul(a, b)))


EQUATIONS = [
    ("ik,kj->ij", [(2, 3), (3, 4)]),
    ("ik,kj", [(2, 3), (3, 4)]),
    ("ij->ji", [(2, 3)]),
    ("ij->", [(2, 3)]),
    ("ij", [(2, 3)]),
    ("ba", [(2, 3)]),
    ("ii->i", [(3, 3)]),
    ("ii", [(3, 3)]),
    ("iij->j", [(3, 3, 2)]),
    ("iji->ij", [(3, 2, 3)]),
    ("i,i->i", [(3,), (3,)]),
    ("i,j->ij", [(3,), (2,)]),
    ("i,j->ji", [(3,), (2,)]),
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)]),
    ("ab,cd,bc->ad", [(2, 3), (4, 5), (3, 4)]),
    ("i,i,i->", [(3,), (3,), (3,)]),
    ("i,ij,j->", [(3,), (3, 2), (2,)]),
    ("nhd,mhd,mhe->nhe", [(2, 3, 4), (5, 3, 4), (5, 3, 2)]),
    ("...ij,...jk->...ik", [(5, 2, 3), (5, 3, 4)]),
    ("...ij,...jk->...ik", [(2, 3), (5, 3, 4)]),
    ("...ij,...jk->...ik", [(1, 2, 3), (5, 3, 4)]),
    ("...ij,...jk->...ik", [(6, 1, 2, 3), (5, 3, 4)]),
    ("i...,i...->...", [(3, 2), (3, 2)]),
    ("...i->i...", [(2, 4, 3)]),
    ("...ii->...i", [(2, 3, 3)]),
    ("...,...", [(2, 3), (3,)]),
    ("...i,i", [(2, 3), (3,)]),
    ("...->", [(2, 3)]),
    ("a,...->...a", [(2,), (3,)]),
    (",ij->ij", [(), (2, 3)]),
    ("ij,ij->ij", [(1, 3), (2, 3)]),
    (" i j , j k -> i k ", [(2, 3), (3, 4)]),
    ("ij,kj->ik", [(2, 0), (3, 0)]),
    ("Aa,aB->AB", [(2, 3), (3, 4)]),
]


@pytest.mark.parametrize(("equation", "shapes"), EQUATIONS)
def test_einsum(equation: str, shapes: list[tuple[int, ...]]) -> None:
    operands = [whole(s, n) for n, s in enumerate(shapes)]
    if equation == "...->":
        expected = np.asarray(operands[0].sum())
    else:
        expected = np.asarray(np.einsum(equation, *operands))
    assert_same(lamina.einsum(equation, *operands), expected)
    assert_same(lamina.einsum(equation, operands), expected)


@pytest.mark.parametrize(("equation", "shapes"), EQUATIONS)
def test_gradients_of_einsum(equation: str, shapes: list[tuple[int, ...]]) -> None:
    """Linear in each operand: ⟨g, f(…, x, …)⟩ = ⟨∂f* g, x⟩ for every one."""
    operands = [lamina.tensor(whole(s, n)) for n, s in enumerate(shapes)]
    out, pull = lamina.vjp(lambda *t: lamina.einsum(equation, *t), *operands)
    g = whole(out.shape, 9)
    expected = np.sum(g * out.numpy())
    for x, found in zip(operands, pull(lamina.tensor(g)), strict=True):
        assert found.shape == x.shape
        assert np.sum(found.numpy() * x.numpy()) == expected


@given(st.data(), st.integers(1, 3), SEEDS)
def test_random_einsum(data: st.DataObject, count: int, seed: int) -> None:
    sizes = dict(zip("abcd", data.draw(st.tuples(*[st.integers(0, 3)] * 4)), strict=True))
    letters = st.text("abcd", max_size=3)
    terms = [data.draw(letters) for _ in range(count)]
    known = sorted(set("".join(terms)))
    out = "".join(data.draw(st.permutations(known))[: data.draw(st.integers(0, len(known)))])
    operands = [whole(tuple(sizes[c] for c in t), seed + n) for n, t in enumerate(terms)]
    equation = f"{','.join(terms)}->{out}"
    assume(len(equation) < 20)
    assert_same(lamina.einsum(equation, *operands), np.asarray(np.einsum(equation, *operands)))


def test_dot_outer() -> None:
    x, y = lamina.tensor([1.0, 2.0]), lamina.tensor([3.0, 5.0])
    assert x.dot(y).item() == 13
    assert x.outer(lamina.tensor([1, 2, 3])).tolist() == [[1, 2, 3], [2, 4, 6]]


def test_products_promote() -> None:
    assert (lamina.ones(2, 2) @ lamina.ones(2, dtype="float64")).dtype == lamina.float64
    assert (lamina.ones(2, 2) @ lamina.arange(2)).dtype == lamina.float32
    assert lamina.einsum("i,i->", lamina.ones(2), lamina.tensor([True, False])).item() == 1


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->ik", [(2, 3)]),
        ("ij->ij", [(2, 3), (2, 3)]),
        ("ij->ik", [(2, 3)]),
        ("ij->ii", [(2, 3)]),
        ("ijk->i", [(2, 3)]),
        ("i->i", [(2, 3)]),
        ("i,i->i", [(2,), (3,)]),
        ("ii->i", [(2, 3)]),
        ("......i->i", [(2, 3)]),
        ("i1->i", [(2, 3)]),
        ("i-j->i", [(2, 3)]),
        ("i->i->i", [(2,)]),
        ("...i->...i...", [(2, 3)]),
        ("i.j->ij", [(2, 3)]),
    ],
)
def test_malformed_equations(equation: str, shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(LaminaError, match="einsum"):
        lamina.einsum(equation, *(np.ones(s) for s in shapes))


def test_errors() -> None:
    with pytest.raises(ArgumentError, match="at least one operand"):
        lamina.einsum("->")
    with pytest.raises(ShapeError, match=r"matmul: shapes \(2, 3\) and \(2, 3\) do not fit"):
        lamina.ones(2, 3) @ lamina.ones(2, 3)
    with pytest.raises(ShapeError, match="matmul"):
        lamina.ones(2, 3) @ lamina.tensor(1.0)
    with pytest.raises(ShapeError, match=r"matmul: shapes \(2,\), \(3,\) do not broadcast"):
        lamina.ones(2, 1, 3) @ lamina.ones(3, 3, 1)
    with pytest.raises(ShapeError, match="dot: expected two vectors"):
        lamina.ones(2).dot(lamina.ones(3))
    with pytest.raises(ShapeError, match="outer: expected two vectors"):
        lamina.ones(2, 2).outer(lamina.ones(3))
    with pytest.raises(ShapeError, match="gives 'j' the lengths 3 and 4"):
        lamina.einsum("ij,jk->ik", lamina.ones(2, 3), lamina.ones(4, 2))
