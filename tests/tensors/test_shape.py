"""Arranging elements, against NumPy; gradients by the adjoint identity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import lamina
from lamina.core.errors import ArgumentError, LaminaError, ShapeError
from lamina.tensors import Tensor
from tests.tensors.arrays import assert_same

SEEDS = st.integers(0, 2**32 - 1)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def normal(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def check(f: Callable[[Any], Tensor], x: np.ndarray, expected: np.ndarray) -> None:
    """The value is NumPy's, and ⟨g, f(x)⟩ = ⟨f*(g), x⟩, since f is linear."""
    out, pull = lamina.vjp(f, lamina.tensor(x))
    assert_same(out, expected)
    g = normal(out.shape, 7)
    (pulled,) = pull(lamina.tensor(g))
    assert pulled.shape == x.shape
    np.testing.assert_allclose(np.sum(g * expected), np.sum(pulled.numpy() * x), atol=1e-10)


@given(SHAPES, st.data())
def test_reshape(shape: tuple[int, ...], data: st.DataObject) -> None:
    x = normal(shape)
    other = tuple(data.draw(st.permutations(shape)))
    check(lambda t: t.reshape(*other), x, x.reshape(other))
    check(lambda t: t.reshape(list(other)), x, x.reshape(other))
    check(lambda t: t.view(other), x, x.reshape(other))
    if x.size:
        check(lambda t: t.reshape(-1), x, x.reshape(-1))
        check(lambda t: lamina.reshape(t, 1, -1), x, x.reshape(1, -1))


@given(SHAPES, st.data())
def test_permute_transpose(shape: tuple[int, ...], data: st.DataObject) -> None:
    x = normal(shape)
    order = data.draw(st.permutations(range(len(shape))))
    check(lambda t: t.permute(*order), x, np.transpose(x, order))
    check(lambda t: t.T, x, x.T)
    if len(shape) >= 2:
        check(lambda t: t.mT, x, np.swapaxes(x, -1, -2))
        check(lambda t: t.transpose(0, -1), x, np.swapaxes(x, 0, -1))


@given(SHAPES, st.data())
def test_flip(shape: tuple[int, ...], data: st.DataObject) -> None:
    x = normal(shape)
    axes = data.draw(hnp.valid_tuple_axes(len(shape)))
    check(lambda t: t.flip(axes), x, np.flip(x, axes))


@given(SHAPES, st.data())
def test_squeeze_unsqueeze(shape: tuple[int, ...], data: st.DataObject) -> None:
    x = normal(shape)
    check(lambda t: t.squeeze(), x, np.squeeze(x))
    dim = data.draw(st.integers(-len(shape) - 1, len(shape)))
    check(lambda t: t.unsqueeze(dim), x, np.expand_dims(x, dim))
    check(lambda t: t.unsqueeze(dim).squeeze(dim), x, x)


def test_squeeze_leaves_other_lengths() -> None:
    assert lamina.zeros(2, 1, 1).squeeze(0).shape == (2, 1, 1)
    assert lamina.zeros(2, 1, 1).squeeze((0, 1)).shape == (2, 1)


@given(hnp.mutually_broadcastable_shapes(num_shapes=1, base_shape=(2, 3, 4), max_dims=4))
def test_broadcast(case: hnp.BroadcastableShapes) -> None:
    x = normal(case.input_shapes[0])
    new = np.broadcast_shapes(x.shape, case.result_shape)
    check(lambda t: t.broadcast_to(new), x, np.broadcast_to(x, new))
    check(lambda t: t.expand(*new), x, np.broadcast_to(x, new))


def test_expand_keeps_lengths_at_minus_one() -> None:
    assert lamina.zeros(1, 3).expand(4, -1).shape == (4, 3)
    assert lamina.zeros(3).expand(2, -1).shape == (2, 3)


@given(SHAPES, st.data())
def test_tile(shape: tuple[int, ...], data: st.DataObject) -> None:
    x = normal(shape)
    repeats = tuple(data.draw(st.lists(st.integers(0, 3), max_size=len(shape) + 1)))
    check(lambda t: t.tile(*repeats) if repeats else t.tile(()), x, np.tile(x, repeats))


@given(SHAPES.filter(lambda s: len(s) > 0), st.data())
def test_flatten_unflatten(shape: tuple[int, ...], data: st.DataObject) -> None:
    x = normal(shape)
    start = data.draw(st.integers(0, len(shape) - 1))
    end = data.draw(st.integers(start, len(shape) - 1))
    joined = (*shape[:start], int(np.prod(shape[start : end + 1])), *shape[end + 1 :])
    check(lambda t: t.flatten(start, end), x, x.reshape(joined))
    check(lambda t: t.flatten(start, end).unflatten(start, shape[start : end + 1]), x, x)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.integers(-3, 2))
def test_cat(lengths: list[int], dim: int) -> None:
    shapes = [[2, 3, 4] for _ in lengths]
    for shape, n in zip(shapes, lengths, strict=True):
        shape[dim] = n
    parts = [normal(tuple(s), i) for i, s in enumerate(shapes)]
    whole = np.concatenate(parts, dim)
    assert_same(lamina.cat(parts, dim), whole)
    _, pull = lamina.vjp(lambda *t: lamina.cat(t, dim), *parts)
    g = normal(whole.shape, 9)
    cuts = np.cumsum(lengths)[:-1]
    for found, expected in zip(pull(lamina.tensor(g)), np.split(g, cuts, dim), strict=True):
        assert_same(found, expected)


