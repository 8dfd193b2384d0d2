"""Softmax and its relatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import lamina
import lamina.functions as F
from lamina.core.errors import ArgumentError, DTypeError

RNG = np.random.default_rng(0)
vectors = st.lists(st.floats(-1000, 1000), min_size=1, max_size=6).map(np.array)


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_values_are_scipys(dim: int, scale: float) -> None:
    x = RNG.normal(size=(2, 3, 4)) * scale
    t = lamina.tensor(x)
    for mine, reference in [
        (F.softmax(t, dim), special.softmax(x, dim)),
        (F.log_softmax(t, dim), special.log_softmax(x, dim)),
        (F.softmin(t, dim), special.softmax(-x, dim)),
        (F.logsumexp(t, dim), special.logsumexp(x, dim)),
    ]:
        np.testing.assert_allclose(mine.numpy(), reference, rtol=1e-12, atol=1e-300)


@given(vectors, st.floats(-1e4, 1e4))
def test_a_shift_of_all_logits_changes_nothing(x: np.ndarray, shift: float) -> None:
    shifted = F.softmax(lamina.tensor(x + shift), 0).numpy()
    np.testing.assert_allclose(shifted, F.softmax(lamina.tensor(x), 0).numpy(), atol=1e-10)


@given(vectors)
def test_softmax_is_a_distribution_and_the_gradient_of_logsumexp(x: np.ndarray) -> None:
    p = F.softmax(lamina.tensor(x), 0).numpy()
    assert p.sum() == pytest.approx(1)
    assert (p >= 0).all()
    gradient = lamina.grad(lambda x: F.logsumexp(x, 0))(x)
    np.testing.assert_allclose(gradient.numpy(), p, atol=1e-12)


def test_jacobian_is_diag_p_minus_p_p() -> None:
    x = RNG.normal(size=5)
    p = special.softmax(x)
    jacobian = lamina.jacobian(lambda x: F.softmax(x, 0))(x)
    np.testing.assert_allclose(jacobian.numpy(), np.diag(p) - np.outer(p, p), atol=1e-14)


def test_excluded_classes_have_probability_and_gradient_zero() -> None:
    x = lamina.tensor([[1.0, -np.inf, 1.0]], requires_grad=True)
    p = F.softmax(x, 1)
    p[0, 0].backward()
    assert p.tolist() == [[0.5, 0.0, 0.5]]
    assert x.grad is not None
    assert x.grad.tolist() == [[0.25, 0.0, -0.25]]


def test_nothing_in_nothing_out() -> None:
    assert F.softmax(lamina.zeros(0, 4), 0).shape == (0, 4)
    assert F.log_softmax(lamina.zeros(0, 4), 1).shape == (0, 4)


def test_dtype_is_cast_to_first() -> None:
    assert F.softmax(lamina.tensor([1, 2]), 0, dtype=lamina.float64).dtype == np.float64
    with pytest.raises(DTypeError, match=r"softmax: input must be a float tensor, got int64\[2\]"):
        F.softmax(lamina.tensor([1, 2]), 0)


def test_missing_axis() -> None:
    with pytest.raises(ArgumentError, match="log_softmax: dim 2 is out of range for 2 axes"):
        F.log_softmax(lamina.zeros(2, 3), 2)
