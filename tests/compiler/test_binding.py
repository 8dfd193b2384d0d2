"""Calling native code: fixed, donated and fresh arrays, and what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.compiler import entries, memory
from lamina.compiler.executable import Executable
from lamina.core.errors import ArgumentError
from lamina.core.types import Array
from lamina.tensors import Tensor

X = np.float32([1, 2, 3])


def momentum(w: Tensor, v: Tensor, g: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    new = v * 0.5 + g
    return (w * g).sum(), w - new, new


def donating() -> Executable:
    return Executable(lamina.trace(momentum, X, X, X), donated={1: 0, 2: 1})


def test_donated_inputs_are_changed_in_place() -> None:
    w, v, g = X.copy(), X * 0, X * 2
    for _ in range(3):
        want = [np.asarray(t) for t in momentum(*map(lamina.tensor, (w, v, g)))]
        (total,) = donating()(w, v, g)
        for got, one in zip((total, w, v), want, strict=True):
            np.testing.assert_array_equal(got, one)
    np.testing.assert_array_equal(g, X * 2)


def test_outputs_may_change_places() -> None:
    swap = Executable(lamina.trace(lambda x, y: (y, x + 1, x), X, X), donated={0: 0, 1: 1})
    x, y = X.copy(), X * 10
    (old,) = swap(x, y)
    np.testing.assert_array_equal(x, X * 10)
    np.testing.assert_array_equal(y, X + 1)
    np.testing.assert_array_equal(old, X)


def test_bound_arrays_are_not_passed_and_are_read_anew() -> None:
    w, v = X.copy(), X * 0
    step = donating().bind({0: w, 1: v})
    for n in range(1, 4):
        before = w.copy()
        (total,) = step(X * n)
        assert total == np.sum(before * X * n)
        np.testing.assert_array_equal(w, before - v)


def test_a_donated_array_must_be_one_that_can_be_changed() -> None:
    frozen, wide = X.copy(), np.zeros((3, 2), np.float32)
    frozen.flags.writeable = False
    for bad in (frozen, wide[:, 0], wide.ravel()[::2]):
        with pytest.raises(ArgumentError, match="input 0 is changed in place"):
            donating()(bad, X.copy(), X)
        with pytest.raises(ArgumentError, match="input 0 is changed in place"):
            donating().bind({0: bad})


def views(x: Array) -> list[Array]:
    """The same elements, laid out otherwise or of other kinds."""
    read_only = x.copy()
    read_only.flags.writeable = False
    unaligned = np.frombuffer(b"\0" + x.tobytes(), x.dtype, x.size, 1).reshape(x.shape)

    class Other(np.ndarray[Any, Any]):
        pass

    twice = np.repeat(x, 2, 1)
    own = x.astype(np.dtype("float32", metadata={"unit": "m"}))
    fortran = np.asfortranarray(x)
    return [x, read_only, unaligned, twice[:, ::2], fortran, x[::-1][::-1], x.view(Other), own]


def test_arrays_of_every_layout_are_read() -> None:
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    double = Executable(lamina.trace(lambda x: x * 2, x))
    for each in views(x):
        np.testing.assert_array_equal(double(each)[0], x * 2)


def test_scalars_of_numpy_are_read() -> None:
    scalars = [np.float32(1.5), np.float64(2.5), np.int64(-3), np.uint8(7)]
    given = [np.asarray(s) for s in scalars]
    twice = Executable(lamina.trace(lambda *xs: [x + x for x in xs], *given))
    for _ in range(50):
        for got, want in zip(twice(*scalars), [g + g for g in given], strict=True):  # type: ignore[arg-type]
            np.testing.assert_array_equal(got, want)
    with pytest.raises(ArgumentError, match="changed in place"):
        Executable(lamina.trace(lambda x: x * 2, given[0]), donated={0: 0})(scalars[0])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 3), np.float32), np.zeros((3, 4, 1), np.float32), np.zeros(12, np.float32),
        np.zeros((3, 4)), np.zeros((3, 4), ">f4"), np.zeros((3, 4), np.int32), np.float32(1),
        np.zeros((0, 4), np.float32),
    ],
)  # fmt: skip
def test_other_types_are_refused(bad: Array) -> None:
    double = Executable(lamina.trace(lambda x: x * 2, np.zeros((3, 4), np.float32)))
    with pytest.raises(ArgumentError, match=r"compiled for float32\[3, 4\], got"):
        double(bad)


def test_the_number_of_inputs_is_checked() -> None:
    double = Executable(lamina.trace(lambda x: x * 2, X))
    for given in ((), (X, X)):
        with pytest.raises(ArgumentError, match=f"expected 1 inputs, got {len(given)}"):
            double(*given)


def test_many_axes() -> None:
    x = np.arange(2**11, dtype=np.float32).reshape((2,) * 11)
    np.testing.assert_array_equal(Executable(lamina.trace(lambda x: x * 2, x))(x)[0], x * 2)


def test_where_objects_are_laid_out_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "native", lambda: None)
    step = donating()
    w, v = X.copy(), X * 0
    (total,) = step(w, v, X)
    assert (total, w.tolist(), v.tolist()) == (14, [0, 0, 0], X.tolist())
    bound = step.bind({0: w, 1: v})
    assert bound(X)[0] == 0


def test_the_published_layout_is_found_here() -> None:
    assert memory.LAYOUT is not None
    assert entries.native() is not None


@pytest.mark.parametrize(
    "size", [0, 1, 4096, 2 * memory.LARGE_PAGE - 1, 2 * memory.LARGE_PAGE, 5_000_001]
)
def test_room_is_zeros_that_begin_at_a_vector(size: int) -> None:
    one, other = memory.room(size), memory.room(size)
    assert one.shape == (size,) and not one.any()
    assert size == 0 or memory.address(one) % memory.ALIGNMENT == 0
    one[:] = 7
    assert not other.any()


def test_aligned_memory_shares_nothing() -> None:
    for shape in ((), (0,), (3, 5)):
        array = memory.copied(np.ones(shape, np.float64, order="F"))
        assert array.flags.c_contiguous and array.flags.writeable
        assert memory.address(array) % memory.ALIGNMENT == 0
        assert array.view().base is array
        np.testing.assert_array_equal(array, np.ones(shape))


def test_a_call_under_way_keeps_its_memory() -> None:
    double = Executable(lamina.trace(lambda x: x * 2, X)).unbound
    double(X)
    (frame,) = double._frames
    assert frame.take() and not frame.take()
    assert frame.run((X, X.copy())) is None
    np.testing.assert_array_equal(double(X)[0], X * 2)
    assert len(double._frames) == 2
    frame.leave()
    assert frame.take()


def test_a_refused_call_leaves_the_memory_free() -> None:
    double = Executable(lamina.trace(lambda x: x * 2, X)).unbound
    assert double.quick((X[:2],)) is None
    assert double.quick((X, X)) is None
    assert double.quick(()) is None
    np.testing.assert_array_equal(double(X)[0], X * 2)
    assert len(double._frames) == 1


@pytest.mark.parametrize("natively", [True, False])
def test_threads_share_a_binding(natively: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not natively:
        monkeypatch.setattr(entries, "native", lambda: None)
    rng = np.random.default_rng(0)
    w = rng.normal(size=(30, 30)).astype(np.float32)
    x = rng.normal(size=(4, 17, 30)).astype(np.float32)
    bound = Executable(lamina.trace(lambda w, x: lamina.tanh(x @ w) @ w.T, w, x[0])).bind({0: w})
    wanted = [bound(each)[0] for each in x]

    def work(number: int) -> None:
        for _ in range(300):
            np.testing.assert_array_equal(bound(x[number])[0], wanted[number])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
