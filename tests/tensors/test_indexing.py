"""Indexing against NumPy for any key; gradients by the adjoint identity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import lamina
from lamina.core.errors import ArgumentError, DTypeError, LaminaError, ShapeError, TraceError
from tests.tensors.arrays import assert_same

SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def advanced_keys(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Draw a key with slices, ints, None, an ellipsis, and integer arrays that broadcast."""
    form = draw(st.sampled_from([(), (1,), (2,), (3,), (2, 1)]))
    entries: list[Any] = []
    for size in shape:
        kind = draw(st.sampled_from(("slice", "int", "array", "array")))
        if size == 0 or kind == "slice":
            entries.append(draw(st.slices(size)))
        elif kind == "int":
            entries.append(draw(st.integers(-size, size - 1)))
        else:
            sides = tuple(n if draw(st.booleans()) else 1 for n in form)
            entries.append(draw(hnp.arrays(np.int64, sides, elements=st.integers(-size, size - 1))))
        if draw(st.integers(0, 4)) == 0:
            entries.append(None)
    cut = draw(st.integers(0, len(entries)))
    if draw(st.booleans()) and len(shape) > 1:
        kept = [e for e in entries[:cut] if e is not None or draw(st.booleans())]
        return (*kept, Ellipsis)
    return tuple(entries)


@st.composite
def arrays_and_keys(draw: st.DrawFn) -> tuple[np.ndarray, tuple[Any, ...]]:
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    basic = hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True)
    key = draw(st.one_of(basic, advanced_keys(shape)))
    x = np.random.default_rng(draw(SEEDS)).normal(size=shape)
    return x, key if isinstance(key, tuple) else (key,)


@settings(max_examples=400)
@given(arrays_and_keys())
def test_any_key(case: tuple[np.ndarray, tuple[Any, ...]]) -> None:
    x, key = case
    assert_same(lamina.tensor(x)[key], np.asarray(x[key]))


@settings(max_examples=200)
@given(arrays_and_keys(), SEEDS)
def test_adjoint_of_any_key(case: tuple[np.ndarray, tuple[Any, ...]], seed: int) -> None:
    """The gradient of a selection is what np.add.at adds to zeros."""
    x, key = case
    out, pull = lamina.vjp(lambda t: t[key], lamina.tensor(x))
    g = np.random.default_rng(seed).normal(size=out.shape)
    expected = np.zeros(x.shape)
    np.add.at(expected, key, g)
    np.testing.assert_allclose(pull(lamina.tensor(g))[0].numpy(), expected, atol=1e-12)


@given(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4), st.data(), SEEDS)
def test_masks(shape: tuple[int, ...], data: st.DataObject, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=shape)
    width = data.draw(st.integers(1, len(shape)))
    start = data.draw(st.integers(0, len(shape) - width))
    mask = data.draw(hnp.arrays(bool, shape[start : start + width]))
    key = (slice(None),) * start + (mask,)
    assert_same(lamina.tensor(x)[key], x[key])
    behind = (Ellipsis, mask) if start + width == len(shape) else key
    assert_same(lamina.tensor(x)[behind], x[behind])
    assert_same(lamina.tensor(x)[(*key[:-1], lamina.tensor(mask))], x[key])


def test_masks_select_gradients() -> None:
    x = lamina.tensor([3.0, -1.0, 2.0], requires_grad=True)
    x[x > 0].sum().backward()
    assert x.grad.tolist() == [1, 0, 1]


@pytest.mark.parametrize("mask", [[True], [True, False], [True] * 4, [[True] * 3], [False] * 5])
def test_masks_of_other_lengths_are_errors(mask: list[bool]) -> None:
    with pytest.raises((ShapeError, ArgumentError), match="mask|indices"):
        lamina.ones(3)[np.array(mask)]


def test_masks_on_the_wrong_axis_are_errors() -> None:
    x = lamina.ones(2, 3)
    for key in (np.ones(3, bool), (slice(None), np.ones(2, bool)), (..., np.ones(2, bool))):
        with pytest.raises(ShapeError, match="a mask of shape"):
            x[key]
    assert x[..., np.ones(3, bool)].shape == (2, 3)
    assert x[None, np.ones(2, bool)].shape == (1, 2, 3)


def test_lists_tensors_and_small_integers_as_indices() -> None:
    x = np.arange(600).reshape(300, 2)
    t = lamina.tensor(x)
    for key in ([1, -1], lamina.tensor([1, -1]), np.array([1, -1], "int8"), np.int64(7)):
        assert_same(t[key], np.asarray(x[np.asarray(key)]))
    assert_same(t[[]], x[[]])
    assert_same(t[np.array([200, 3], "uint8")], x[[200, 3]])
    assert_same(t[lamina.tensor(5)], x[5])