@given(st.integers(1, 4), st.integers(-3, 2))
def test_stack_unbind(count: int, dim: int) -> None:
    parts = [normal((2, 3), i) for i in range(count)]
    whole = lamina.stack(parts, dim)
    assert_same(whole, np.stack(parts, dim))
    for found, expected in zip(whole.unbind(dim), parts, strict=True):
        assert_same(found, expected)


@given(st.integers(0, 9), st.integers(1, 10))
def test_split_and_chunk(length: int, size: int) -> None:
    x = normal((2, length))
    pieces = lamina.tensor(x).split(size, 1)
    assert [p.shape[1] for p in pieces[:-1]] == [size] * (len(pieces) - 1)
    assert_same(lamina.cat(pieces, 1), x)
    pieces = lamina.tensor(x).chunk(size, 1)
    assert len(pieces) <= size
    assert_same(lamina.cat(pieces, 1), x)


def test_split_by_sizes() -> None:
    x = lamina.arange(6)
    assert [p.tolist() for p in x.split([1, 0, 5])] == [[0], [], [1, 2, 3, 4, 5]]
    with pytest.raises(ArgumentError, match="do not add up to 6"):
        x.split([1, 2])
    with pytest.raises(ArgumentError, match="split"):
        x.split([-1, 7])


def test_cat_promotes() -> None:
    joined = lamina.cat([lamina.tensor([1]), lamina.tensor([0.5])])
    assert joined.dtype == lamina.float32
    assert joined.tolist() == [1, 0.5]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: x.reshape(4, 2),
        lambda x: x.reshape(-1, 4),
        lambda x: x.reshape(-1, -1),
        lambda x: x.reshape(-2, -3),
        lambda x: x.permute(0, 0),
        lambda x: x.permute(0),
        lambda x: x.transpose(0, 2),
        lambda x: x.unsqueeze(4),
        lambda x: x.flatten(1, 0),
        lambda x: x.expand(2, 4),
        lambda x: x.expand(3),
        lambda x: x.broadcast_to((3,)),
        lambda x: x.unflatten(1, (2, 2)),
        lambda x: x.flip(2),
        lambda x: lamina.cat([x, lamina.ones(2, 3, 1)]),
        lambda x: lamina.cat([x, lamina.ones(3, 2)], 1),
        lambda x: lamina.cat([]),
        lambda x: lamina.stack([x, lamina.ones(3, 2)]),
        lambda x: x.split(0),
        lambda x: x.chunk(0),
        lambda x: x.reshape(2.0, 3),
        lambda x: lamina.zeros(2.7),
        lambda x: lamina.zeros(-1),
        lambda x: lamina.full((2, -3), 1.0),
        lambda x: lamina.arange(0, 3, 0),
    ],
)
def test_errors_are_of_lamina(wrong: Callable[[Tensor], object]) -> None:
    with pytest.raises(LaminaError):
        wrong(lamina.ones(2, 3))


def test_messages_show_shapes() -> None:
    x = lamina.ones(2, 3)
    with pytest.raises(ShapeError, match=r"has 6 elements, shape \(4, 2\) needs 8"):
        x.reshape(4, 2)
    with pytest.raises(ShapeError, match="concatenate along axis 0: the other axes must agree"):
        lamina.cat([x, lamina.ones(2, 4)])
    with pytest.raises(ShapeError, match=r"shape \(2, 3\) does not broadcast to \(2, 4\)"):
        x.expand(2, 4)
    with pytest.raises(ArgumentError, match="a shape is made of whole numbers"):
        lamina.zeros(2.7)


# Making tensors ------------------------------------------------------------------------------


def test_creation() -> None:
    assert_same(lamina.zeros(2, 3), np.zeros((2, 3), "float32"))
    assert_same(lamina.zeros((2, 3), dtype="int64"), np.zeros((2, 3), "int64"))
    assert_same(lamina.ones(()), np.ones((), "float32"))
    assert_same(lamina.ones(), np.ones((), "float32"))
    assert_same(lamina.full((2,), 7), np.full(2, 7))
    assert_same(lamina.full(2, True), np.full(2, True))
    assert_same(lamina.full((2,), 0.5), np.full(2, 0.5, "float32"))
    assert_same(lamina.full_like(np.zeros(2, "float64"), 3), np.full(2, 3.0))
    assert_same(lamina.zeros_like(lamina.ones(2), dtype="int32"), np.zeros(2, "int32"))
    assert_same(lamina.ones_like(lamina.zeros(2, dtype="bool")), np.ones(2, "bool"))
    assert_same(lamina.eye(2, 3), np.eye(2, 3, dtype="float32"))
    assert_same(lamina.arange(4), np.arange(4))
    assert_same(lamina.arange(1, 2, 0.25), np.arange(1, 2, 0.25, dtype="float32"))
    assert_same(lamina.arange(5, 0, -2), np.arange(5, 0, -2))
    assert_same(lamina.arange(3, dtype="float64"), np.arange(3.0))
    assert_same(lamina.linspace(0, 1, 5), np.linspace(0, 1, 5, dtype="float32"))
    assert lamina.zeros(2, requires_grad=True).requires_grad


def test_creation_of_odd_sizes() -> None:
    assert lamina.zeros(np.int64(2), lamina.tensor(3)).shape == (2, 3)
    assert lamina.zeros([2, 0]).shape == (2, 0)
    assert lamina.arange(0).shape == (0,)


def test_constants_of_one_value_can_be_used_as_any_array() -> None:
    """Zeros are one number repeated; nothing that reads them may mind."""
    x = lamina.zeros(3, 4)
    assert (x @ lamina.ones(4, 2)).shape == (3, 2)
    assert x.numpy().copy().flags.c_contiguous
    assert lamina.tensor(x).numpy().shape == (3, 4)
    assert x.reshape(4, 3).T[1:].sum().item() == 0
