"""The textbook's results for the backward pass fall out of the one adjoint rule."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import convolve2d, correlate2d

import lamina
from lamina.core.types import Array
from lamina.ops.adjoint import adjoint
from lamina.ops.contraction import Contraction
from lamina.ops.loops import Loop, contraction
from lamina.tensors import Tensor, apply


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1986)


def listing(spec: Contraction, operand: int, *names: str) -> str:
    """Return the adjoint by one operand as a listing prints it."""
    return adjoint(spec, operand).render(names[1:], names[0])


# Dense: z = W a ------------------------------------------------------------------------------


def dense() -> Contraction:
    o, k = Loop("o", 3), Loop("k", 4)
    return contraction((o,), ((3, 4), (o, k)), ((4,), (k,)))


def test_dense_weight_gradient_is_the_outer_product(rng: np.random.Generator) -> None:
    """∂L/∂W = δ aᵀ (Qiu, §4.4)."""
    delta, a = rng.normal(size=3), rng.normal(size=4)
    assert listing(dense(), 0, "dW", "δ", "a") == "dW[o,k] = δ[o] · a[k]"
    np.testing.assert_array_equal(adjoint(dense(), 0).evaluate(delta, a), np.outer(delta, a))


def test_dense_input_gradient_is_the_transpose_times_the_error(rng: np.random.Generator) -> None:
    """∂L/∂a = Wᵀ δ (Qiu, §4.4)."""
    delta, W = rng.normal(size=3), rng.normal(size=(3, 4))
    assert listing(dense(), 1, "da", "δ", "W") == "da[k] = Σ_{o} δ[o] · W[o,k]"
    np.testing.assert_allclose(adjoint(dense(), 1).evaluate(delta, W), W.T @ delta)


def test_listings_do_not_depend_on_what_was_derived_before() -> None:
    """Equal contractions with other names are derived with their own names."""
    for name in "pq":
        o, k = Loop(name, 3), Loop("k", 4)
        spec = contraction((o,), ((3, 4), (o, k)), ((4,), (k,)))
        assert listing(spec, 0, "dW", "δ", "a") == f"dW[{name},k] = δ[{name}] · a[k]"


def test_bias_gradient_sums_over_the_batch() -> None:
    n, o = Loop("n", 5), Loop("o", 3)
    spread = contraction((n, o), ((3,), (o,)))
    assert listing(spread, 0, "db", "δ") == "db[o] = Σ_{n} δ[n,o]"


# Convolution ---------------------------------------------------------------------------------


def correlation(size: int = 5, kernel: int = 3) -> Contraction:
    """Narrow cross-correlation ``Z[y,x] = Σ W[u,v] X[y+u,x+v]``."""
    y, x = Loop("y", size - kernel + 1), Loop("x", size - kernel + 1)
    u, v = Loop("u", kernel), Loop("v", kernel)
    return contraction((y, x), ((size, size), (y + u, x + v)), ((kernel, kernel), (u, v)))


def test_conv_input_gradient_is_a_wide_convolution(rng: np.random.Generator) -> None:
    """∂L/∂X = rot180(W) ⊗̃ δ, in wide cross-correlation: a wide convolution with W (Qiu, §5.3)."""
    delta, W = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    found = adjoint(correlation(), 0).evaluate(delta, W)
    np.testing.assert_allclose(found, correlate2d(delta, np.rot90(W, 2), mode="full"))
    np.testing.assert_allclose(found, convolve2d(delta, W, mode="full"))
    text = listing(correlation(), 0, "dX", "δ", "W")
    assert text == "dX[i,j] = Σ_{u,v} δ[i-u,j-v] · W[u,v]"


def test_conv_weight_gradient_is_a_correlation_with_the_error(rng: np.random.Generator) -> None:
    """∂L/∂W = δ ⊗ X (Qiu, §5.3)."""
    delta, X = rng.normal(size=(3, 3)), rng.normal(size=(5, 5))
    found = adjoint(correlation(), 1).evaluate(delta, X)
    np.testing.assert_allclose(found, correlate2d(X, delta, mode="valid"))
    text = listing(correlation(), 1, "dW", "δ", "X")
    assert text == "dW[u,v] = Σ_{y,x} δ[y,x] · X[u+y,v+x]"


def test_stride_makes_holes(rng: np.random.Generator) -> None:
    """The error of a strided convolution is first spread out, with S - 1 zeros between."""
    y, u = Loop("y", 4), Loop("u", 3)
    strided = contraction((y,), ((9,), (2 * y + u,)), ((3,), (u,)))
    delta, W = rng.normal(size=4), rng.normal(size=3)
    holes = np.zeros(7)
    holes[::2] = delta
    found = adjoint(strided, 0).evaluate(delta, W)
    np.testing.assert_allclose(found, np.convolve(holes, W))
    assert listing(strided, 0, "dX", "δ", "W") == "dX[i] = Σ_{u} δ[(i-u)/2] · W[u]"


def test_stride_alone_leaves_holes_in_the_gradient() -> None:
    y, u = Loop("y", 3), Loop("u", 1)
    strided = contraction((y,), ((6,), (2 * y + u,)), ((1,), (u,)))
    found = adjoint(strided, 0).evaluate(np.array([1.0, 2.0, 3.0]), np.ones(1))
    np.testing.assert_array_equal(found, [1, 0, 2, 0, 3, 0])


def test_padding_is_cut_off_the_gradient(rng: np.random.Generator) -> None:
    """Equal-width convolution: the wide convolution's border belongs to the padding."""
    y, u = Loop("y", 5), Loop("u", 3)
    equal = contraction((y,), ((5,), (y + u - 1,)), ((3,), (u,)))
    delta, W = rng.normal(size=5), rng.normal(size=3)
    found = adjoint(equal, 0).evaluate(delta, W)
    np.testing.assert_allclose(found, np.convolve(delta, W)[1:-1])