def test_negative_indices_while_tracing() -> None:
    x = np.arange(300.0)
    program = lamina.trace(lambda t, i: t[i], x, np.array([0, 0], "int8"))
    (found,) = program.evaluate(x, np.array([-1, 5], "int8"))
    assert found.tolist() == [299, 5]


def test_repeated_indices_add_up() -> None:
    x = lamina.zeros(3, requires_grad=True)
    x[[0, 0, 2]].sum().backward()
    assert x.grad.tolist() == [2, 0, 1]


def test_selections_do_not_share_later_writes() -> None:
    source = np.arange(4.0)
    t = lamina.tensor(source)
    part = t[1:3]
    source[:] = 9
    assert part.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (3, "3 is out of range for axis 0 of size 3"),
        (-4, "-4 is out of range for axis 0 of size 3"),
        ((0, 4), "4 is out of range for axis 1 of size 4"),
        ((0, 0, 0), r"3 indices for a tensor of shape \(3, 4\)"),
        ((..., 0, ...), "at most one Ellipsis"),
        ([5], "index 5 is out of range for axis 0 of size 3"),
        ([-4], "out of range for axis 0 of size 3"),
        (1.5, "expected ints, slices or integer arrays, got float32"),
        (True, "a single bool is not an index"),
        ("a", "not supported"),
    ],
)
def test_errors(key: Any, message: str) -> None:
    with pytest.raises(LaminaError, match=message):
        lamina.ones(3, 4)[key]


def test_index_arrays_must_broadcast() -> None:
    with pytest.raises(ShapeError, match=r"index: shapes \(2,\), \(3,\) do not broadcast"):
        lamina.ones(3, 4)[[0, 1], [0, 1, 2]]


def test_assignment_says_what_to_do() -> None:
    x = lamina.ones(3)
    with pytest.raises(ArgumentError, match="tensors are values.*use lamina.where"):
        x[0] = 1.0


def test_traced_masks_are_errors() -> None:
    with pytest.raises(
        TraceError, match=r"a traced mask has no static size at .*; use lamina\.where"
    ):
        lamina.trace(lambda x: x[x > 0], lamina.ones(3))


def test_iteration_and_membership() -> None:
    x = lamina.tensor([[1.0, 2.0], [3.0, 4.0]])
    first, second = x
    assert (first.tolist(), second.tolist()) == ([1, 2], [3, 4])
    assert 3.0 in lamina.tensor([1.0, 3.0])
    assert len(x) == 2
    with pytest.raises(TypeError, match="without axes"):
        iter(lamina.tensor(1.0))
    with pytest.raises(TypeError, match="without axes"):
        len(lamina.tensor(1.0))


# Functions of positions ----------------------------------------------------------------------


@given(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4), st.data(), SEEDS)
def test_gather_and_index_select(shape: tuple[int, ...], data: st.DataObject, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    index = rng.integers(0, shape[dim], shape)
    assert_same(lamina.gather(x, dim, index), np.take_along_axis(x, index, dim))
    assert_same(
        lamina.take_along_dim(lamina.tensor(x), lamina.tensor(index), dim),
        np.take_along_axis(x, index, dim),
    )
    line = rng.integers(-shape[dim], shape[dim], 5)
    assert_same(lamina.index_select(x, dim, line), np.take(x, line, dim))


def test_gather_from_a_part_of_the_other_axes() -> None:
    """As in PyTorch, the index may be shorter along the other axes."""
    x = lamina.arange(6).reshape(2, 3)
    assert lamina.gather(x, 1, lamina.tensor([[2]])).tolist() == [[2]]
    with pytest.raises(ShapeError, match="gather: index has 1 axes, input has 2"):
        x.gather(1, lamina.tensor([0]))
    with pytest.raises(ArgumentError, match="dim 2 is out of range"):
        x.gather(2, lamina.tensor([[0]]))


@pytest.mark.parametrize("descending", [False, True])
@given(shape=hnp.array_shapes(min_dims=1, max_dims=3, max_side=5), data=st.data(), seed=SEEDS)
def test_sorting(descending: bool, shape: tuple[int, ...], data: st.DataObject, seed: int) -> None:
    x = np.random.default_rng(seed).integers(0, 4, shape).astype(float)
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    values, indices = lamina.sort(x, dim, descending)
    expected = np.argsort(-x if descending else x, axis=dim, kind="stable")
    assert_same(indices, expected)
    assert_same(lamina.argsort(x, dim, descending), expected)
    assert_same(values, np.take_along_axis(x, expected, dim))


def test_sorting_routes_gradients() -> None:
    x = lamina.tensor([3.0, 1.0, 2.0])
    slope = lamina.grad(lambda x: (x.sort().values * lamina.tensor([1.0, 10.0, 100.0])).sum())(x)
    assert slope.tolist() == [100, 1, 10]


def test_dtype_errors() -> None:
    with pytest.raises(DTypeError, match="indices must be integers"):
        lamina.index_select(lamina.ones(3), 0, lamina.tensor([0.5])).sum()
