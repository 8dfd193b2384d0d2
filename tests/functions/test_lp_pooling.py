"""LP pooling against plain loops over windows."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.functions.spatial_checks import Axis, check_derivatives, draw, windows

import lamina
from lamina import tensor
from lamina.core.errors import ArgumentError
from lamina.functions.lp_pooling import lp_pool1d, lp_pool2d, lp_pool3d

POOL = {1: lp_pool1d, 2: lp_pool2d, 3: lp_pool3d}
EXTENTS = {1: (9,), 2: (5, 6), 3: (4, 3, 5)}


@given(
    rank=st.integers(1, 3), kernel=st.integers(1, 3), stride=st.integers(1, 3), p=st.floats(1, 5)
)
def test_matches_plain_loops(rank: int, kernel: int, stride: int, p: float) -> None:
    x = abs(draw((2, 3, *EXTENTS[rank])))
    got = POOL[rank](tensor(x), p, kernel, stride)
    cut = windows(x, [Axis(kernel, stride)] * rank)
    np.testing.assert_allclose(got.numpy(), np.linalg.norm(cut, ord=p, axis=-1))


def test_hand_worked() -> None:
    row = tensor([[3.0, 4.0, 0.0, 0.0, 2.0]])
    assert lp_pool1d(row, 2, 2).tolist() == [[5.0, 0.0]]
    assert lp_pool1d(row, 1, 2, stride=1).tolist() == [[7.0, 4.0, 0.0, 2.0]]
    # The missing element of the last window counts as the mean of what is there.
    assert lp_pool1d(row, 1, 2, ceil_mode=True).tolist() == [[7.0, 0.0, 4.0]]


def test_between_the_sum_and_the_maximum() -> None:
    x = tensor(abs(draw((1, 4, 4))))
    np.testing.assert_allclose(lp_pool2d(x, 200.0, 2).numpy().max(), x.numpy().max(), rtol=0.01)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_derivatives(rank: int, p: float) -> None:
    x = abs(draw((2, 2, *EXTENTS[rank]))) + 0.1
    check_derivatives(lambda t: POOL[rank](t, p, 2, ceil_mode=True), x)


def test_the_derivative_at_zero_is_zero() -> None:
    g = lamina.grad(lambda t: lp_pool1d(t, 2, 2).sum())(tensor([[0.0, 0.0, 3.0, 4.0]]))
    np.testing.assert_allclose(g.numpy(), [[0.0, 0.0, 0.6, 0.8]], rtol=1e-6)


@pytest.mark.parametrize("p", [0, -1.0, float("inf"), float("nan")])
def test_impossible_powers(p: Any) -> None:
    with pytest.raises(ArgumentError, match="lp_pool2d: norm_type must be a finite number above 0"):
        lp_pool2d(lamina.zeros((1, 4, 4)), p, 2)
