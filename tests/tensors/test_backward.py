"""``.backward()`` as in PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina.core.errors import DTypeError, GradientError, ShapeError
from lamina.tensors import Tensor


@pytest.fixture
def w() -> Tensor:
    return lamina.tensor([1.0, 2.0, 3.0], requires_grad=True)


def test_gradients_accumulate_over_passes(w: Tensor) -> None:
    assert w.grad is None
    for times in (1, 2, 3):
        (w * w).sum().backward()
        assert w.grad.tolist() == [2 * times, 4 * times, 6 * times]
    w.grad = None
    (3 * w).sum().backward()
    assert w.grad.tolist() == [3, 3, 3]


def test_one_graph_can_be_walked_again(w: Tensor) -> None:
    loss = (w * w).sum()
    loss.backward()
    loss.backward(retain_graph=True)
    assert w.grad.tolist() == [4, 8, 12]


def test_several_losses_and_shared_parts(w: Tensor) -> None:
    h = w * w
    h.sum().backward()
    (h * 10).sum().backward()
    assert w.grad.tolist() == [22, 44, 66]


def test_several_variables(w: Tensor) -> None:
    b = lamina.tensor(1.0, requires_grad=True)
    frozen = lamina.tensor([1.0, 1.0, 1.0])
    ((w + b) * frozen * w).sum().backward()
    assert w.grad.tolist() == [3, 5, 7]
    assert b.grad.tolist() == 6
    assert frozen.grad is None


def test_a_variable_used_many_times(w: Tensor) -> None:
    (w + w + w * w).sum().backward()
    assert w.grad.tolist() == [4, 6, 8]


def test_unreached_variables_have_no_gradient(w: Tensor) -> None:
    other = lamina.ones(3, requires_grad=True)
    w.sum().backward()
    assert other.grad is None
    (w + 0 * other).sum().backward()
    assert other.grad.tolist() == [0, 0, 0]


def test_a_leaf_itself() -> None:
    w = lamina.tensor(2.0, requires_grad=True)
    w.backward()
    assert w.grad.item() == 1


def test_leaves_and_results(w: Tensor) -> None:
    y = w * 2
    assert (w.is_leaf, w.requires_grad) == (True, True)
    assert (y.is_leaf, y.requires_grad) == (False, True)
    constant = lamina.ones(2) * 2
    assert (constant.is_leaf, constant.requires_grad) == (True, False)
    y.sum().backward()
    assert y.grad is None


def test_retain_grad_on_intermediates(w: Tensor) -> None:
    y = (w * 2).retain_grad()
    z = (y * y).retain_grad()
    z.sum().backward()
    assert z.grad.tolist() == [1, 1, 1]
    assert y.grad.tolist() == [4, 8, 12]
    assert w.grad.tolist() == [8, 16, 24]
    z.sum().backward()
    assert y.grad.tolist() == [8, 16, 24]


def test_cotangents(w: Tensor) -> None:
    (w * w).backward(lamina.tensor([1.0, 0.0, 10.0]))
    assert w.grad.tolist() == [2, 0, 60]
    w.grad = None
    (w * w).backward([1, 1, 1])
    assert w.grad.tolist() == [2, 4, 6]
    w.grad = None
    (w * w).sum().reshape(1, 1).backward()
    assert w.grad.tolist() == [2, 4, 6]


def test_gradients_have_the_dtype_of_their_variable() -> None:
    a = lamina.tensor([1.0], requires_grad=True)
    b = lamina.tensor([1.0], dtype="float64", requires_grad=True)
    (a * b).sum().backward(np.float64(2))
    assert a.grad.dtype == lamina.float32
    assert b.grad.dtype == lamina.float64


def test_no_grad(w: Tensor) -> None:
    with lamina.no_grad():
        y = w * 2
        with lamina.enable_grad():
            z = w * 3
    assert not y.requires_grad
    assert z.requires_grad
    assert (w * 2).requires_grad
    (z + y).sum().backward()
    assert w.grad.tolist() == [3, 3, 3]


def test_no_grad_as_a_decorator_and_after_an_error(w: Tensor) -> None:
    @lamina.no_grad()
    def double() -> Tensor:
        return w * 2

    assert not double().requires_grad
    with pytest.raises(ZeroDivisionError), lamina.no_grad():
        raise ZeroDivisionError
    assert (w * 2).requires_grad


def test_backward_inside_no_grad(w: Tensor) -> None:
    loss = (w * w).sum()
    with lamina.no_grad():
        loss.backward()
    assert w.grad.tolist() == [2, 4, 6]


def test_detach(w: Tensor) -> None:
    y = (w * w).detach()
    assert not y.requires_grad
    (y * w).sum().backward()
    assert w.grad.tolist() == [1, 4, 9]
    assert w.data.tolist() == [1, 2, 3]
    assert not w.data.requires_grad


def test_requires_grad_in_place() -> None:
    x = lamina.ones(2)
    before = x * 2
    assert x.requires_grad_() is x
    (x * 3 + before).sum().backward()
    assert x.grad.tolist() == [3, 3]
    x.requires_grad = False
    assert not x.requires_grad
    assert not (x * 2).requires_grad


def test_requires_grad_again_keeps_the_graph(w: Tensor) -> None:
    loss = (w * w).sum()
    w.requires_grad_()
    loss.backward()
    assert w.grad.tolist() == [2, 4, 6]


def test_double_backward(w: Tensor) -> None:
    (w * w * w).sum().backward(create_graph=True)
    first = w.grad
    assert first.requires_grad
    w.grad = None
    (first * first).sum().backward()
    assert first.tolist() == [3, 12, 27]
    assert w.grad.tolist() == [36, 288, 972]


def test_gradients_are_constants_without_create_graph(w: Tensor) -> None:
    (w * w).sum().backward()
    assert not w.grad.requires_grad
    (w.grad * w).sum().backward()
    assert w.grad.tolist() == [4, 8, 12]


def test_assign(w: Tensor) -> None:
    for n in range(3):
        w.grad = None
        (w * w).sum().backward()
        w.assign(w - 0.25 * w.grad)
        assert w.is_leaf
        assert w.requires_grad
        np.testing.assert_allclose(w.numpy(), np.array([1.0, 2.0, 3.0]) / 2 ** (n + 1))
    old = (w * 2).sum()
    w.assign([0, 0, 0])
    w.grad = None
    old.backward()
    assert w.grad is None


def test_assign_on_buffers() -> None:
    buffer = lamina.zeros(2)
    buffer.assign(lamina.ones(2, requires_grad=True) * 3)
    assert buffer.tolist() == [3, 3]
    assert not buffer.requires_grad
    buffer.data = lamina.tensor([1.0, 2.0])
    assert buffer.tolist() == [1, 2]


def test_errors(w: Tensor) -> None:
    with pytest.raises(GradientError, match="nothing behind this tensor has requires_grad"):
        lamina.ones(1).sum().backward()
    with pytest.raises(GradientError, match=r"shape \(3,\) needs gradient="):
        (w * 2).backward()
    with pytest.raises(ShapeError, match=r"gradient of shape \(2,\), expected \(3,\)"):
        (w * 2).backward([1.0, 2.0])
    with pytest.raises(GradientError, match="nothing behind"):
        (w > 0).sum().backward()
    with pytest.raises(GradientError, match="detach\\(\\) it first"):
        (w * 2).requires_grad_(False)
    with pytest.raises(DTypeError, match="only floats have gradients, got int64"):
        lamina.arange(3).requires_grad_()
    with pytest.raises(DTypeError, match="only floats"):
        lamina.tensor([1, 2], requires_grad=True)
    with pytest.raises(ShapeError, match=r"assign: expected float32\[3\], got float32\[2\]"):
        w.assign([1.0, 2.0])
    with pytest.raises(ShapeError, match="assign: expected float32"):
        w.assign(lamina.ones(3, dtype="float64"))
    with pytest.raises(ShapeError, match="grad: expected"):
        w.grad = lamina.ones(2)


def test_a_given_gradient_is_a_tensor(w: Tensor) -> None:
    w.grad = np.ones(3, "float32")
    (w * 0).sum().backward()
    assert w.grad.tolist() == [1, 1, 1]


@pytest.mark.filterwarnings("ignore:Using backward.. with create_graph=True")  # PyTorch's cycle
def test_against_torch() -> None:
    """Random graphs of mixed operations, twice differentiated."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 4)), rng.normal(size=(4,))
    results = []
    for make, library in ((lamina.tensor, lamina), (torch.tensor, torch)):
        x, y = make(a, requires_grad=True), make(b, requires_grad=True)
        h = library.tanh(x @ y) * x[:, 1] + (x * x).mean(1)
        loss = library.where(h > 0, h * h, h).sum() + library.logsumexp(x, 0).std()
        loss.backward(create_graph=True)
        first = x.grad
        x.grad = y.grad = None
        (first * first).sum().backward()
        results.append([np.asarray(t.detach().numpy()) for t in (loss, first, x.grad, y.grad)])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9)
