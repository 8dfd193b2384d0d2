"""Tensors, NumPy and DLPack: values, copies, views, operators on either side."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import lamina
from lamina.core.errors import DTypeError, ShapeError
from lamina.tensors import Tensor
from tests.tensors.arrays import assert_same

# To NumPy ------------------------------------------------------------------------------------


def test_asarray_is_a_read_only_view() -> None:
    x = lamina.tensor([1.0, 2.0])
    for array in (np.asarray(x), x.numpy(), np.asarray(x, dtype="float32")):
        assert np.shares_memory(array, x.value)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5
    assert x.tolist() == [1, 2]


def test_copies_are_writable_and_apart() -> None:
    x = lamina.tensor([1.0, 2.0])
    for array in (np.array(x), np.asarray(x, copy=True), np.array(x, dtype="float64")):
        array[0] = 5
    assert np.array(x, dtype="float64").dtype == np.float64
    assert np.asarray(x, dtype="float64").dtype == np.float64
    assert x.tolist() == [1, 2]


def test_no_copy_when_none_is_allowed() -> None:
    x = lamina.tensor([1.0, 2.0])
    assert np.shares_memory(np.asarray(x, copy=False), x.value)
    with pytest.raises(ValueError, match="Unable to avoid copy"):
        np.asarray(x, dtype="float64", copy=False)


def test_numpy_functions_take_tensors() -> None:
    x = lamina.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert np.mean(np.asarray(x)) == 2.5
    assert np.concatenate([x, x]).shape == (4, 2)
    assert np.stack([x[0], x[1]]).tolist() == x.tolist()
    np.testing.assert_array_equal(x, x.numpy())
    assert isinstance(np.sum(np.asarray(x), axis=0), np.ndarray)


def test_an_array_on_the_left_makes_a_tensor() -> None:
    a, x = np.array([1.0, 2.0], "float32"), lamina.tensor([3.0, 4.0])
    for found, expected in (
        (a + x, [4, 6]),
        (a - x, [-2, -2]),
        (a * x, [3, 8]),
        (a / x, [1 / 3, 0.5]),
        (a**x, [1, 16]),
        (a // x, [0, 0]),
        (a % x, [1, 2]),
        (a < x, [True, True]),
        (a == x, [False, False]),
        (a @ x, 11),
        (np.float32(2) * x, [6, 8]),
    ):
        assert isinstance(found, Tensor)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_gradients_flow_through_arrays_on_the_left() -> None:
    x = lamina.tensor([3.0, 4.0], requires_grad=True)
    (np.array([1.0, 2.0], "float32") * x).sum().backward()
    assert x.grad.tolist() == [1, 2]


def test_ufuncs_do_not_drop_history_silently() -> None:
    with pytest.raises(TypeError):
        np.exp(lamina.ones(2, requires_grad=True))


# From NumPy ----------------------------------------------------------------------------------


def test_tensor_copies_and_as_tensor_shares() -> None:
    a = np.array([1.0, 2.0], "float32")
    copied, shared, named = lamina.tensor(a), lamina.as_tensor(a), lamina.from_numpy(a)
    a[0] = 9
    assert copied.tolist() == [1, 2]
    assert shared.tolist() == named.tolist() == [9, 2]
    assert lamina.as_tensor(shared) is shared


def test_tensor_copies_tensors() -> None:
    a = np.zeros(2)
    shared = lamina.from_numpy(a)
    copied = lamina.tensor(shared)
    a[:] = 7
    assert copied.tolist() == [0, 0]


def test_assign_copies_arrays() -> None:
    a = np.ones(2, "float32")
    w = lamina.zeros(2, requires_grad=True)
    w.assign(a)
    a[:] = 7
    assert w.tolist() == [1, 1]


def test_results_do_not_share_with_what_they_were_computed_from() -> None:
    a = np.ones(3, "float32")
    x = lamina.from_numpy(a)
    results = [x + 0, x * 1, x.exp(), x.sum(), x[[0, 1]], x.relu(), lamina.where(x > 0, x, 0.0)]
    before = [r.tolist() for r in results]
    a[:] = -5
    assert [r.tolist() for r in results] == before


def test_dtypes_of_what_is_given() -> None:
    assert lamina.tensor(1.5).dtype == lamina.tensor([1.5, 2]).dtype == lamina.float32
    assert lamina.tensor(1).dtype == lamina.tensor([True, 2]).dtype == lamina.int64
    assert lamina.tensor(True).dtype == lamina.bool_
    assert lamina.tensor([]).dtype == lamina.float32
    assert lamina.tensor(np.ones(2)).dtype == lamina.float64
    assert lamina.tensor(np.float64(1)).dtype == lamina.float64
    assert lamina.tensor([1, 2], dtype="uint8").dtype == lamina.uint8
    assert lamina.tensor([lamina.tensor(1.0), lamina.tensor(2.0)]).tolist() == [1, 2]


def test_foreign_layouts() -> None:
    base = np.arange(24.0).reshape(2, 3, 4)
    for a in (base.T, base[:, ::-1], base[..., ::2], np.asfortranarray(base), base[:, :0]):
        assert_same(lamina.tensor(a), a)
        assert_same(lamina.from_numpy(a) * 2, a * 2)
        assert_same(lamina.from_numpy(a).sum(0), a.sum(0))
    frozen = base.copy()
    frozen.flags.writeable = False
    assert_same(lamina.from_numpy(frozen) + 1, base + 1)


def test_errors() -> None:
    with pytest.raises(ShapeError, match="expected a rectangular array"):
        lamina.tensor([[1, 2], [3]])
    for wrong in ("text", [None], np.ones(2, "float16"), 2**70, np.ones(2, ">f4"), {1: 2}):
        with pytest.raises(DTypeError, match="not supported"):
            lamina.tensor(wrong)


# DLPack --------------------------------------------------------------------------------------


def test_dlpack_with_numpy() -> None:
    x = lamina.tensor([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(np.from_dlpack(x), x.numpy())
    a = np.arange(6).reshape(2, 3)
    assert_same(lamina.from_dlpack(a), a)
    assert_same(lamina.from_dlpack(lamina.ones(2)), np.ones(2, "float32"))


def test_dlpack_of_constants_and_views() -> None:
    for x in (lamina.zeros(2, 3), lamina.arange(6).reshape(2, 3).T, lamina.tensor(2.0)):
        np.testing.assert_array_equal(np.from_dlpack(x), x.numpy())


def test_dlpack_with_torch() -> None:
    torch = pytest.importorskip("torch")
    x = lamina.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert torch.from_dlpack(x).tolist() == x.tolist()
    assert torch.from_dlpack(lamina.zeros(2, 3)).shape == (2, 3)
    t = torch.arange(6, dtype=torch.float64).reshape(2, 3)
    assert_same(lamina.from_dlpack(t), t.numpy())
    shared = lamina.from_dlpack(t)
    t[0, 0] = 9
    assert shared[0, 0].item() == 9


def test_torch_tensors_as_operands() -> None:
    torch = pytest.importorskip("torch")
    found = lamina.ones(2) + torch.tensor([1.0, 2.0])
    assert isinstance(found, Tensor)
    assert found.tolist() == [2, 3]
    assert found.dtype == lamina.float32


# Copies --------------------------------------------------------------------------------------


def test_deepcopy() -> None:
    w = lamina.tensor([1.0, 2.0], requires_grad=True)
    (w * w).sum().backward()
    other = copy.deepcopy(w)
    assert other.requires_grad
    assert other.is_leaf
    assert other.tolist() == [1, 2]
    assert not np.shares_memory(other.value, w.value)
    (other * 3).sum().backward()
    assert other.grad.tolist() == [3, 3]
    assert w.grad.tolist() == [2, 4]
    shared = [w, w]
    one, two = copy.deepcopy(shared)
    assert one is two


def test_clone_keeps_history() -> None:
    w = lamina.tensor([1.0, 2.0], requires_grad=True)
    (w.clone() * 2).sum().backward()
    assert w.grad.tolist() == [2, 2]


def test_text() -> None:
    assert repr(lamina.tensor([1.0, 2.5])) == "tensor([1. , 2.5])"
    assert repr(lamina.tensor([1, 2], dtype="int8")) == "tensor([1, 2], dtype=int8)"
    assert repr(lamina.tensor(1.0, requires_grad=True)) == "tensor(1., requires_grad=True)"
    assert "dtype=float64" in repr(lamina.tensor(np.ones(2)))
    assert len(repr(lamina.zeros(1000, 1000))) < 1000
