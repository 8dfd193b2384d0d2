"""The matrix of a convolution, and that its transpose is the transposed convolution's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import toeplitz
from scipy.signal import convolve2d

from lamina.core.errors import ArgumentError, ShapeError
from lamina.insight import convolution_matrix


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def test_one_axis_is_a_toeplitz_matrix() -> None:
    w = draw(3)
    C = convolution_matrix(6, w, padding="wide").C
    np.testing.assert_array_equal(C, toeplitz(np.r_[w, np.zeros(5)], np.r_[w[0], np.zeros(5)]))


def test_two_axes_are_a_toeplitz_matrix_of_toeplitz_blocks() -> None:
    H, W, w = 4, 5, draw(3, 3)
    C = convolution_matrix((H, W), w, padding="same").C.reshape(H, W, H, W)
    for i in range(H):
        for j in range(H):
            block, k = C[i, :, j, :], i - j + 1
            line = w[k] if 0 <= k < 3 else np.zeros(3)
            expected = toeplitz(np.r_[line[1:], 0, 0, 0], np.r_[line[1::-1], 0, 0, 0])
            np.testing.assert_array_equal(block, expected)


settings = {
    "stride": st.integers(1, 3),
    "padding": st.integers(0, 2),
    "dilation": st.integers(1, 2),
    "flip": st.booleans(),
}


@given(length=st.integers(5, 8), size=st.integers(1, 3), options=st.fixed_dictionaries(settings))
def test_one_axis_against_lamina(length: int, size: int, options: dict[str, int]) -> None:
    matrix = convolution_matrix(length, draw(size), **options)  # type: ignore[arg-type]
    assert matrix.C.shape == (*matrix.output_shape, length)
    x, y = draw(length, seed=1), draw(*matrix.output_shape, seed=2)
    assert max(matrix.deviations(x, y)) < 1e-12


@given(
    shape=st.tuples(st.integers(5, 6), st.integers(5, 6)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    options=st.fixed_dictionaries(settings),
)
def test_two_axes_against_lamina(
    shape: tuple[int, int], kernel: tuple[int, int], options: dict[str, int]
) -> None:
    matrix = convolution_matrix(shape, draw(*kernel), **options)  # type: ignore[arg-type]
    x, y = draw(*shape, seed=1), draw(*matrix.output_shape, seed=2)
    assert max(matrix.deviations(x, y)) < 1e-12
    np.testing.assert_allclose((matrix.apply(x) * y).sum(), (x * matrix.transpose(y)).sum())


@pytest.mark.parametrize("padding", ["narrow", "same", "wide"])
def test_named_paddings(padding: str) -> None:
    matrix = convolution_matrix((4, 5), draw(2, 3), padding=padding)
    x, y = draw(4, 5, seed=1), draw(*matrix.output_shape, seed=2)
    assert max(matrix.deviations(x, y)) < 1e-12
    mode = {"narrow": "valid", "wide": "full"}.get(padding)
    if mode:
        np.testing.assert_allclose(matrix.apply(x), convolve2d(x, draw(2, 3), mode), atol=1e-12)


def test_a_wrong_matrix_deviates() -> None:
    matrix = convolution_matrix(5, [1, 2, 3])
    matrix.C[0, 0] += 1
    x, y = np.ones(5), np.ones(3)
    assert matrix.deviations(x, y) == (1.0, 1.0)


def test_errors() -> None:
    with pytest.raises(ArgumentError, match=r"\(5,\) and a kernel of shape \(1, 2\)"):
        convolution_matrix(5, [[1, 2]])
    with pytest.raises(ShapeError, match=r"expected shape \(5,\), got \(4,\)"):
        convolution_matrix(5, [1, 2]).apply(np.ones(4))