def test_dilation_dilates_the_gradient(rng: np.random.Generator) -> None:
    y, u = Loop("y", 3), Loop("u", 3)
    dilated = contraction((y,), ((7,), (y + 2 * u,)), ((3,), (u,)))
    delta, W = rng.normal(size=3), rng.normal(size=3)
    wide = np.zeros(5)
    wide[::2] = W
    np.testing.assert_allclose(adjoint(dilated, 0).evaluate(delta, W), np.convolve(delta, wide))


def test_groups_do_not_mix(rng: np.random.Generator) -> None:
    g, y, u = Loop("g", 2), Loop("y", 3), Loop("u", 3)
    grouped = contraction((g, y), ((2, 5), (g, y + u)), ((2, 3), (g, u)))
    delta, W = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    delta[1] = 0
    found = adjoint(grouped, 0).evaluate(delta, W)
    np.testing.assert_allclose(found[0], np.convolve(delta[0], W[0]))
    assert not found[1].any()


# Pooling -------------------------------------------------------------------------------------


def test_mean_pooling_spreads_the_error_evenly(rng: np.random.Generator) -> None:
    """up(δ) for a mean: every element of a window gets the same share (Qiu, §5.3)."""
    y, u = Loop("y", 3), Loop("u", 2)
    pooling = contraction((y,), ((6,), (2 * y + u,)), ((), ()))
    delta = rng.normal(size=3)
    found = adjoint(pooling, 0).evaluate(delta, np.asarray(0.5))
    np.testing.assert_allclose(found, np.repeat(delta, 2) / 2)


def test_overlapping_windows_add_up() -> None:
    y, u = Loop("y", 3), Loop("u", 3)
    pooling = contraction((y,), ((5,), (y + u,)))
    np.testing.assert_array_equal(adjoint(pooling, 0).evaluate(np.ones(3)), [1, 2, 3, 2, 1])


# Views ---------------------------------------------------------------------------------------


def test_adjoints_of_views() -> None:
    i, j = Loop("i", 3), Loop("j", 2)
    assert listing(contraction((j, i), ((3, 2), (i, j))), 0, "dx", "g") == "dx[i,j] = g[j,i]"
    assert listing(contraction((i,), ((5,), (4 - i,))), 0, "dx", "g") == "dx[i] = g[-i+4]"
    assert listing(contraction((i,), ((9,), (3 * i + 1,))), 0, "dx", "g") == "dx[i] = g[(i-1)/3]"
    assert listing(contraction((), ((3,), (i,))), 0, "dx", "g") == "dx[i] = g"
    assert listing(contraction((j,), ((3,), (2,))), 0, "dx", "g") == (
        "dx[i] = Σ_{j} g[j] · [0≤-i+2<1]"
    )


# Matrices ------------------------------------------------------------------------------------


def matrix(spec: Contraction, kernel: Array, rows: int, columns: int) -> Array:
    """Return the matrix by which the contraction maps its first operand."""

    def linear(x: Tensor) -> Tensor:
        return apply(spec, x, lamina.tensor(kernel))

    shape = spec.reads[0].shape
    return (
        lamina.jacobian(linear)(lamina.zeros(*shape, dtype="float64"))
        .numpy()
        .reshape(rows, columns)
    )


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_transposed_convolution_has_the_transposed_matrix(
    stride: int, padding: int, kernel: int, rng: np.random.Generator
) -> None:
    """W ∈ R^{M'×M} of a convolution, Wᵀ of the transposed one (Qiu, §5.5.1)."""
    size = 9
    width = (size - kernel + 2 * padding) // stride + 1
    y, u, i = Loop("y", width), Loop("u", kernel), Loop("i", size)
    weights = rng.normal(size=kernel)
    convolution = contraction((y,), ((size,), (stride * y + u - padding,)), ((kernel,), (u,)))
    transposed = contraction((i,), ((width,), ((i + padding - u) / stride,)), ((kernel,), (u,)))
    M = matrix(convolution, weights, width, size)
    np.testing.assert_array_equal(matrix(transposed, weights, size, width), M.T)
    np.testing.assert_array_equal(matrix(adjoint(convolution, 0), weights, size, width), M.T)


def test_the_matrix_of_a_convolution_is_a_band() -> None:
    y, u = Loop("y", 3), Loop("u", 3)
    spec = contraction((y,), ((5,), (y + u,)), ((3,), (u,)))
    expected = [[1, 2, 3, 0, 0], [0, 1, 2, 3, 0], [0, 0, 1, 2, 3]]
    np.testing.assert_array_equal(matrix(spec, np.array([1.0, 2.0, 3.0]), 3, 5), expected)
