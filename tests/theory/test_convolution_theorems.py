"""The theorems on convolution of Qiu, *Neural Networks and Deep Learning*, §5.1, §5.3 and §5.5.

Notation: ⊗ is cross-correlation, * convolution (the kernel is flipped), ⊗̃ wide cross-correlation:
``W ⊗̃ X = W ⊗ X̃``, X̃ being X with U - 1 rows and V - 1 columns of zeros at each end.
Lamina stands on one side, NumPy and SciPy on the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import convolve2d, correlate2d

import lamina
import lamina.functions as F
from lamina import tensor
from lamina.insight import convolution_matrix

few = settings(max_examples=40)
seeds = st.integers(0, 2**32 - 1)
small = st.tuples(st.integers(1, 4), st.integers(1, 4))
large = st.tuples(st.integers(4, 7), st.integers(4, 7))


def draw(seed: int, *shape: int) -> Any:
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def correlate(W: Any, X: Any, **options: Any) -> Any:
    """W ⊗ X by Lamina."""
    return F.conv2d(X[None, None], W[None, None], **options)[0, 0]


def rot180(W: Any) -> Any:
    return W[::-1, ::-1]


def close(found: Any, expected: Any) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(np.array(found), np.array(expected), rtol=1e-10, atol=1e-12)


@few
@given(seeds, small, large)
def test_convolution_is_cross_correlation_with_the_kernel_turned(
    seed: int, kernel: tuple[int, int], image: tuple[int, int]
) -> None:
    """W * X = rot180(W) ⊗ X."""
    W, X = draw(seed, *kernel), draw(seed + 1, *image)
    convolved = correlate(tensor(W), tensor(X), flip=True)
    close(convolved, correlate(tensor(rot180(W).copy()), tensor(X)))
    close(convolved, convolve2d(X, W, "valid"))
    close(correlate(tensor(W), tensor(X)), correlate2d(X, W, "valid"))


@few
@given(seeds, small, st.tuples(st.integers(1, 6), st.integers(1, 6)))
def test_wide_convolution_commutes(
    seed: int, kernel: tuple[int, int], image: tuple[int, int]
) -> None:
    """rot180(W) ⊗̃ X = rot180(X) ⊗̃ W, whichever is the larger."""
    W, X = draw(seed, *kernel), draw(seed + 1, *image)
    left = correlate(tensor(rot180(W).copy()), tensor(X), padding="wide")
    right = correlate(tensor(rot180(X).copy()), tensor(W), padding="wide")
    close(left, right)
    close(left, convolve2d(X, W, "full"))
    ends = [(k - 1, k - 1) for k in kernel]
    close(left, correlate2d(np.pad(X, ends), rot180(W), "valid"))


@few
@given(seeds, st.integers(1, 5), st.integers(1, 8))
def test_wide_convolution_of_signals_commutes(seed: int, K: int, M: int) -> None:
    """w * x = x * w, wide, has K + M - 1 elements."""
    w, x = draw(seed, K), draw(seed + 1, M)

    def wide(w: Any, x: Any) -> Any:
        return F.conv1d(tensor(x[None]), tensor(w[None, None]), padding="wide", flip=True)[0]

    close(wide(w, x), wide(x, w))
    close(wide(w, x), np.convolve(w, x))


def downstream(G: Any) -> Any:
    """A nonlinear f(Y) = Σ G ⊙ tanh(Y), and its gradient ∂f/∂Y = G ⊙ (1 - tanh²(Y))."""
    return lambda Y: (tensor(G) * lamina.tanh(Y)).sum(), lambda Y: G * (1 - np.tanh(Y) ** 2)


@few
@given(seeds, small, large)
def test_gradient_by_the_kernel(seed: int, kernel: tuple[int, int], image: tuple[int, int]) -> None:
    """Y = W ⊗ X:  ∂f(Y)/∂W = ∂f(Y)/∂Y ⊗ X."""
    W, X = draw(seed, *kernel), draw(seed + 1, *image)
    Y = correlate2d(X, W, "valid")
    f, by_Y = downstream(draw(seed + 2, *Y.shape))
    found = lamina.grad(lambda W: f(correlate(W, tensor(X))))(tensor(W))
    close(found, correlate2d(X, by_Y(Y), "valid"))


@few
@given(seeds, small, large)
def test_gradient_by_the_image(seed: int, kernel: tuple[int, int], image: tuple[int, int]) -> None:
    """Y = W ⊗ X:  ∂f(Y)/∂X = rot180(∂f(Y)/∂Y) ⊗̃ W = rot180(W) ⊗̃ ∂f(Y)/∂Y."""
    W, X = draw(seed, *kernel), draw(seed + 1, *image)
    Y = correlate2d(X, W, "valid")
    f, by_Y = downstream(draw(seed + 2, *Y.shape))
    found = lamina.grad(lambda X: f(correlate(tensor(W), X)))(tensor(X))
    G = by_Y(Y)
    close(found, correlate2d(W, rot180(G), "full"))
    close(found, correlate2d(G, rot180(W), "full"))


@few
@given(seeds, small, large, st.integers(1, 3))
def test_gradient_by_the_kernel_with_a_stride_dilates_the_error(
    seed: int, kernel: tuple[int, int], image: tuple[int, int], S: int
) -> None:
    """Stride S: ∂f/∂W = (∂f/∂Y with S - 1 zeros between its elements) ⊗ X, cut to U × V."""
    W, X = draw(seed, *kernel), draw(seed + 1, *image)
    Y = correlate2d(X, W, "valid")[::S, ::S]
    f, by_Y = downstream(draw(seed + 2, *Y.shape))
    found = lamina.grad(lambda W: f(correlate(W, tensor(X), stride=S)))(tensor(W))
    close(found, correlate2d(X, spaced(by_Y(Y), S), "valid")[: kernel[0], : kernel[1]])


def spaced(Y: Any, S: int) -> Any:
    """Put S - 1 zeros between neighbours."""
    out = np.zeros([S * (n - 1) + 1 for n in Y.shape])
    out[tuple(slice(None, None, S) for _ in Y.shape)] = Y
    return out


@few
@given(
    seed=seeds,
    M=st.integers(4, 12),
    K=st.integers(1, 4),
    S=st.integers(1, 3),
    P=st.integers(0, 3),
    D=st.integers(1, 2),
)
def test_output_length(seed: int, M: int, K: int, S: int, P: int, D: int) -> None:
    """M' = ⌊(M - K' + 2P)/S⌋ + 1 with K' = K + (K - 1)(D - 1): as many windows as fit."""
    span = K + (K - 1) * (D - 1)
    starts = [t for t in range(-P, M + P, S) if t + span <= M + P]
    if not starts:
        return
    x, w = draw(seed, 1, M), draw(seed + 1, 1, 1, K)
    y = F.conv1d(tensor(x), tensor(w), stride=S, padding=P, dilation=D)
    assert y.shape == (1, len(starts)) == (1, (M - span + 2 * P) // S + 1)


@few
@given(st.integers(4, 12), st.integers(1, 5))
def test_narrow_equal_and_wide_lengths(M: int, K: int) -> None:
    """Narrow: M - K + 1; equal width, P = (K - 1)/2: M; wide, P = K - 1: M + K - 1."""
    lengths = {"same": M, "wide": M + K - 1}
    if K <= M:
        lengths["narrow"] = M - K + 1
    x, w = tensor(np.ones((1, M))), tensor(np.ones((1, 1, K)))
    for name, length in lengths.items():
        assert F.conv1d(x, w, padding=name).shape == (1, length)
    if K % 2:
        close(F.conv1d(x, w, padding="same"), F.conv1d(x, w, padding=(K - 1) // 2))


@few
@given(seeds, st.integers(1, 4), st.integers(1, 4))
def test_dilation_is_a_kernel_with_holes(seed: int, K: int, D: int) -> None:
    """Dilation D puts D - 1 zeros between the elements of the kernel."""
    x, w = draw(seed, 16), draw(seed + 1, K)
    dilated = F.conv1d(tensor(x[None]), tensor(w[None, None]), dilation=D)[0]
    close(dilated, np.correlate(x, spaced(w, D), "valid"))


@few
@given(
    seed=seeds,
    length=st.integers(1, 5),
    K=st.integers(1, 4),
    S=st.integers(1, 3),
    P=st.integers(0, 3),
)
def test_transposed_convolution_undoes_the_sizes(
    seed: int, length: int, K: int, S: int, P: int
) -> None:
    """M = S (M' - 1) + K - 2P; of that, a convolution with the same K, S, P makes M' again."""
    M = S * (length - 1) + K - 2 * P
    if M < 1:
        return
    y, w = tensor(draw(seed, 1, length)), tensor(draw(seed + 1, 1, 1, K))
    x = F.conv_transpose1d(y, w, stride=S, padding=P)
    assert x.shape == (1, M)
    assert F.conv1d(x, w, stride=S, padding=P).shape == (1, length)


@few
@given(seed=seeds, length=st.integers(1, 5), K=st.integers(1, 4), S=st.integers(1, 4))
def test_fractional_stride_is_zeros_between_the_elements(
    seed: int, length: int, K: int, S: int
) -> None:
    """Transposed convolution with stride S: S - 1 zeros between elements, rot180(w) ⊗̃ that."""
    y, w = draw(seed, length), draw(seed + 1, K)
    found = F.conv_transpose1d(tensor(y[None]), tensor(w[None, None]), stride=S)[0]
    close(found, np.convolve(spaced(y, S), w))
    fractional = F.conv1d(
        tensor(spaced(y, S)[None]), tensor(w[::-1].copy()[None, None]), padding=K - 1
    )[0]
    close(found, fractional)


@few
@given(
    seed=seeds,
    kernel=small,
    image=large,
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
)
def test_transposed_convolution_is_the_adjoint(
    seed: int,
    kernel: tuple[int, int],
    image: tuple[int, int],
    stride: int,
    padding: int,
    dilation: int,
) -> None:
    """⟨C x, y⟩ = ⟨x, Cᵀ y⟩: its matrix is the transpose of the convolution's."""
    spans = [m + 2 * padding - (k - 1) * dilation - 1 for m, k in zip(image, kernel, strict=True)]
    if min(spans) < 0:
        return
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    W, X = draw(seed, *kernel), draw(seed + 1, *image)
    C = convolution_matrix(image, W, flip=False, **options).C
    Cx = correlate(tensor(W), tensor(X), **options)
    close(Cx, (C @ X.ravel()).reshape(Cx.shape))
    y = draw(seed + 2, *Cx.shape)
    Cty = F.conv_transpose2d(
        tensor(y)[None, None],
        tensor(W)[None, None],
        output_padding=tuple(span % stride for span in spans),
        **options,
    )[0, 0]
    close(Cty, (C.T @ y.ravel()).reshape(image))
    np.testing.assert_allclose((np.array(Cx) * y).sum(), (X * np.array(Cty)).sum(), atol=1e-10)
    pulled = lamina.vjp(lambda X: correlate(tensor(W), X, **options), tensor(X))[1](tensor(y))[0]
    close(pulled, Cty)
