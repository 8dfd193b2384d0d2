"""Sparse Jacobians: where they have entries, and in how few passes they are found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
import lamina.functions as F
from lamina import diff
from lamina.core.types import Array
from lamina.diff.automatic.colouring import Colouring, colours
from lamina.tensors import Tensor


def draw(*shape: int, seed: int = 0) -> Tensor:
    return lamina.tensor(np.random.default_rng(seed).normal(size=shape))


def banded(n: int, below: int, above: int) -> Array:
    return np.tri(n, k=above, dtype=bool) & ~np.tri(n, k=-below - 1, dtype=bool)


MATRIX = lamina.tensor(np.diag([1.0, 2.0, 0.0, 4.0]) + np.eye(4, k=2))

PATTERNS: dict[str, tuple[Callable[[Tensor], Tensor], tuple[int, ...], Array]] = {
    "elementwise": (lamina.tanh, (4,), np.eye(4, dtype=bool)),
    "a constant matrix's zeros": (lambda x: MATRIX @ x, (4,), MATRIX.numpy() != 0),
    "differences": (lambda x: x[1:] - x[:-1], (4,), banded(4, 0, 1)[:3]),
    "reversed": (lambda x: lamina.exp(x).flip(0), (3,), np.eye(3, dtype=bool)[::-1]),
    "convolution": (
        lambda x: F.conv1d(x.reshape(1, 1, 6), lamina.ones(1, 1, 3).double(), padding=1).flatten(),
        (6,),
        banded(6, 1, 1),
    ),
    "strided convolution": (
        lambda x: F.conv1d(x.reshape(1, 1, 6), lamina.ones(1, 1, 2).double(), stride=2).flatten(),
        (6,),
        np.repeat(np.eye(3, dtype=bool), 2, axis=1),
    ),
    "transposed convolution": (
        lambda x: F.conv_transpose1d(
            x.reshape(1, 1, 3), lamina.ones(1, 1, 2).double(), stride=2
        ).flatten(),
        (3,),
        np.repeat(np.eye(3, dtype=bool), 2, axis=0),
    ),
    "maxima of windows": (
        lambda x: F.max_pool1d(x.reshape(1, 6), 3).flatten(),
        (6,),
        np.repeat(np.eye(2, dtype=bool), 3, axis=1),
    ),
    "the gradient of maxima": (
        lamina.grad(lambda x: (F.max_pool1d(x.reshape(1, 6), 3) ** 2).sum()),
        (6,),
        np.kron(np.eye(2, dtype=bool), np.ones((3, 3), bool)),
    ),
    "the gradient of positions": (
        lamina.grad(lambda x: (x[lamina.tensor([2, 0])] ** 2).sum()),
        (3,),
        np.diag([True, False, True]),
    ),
    "positions": (
        lambda x: x[lamina.tensor([2, 0, 2])],
        (3,),
        np.array([[0, 0, 1], [1, 0, 0], [0, 0, 1]], bool),
    ),
    "joined": (
        lambda x: lamina.cat([x[:1], x[:1] * x[2:]]),
        (3,),
        np.array([[1, 0, 0], [1, 0, 1]], bool),
    ),
    "detached": (
        lambda x: x * x.flip(0).detach() + lamina.sign(x.sum()),
        (3,),
        np.eye(3, dtype=bool),
    ),
    "nothing": (lambda x: x[:2].detach(), (3,), np.zeros((2, 3), bool)),
    "everything": (lambda x: x / x.sum(), (3,), np.ones((3, 3), bool)),
}  # fmt: skip


@pytest.mark.parametrize("name", PATTERNS)
def test_known_patterns(name: str) -> None:
    f, shape, wanted = PATTERNS[name]
    found = diff.jacobian_sparsity(f, draw(*shape))
    np.testing.assert_array_equal(found, wanted)


def test_rows_of_a_batch_do_not_depend_on_one_another() -> None:
    lamina.manual_seed(0)
    net = lamina.nn.Sequential(lamina.nn.Linear(3, 4), lamina.nn.Tanh(), lamina.nn.Linear(4, 2))
    f, x = diff.input_function(net.double()), draw(5, 3)
    found = diff.jacobian_sparsity(f, x)
    np.testing.assert_array_equal(
        found, np.eye(5, dtype=bool)[:, None, :, None] * np.ones((5, 2, 5, 3))
    )
    chosen = diff.jacobian(f, x)
    assert chosen.way == "sparse reverse mode" and chosen.evaluations == 2
    np.testing.assert_allclose(
        chosen.jacobian, diff.Reverse().jacobian(f, x).jacobian, rtol=1e-13, atol=1e-16
    )


def test_the_hessian_of_rosenbrocks_function_is_tridiagonal() -> None:
    x = draw(30)
    gradient = lamina.grad(diff.examples.rosenbrock)
    np.testing.assert_array_equal(diff.jacobian_sparsity(gradient, x), banded(30, 1, 1))
    found = diff.jacobian(gradient, x)
    assert found.evaluations == 3 and "3 passes of sparse" in found.reason
    np.testing.assert_allclose(
        found.jacobian, lamina.hessian(diff.examples.rosenbrock)(x), rtol=1e-12, atol=1e-11
    )


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0, 1), st.integers(0, 99))
@settings(max_examples=60)
def test_no_row_has_two_entries_of_a_colour(m: int, n: int, density: float, seed: int) -> None:
    sparsity = np.random.default_rng(seed).random((m, n)) < density
    found = colours(sparsity)
    for colour in range(found.max() + 1):
        assert (sparsity[:, found == colour].sum(1) <= 1).all()
    assert sparsity.sum(1).max() <= found.max() + 1 or not sparsity.any()


@pytest.mark.parametrize("below, above", [(0, 0), (1, 0), (1, 1), (2, 1)])
def test_bands_take_their_width(below: int, above: int) -> None:
    assert Colouring.of(banded(20, below, above), "forward").count == below + above + 1
    assert Colouring.of(banded(20, below, above), "reverse").count == below + above + 1


STEPS: list[Callable[[Tensor], Tensor]] = [
    lamina.sin,
    lambda x: x[1:] * x[:-1] if len(x) > 1 else x,
    lambda x: lamina.cat([x, x[:1]]),
    lambda x: x.reshape(1, -1).flip(1).flatten(),
    lambda x: F.max_pool1d(x.reshape(1, -1), 2, padding=1).flatten(),
    lambda x: lamina.where(x > 0, x, x.flip(0)),
    lambda x: lamina.stack([x, x * x], 1).flatten(),
    lambda x: F.avg_pool1d(x.reshape(1, 1, -1), 3, stride=2, padding=1).flatten(),
    lambda x: lamina.sort(x)[0],
]


@given(st.lists(st.sampled_from(range(len(STEPS))), min_size=1, max_size=5), st.integers(0, 99))
@settings(max_examples=60)
def test_random_compositions(kinds: list[int], seed: int) -> None:
    """Patterns cover all entries, and all modes find the same ones."""
    f, x = diff.Chain([STEPS[kind] for kind in kinds]), draw(5, seed=seed)
    wanted = diff.Reverse().jacobian(f, x).jacobian
    sparsity = diff.jacobian_sparsity(f, x)
    assert not wanted[~sparsity].any()
    for engine in (diff.Forward(), diff.Sparse("forward"), diff.Sparse("reverse"), diff.Auto()):
        found = engine.jacobian(f, x)
        np.testing.assert_allclose(found.jacobian, wanted, rtol=1e-12, atol=1e-14)
    columns, rows = (diff.Sparse(m).jacobian(f, x).evaluations for m in ("forward", "reverse"))
    assert sparsity.sum(1).max() <= columns <= x.numel()
    assert sparsity.sum(0).max() <= rows <= wanted.shape[0]


def test_forward_against_reverse() -> None:
    """With n inputs, m outputs and a matrix of m × n: n or m passes of the same size."""
    for m, n, way in ((1, 50, "reverse mode"), (50, 1, "forward mode")):
        matrix = draw(m, n)
        found = diff.forward_against_reverse(lambda x, w=matrix: w @ x, draw(n))
        assert (found.inputs, found.outputs, found.cheaper.way) == (n, m, way)
        assert found.forward.evaluations == n and found.reverse.evaluations == m
        assert found.forward.operations == n * (2 * m * n + 2 * m * n)
        assert found.reverse.operations == 2 * m * n + m * 2 * m * n
        np.testing.assert_allclose(found.forward.jacobian, matrix)
        np.testing.assert_allclose(found.reverse.jacobian, matrix)
        lines = str(found).splitlines()
        assert lines[0].split()[:2] == ["passes", "operations"] and way in lines[-1]


def test_a_choice_without_a_trace() -> None:
    f = lambda x: lamina.stack([x * 2, x * 3, x]) if x > 0 else x.reshape(1)  # noqa: E731
    assert diff.jacobian(f, lamina.tensor(1.0)).way == "forward mode"
    assert diff.jacobian(f, lamina.tensor(1.0)).jacobian.tolist() == [2, 3, 1]
    assert diff.jacobian(f, lamina.tensor(-1.0)).way == "reverse mode"


TORCH: dict[str, tuple[Callable[..., object], tuple[int, ...]]] = {
    "softmax": (lambda T, x: T.softmax(x, 1), (3, 4)),
    "convolution": (
        lambda T, x: T.conv2d(x, x[:, :, :2, :3].detach(), stride=2, padding=1), (1, 2, 5, 6),
    ),
    "maxima": (lambda T, x: T.max_pool2d(x, 2, stride=1), (1, 1, 4, 5)),
    "transposed": (lambda T, x: T.conv_transpose1d(x, x[:, :, :3].detach(), stride=2), (2, 2, 4)),
    "gelu of products": (lambda T, x: T.gelu(x @ x.T), (3, 4)),
    "layer norm": (lambda T, x: T.layer_norm(x, (4,)), (2, 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", TORCH)
def test_against_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    f, shape = TORCH[name]
    x = draw(*shape)
    wanted = torch.autograd.functional.jacobian(
        lambda x: f(torch.nn.functional, x), torch.tensor(x.numpy().copy())
    ).numpy()
    for engine in (diff.Forward(), diff.Reverse(), diff.Sparse(), diff.Auto()):
        found = engine.jacobian(lambda x: f(F, x), x)
        np.testing.assert_allclose(found.jacobian, wanted, rtol=1e-11, atol=1e-13)
