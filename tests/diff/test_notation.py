"""Derivatives as formulas: recognised from loops, and true."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina.diff.notation import product, tensor_derivatives
from lamina.ops.loops import Loop, contraction


def draw(*shape: int, seed: int = 0) -> lamina.Tensor:
    return lamina.tensor(np.random.default_rng(seed).normal(size=shape))


FORMS: dict[str, tuple[Callable[..., Any], list[str], list[tuple[int, ...]], list[str]]] = {
    "W a": (lambda W, a: W @ a, ["W", "a"], [(3, 4), (4,)],
            ["∂L/∂W = ∂L/∂v1 aᵀ", "∂L/∂a = Wᵀ ∂L/∂v1"]),
    "A B": (lambda A, B: A @ B, ["A", "B"], [(2, 3), (3, 4)],
            ["∂L/∂A = ∂L/∂v1 Bᵀ", "∂L/∂B = Aᵀ ∂L/∂v1"]),
    "X Wᵀ": (lambda X, W: F.linear(X, W), ["X", "W"], [(5, 3), (2, 3)],
             ["∂L/∂X = ∂L/∂v1 W", "∂L/∂W = ∂L/∂v1ᵀ X"]),
    "xᵀ y": (lambda x, y: x @ y, ["x", "y"], [(3,), (3,)],
             ["∂L/∂x = y ∂L/∂v1", "∂L/∂y = x ∂L/∂v1"]),
    "tanh": (lamina.tanh, ["z"], [(3,)], ["∂L/∂z = (1 - (v1 · v1)) ⊙ ∂L/∂v1"]),
    "a sum": (lambda x: x.sum(1), ["x"], [(2, 3)], [""]),
    "correlation": (lambda x, W: F.conv1d(x, W), ["X", "W"], [(1, 2, 6), (3, 2, 3)],
                    ["∂L/∂X = rot180(W) ⊗̃ ∂L/∂v1", "∂L/∂W = ∂L/∂v1 ⊗ X"]),
    "correlation in 2-D, padded": (lambda x, W: F.conv2d(x, W, padding=1), ["X", "W"],
                                   [(1, 1, 5, 5), (1, 1, 3, 3)],
                                   ["∂L/∂X = rot180(W) ⊗̃ ∂L/∂v1", "∂L/∂W = ∂L/∂v1 ⊗ X"]),
    "with strides": (lambda x, W: F.conv1d(x, W, stride=2), ["X", "W"], [(1, 2, 7), (3, 2, 3)],
                     ["", ""]),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_forms(name: str) -> None:
    f, names, shapes, wanted = FORMS[name]
    args = [lamina.zeros(*shape) for shape in shapes]
    found = {formula.operand: formula for formula in tensor_derivatives(f, *args, names=names)}
    for operand, matrix in zip(names, wanted, strict=True):
        if operand in found:
            assert found[operand].matrix == matrix
            assert found[operand].index.startswith(f"∂L/∂{operand}")


MATRICES = {
    "∂L/∂W = ∂L/∂v1 aᵀ": lambda d, W, a: np.outer(d, a),
    "∂L/∂a = Wᵀ ∂L/∂v1": lambda d, W, a: W.T @ d,
    "∂L/∂A = ∂L/∂v1 Bᵀ": lambda d, A, B: d @ B.T,
    "∂L/∂B = Aᵀ ∂L/∂v1": lambda d, A, B: A.T @ d,
    "∂L/∂X = ∂L/∂v1 W": lambda d, X, W: d @ W,
    "∂L/∂W = ∂L/∂v1ᵀ X": lambda d, X, W: d.T @ X,
}


@pytest.mark.parametrize("name", ["W a", "A B", "X Wᵀ"])
def test_matrix_forms_are_true(name: str) -> None:
    f, _, shapes, wanted = FORMS[name]
    args = [draw(*shape, seed=n) for n, shape in enumerate(shapes)]
    value, pull = lamina.vjp(f, *args)
    error = draw(*value.shape, seed=9)
    for gradient, text in zip(pull(error), wanted, strict=True):
        by_form = MATRICES[text](error.numpy(), *(a.numpy() for a in args))
        np.testing.assert_allclose(gradient.numpy(), by_form, rtol=1e-12)


def test_index_notation() -> None:
    formulas = tensor_derivatives(
        lambda W, a: lamina.tanh(W @ a), lamina.zeros(3, 4), lamina.zeros(4), names=["W", "a"]
    )
    assert [f.operand for f in formulas] == ["v1", "W", "a"]
    assert formulas[0].matrix == "∂L/∂v1 = (1 - (v2 · v2)) ⊙ ∂L/∂v2"
    assert formulas[1].index == "∂L/∂W[i,k] = ∂L/∂v1[i] · a[k]"
    assert formulas[2].index == "∂L/∂a[k] = Σ_{i} ∂L/∂v1[i] · W[i,k]"
    assert formulas[2].transposed() == "∂L/∂a = (Wᵀ ∂L/∂v1)ᵀ"
    assert formulas[1].operation.startswith("v1[i] = Σ_{k}")


def test_strides_become_divisions() -> None:
    formulas = tensor_derivatives(
        lambda x, w: F.conv1d(x, w, stride=2),
        lamina.zeros(1, 1, 7),
        lamina.zeros(1, 1, 3),
        names=["x", "w"],
    )
    assert any("/2" in formula.index for formula in formulas)


def test_products_of_all_orders() -> None:
    i, j, k = Loop("i", 2), Loop("j", 3), Loop("k", 4)
    rng = np.random.default_rng(0)
    shapes = {
        (i, k): (2, 4),
        (k, i): (4, 2),
        (k, j): (4, 3),
        (j, k): (3, 4),
        (i,): (2,),
        (j,): (3,),
    }
    cases = [((i, k), (k, j)), ((k, i), (k, j)), ((i, k), (j, k)), ((k, j), (i, k)), ((i,), (j,))]
    for a, b in cases:
        spec = contraction((i, j), (shapes[a], a), (shapes[b], b))
        text = product(spec, ["A", "B"])
        arrays = {"A": rng.normal(size=shapes[a]), "B": rng.normal(size=shapes[b])}
        columns = {n: v if v.ndim == 2 else v[:, None] for n, v in arrays.items()}
        left, right = (columns[t[0]].T if t.endswith("ᵀ") else columns[t[0]] for t in text.split())
        np.testing.assert_allclose(
            left @ right, spec.evaluate(arrays["A"], arrays["B"]), rtol=1e-12
        )
