"""The backpropagation formulas of Qiu, *Neural Networks and Deep Learning*, §4.4, §5.3 and §5.4.

NumPy and SciPy follow the formulas in the book's notation (z = W a + b, columns; δ = ∂L/∂z, in
denominator layout of the shape of z); Lamina differentiates the same network.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import convolve2d, correlate2d

import lamina
import lamina.functions as F
from lamina import nn, tensor
from lamina.nn import models

few = settings(max_examples=40)
seeds = st.integers(0, 2**32 - 1)
ACTIVATIONS = {
    "sigmoid": (F.sigmoid, lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a)),
    "tanh": (F.tanh, np.tanh, lambda a: 1 - a**2),
    "relu": (F.relu, lambda z: np.maximum(z, 0), lambda a: (a > 0).astype(float)),
}
"""Lamina's function, NumPy's, and f'(z) in terms of a = f(z)."""
activations = st.sampled_from(sorted(ACTIVATIONS))


def draw(seed: int, *shape: int) -> Any:
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def close(found: Any, expected: Any) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(np.array(found), expected, rtol=1e-9, atol=1e-11)


# Dense ---------------------------------------------------------------------------------------


@few
@given(seeds, st.lists(st.integers(1, 5), min_size=2, max_size=5), activations)
def test_dense_layers(seed: int, sizes: list[int], activation: str) -> None:
    """The four formulas of backpropagation, L = ‖a(L) - y‖²/2:

    δ(L) = f'(z(L)) ⊙ (a(L) - y)
    δ(l) = f'(z(l)) ⊙ W(l+1)ᵀ δ(l+1)
    ∂L/∂W(l) = δ(l) a(l-1)ᵀ
    ∂L/∂b(l) = δ(l)
    """
    ours, f, slope = ACTIVATIONS[activation]
    pairs = list(pairwise(sizes))
    W = [draw(seed + l, m, n) for l, (n, m) in enumerate(pairs)]
    b = [draw(seed + 50 + l, m, 1) for l, (_, m) in enumerate(pairs)]
    x, y = draw(seed + 100, sizes[0], 1), draw(seed + 101, sizes[-1], 1)

    a = [x]
    for weight, bias in zip(W, b, strict=True):
        a.append(f(weight @ a[-1] + bias))
    delta = [slope(a[-1]) * (a[-1] - y)]
    for l in range(len(W) - 1, 0, -1):
        delta.insert(0, slope(a[l]) * (W[l].T @ delta[0]))

    def loss(W: Any, b: Any) -> Any:
        h = tensor(x.T)
        for weight, bias in zip(W, b, strict=True):
            h = ours(F.linear(h, weight, bias[:, 0]))
        return ((h - tensor(y.T)) ** 2).sum() / 2

    by_W, by_b = lamina.grad(loss, argnums=(0, 1))([tensor(w) for w in W], [tensor(v) for v in b])
    for l, (weight, bias) in enumerate(zip(by_W, by_b, strict=True)):
        close(weight, delta[l] @ a[l].T)
        close(bias, delta[l])


@few
@given(seeds, st.integers(1, 6), st.integers(2, 5))
def test_softmax_with_cross_entropy(seed: int, M: int, C: int) -> None:
    """ŷ = softmax(z), L = -Σ y log ŷ:  δ = ŷ - y."""
    z, labels = draw(seed, M, C), np.random.default_rng(seed).integers(0, C, M)
    found = lamina.grad(lambda z: F.cross_entropy(z, tensor(labels), reduction="sum"))(tensor(z))
    powers = np.exp(z - z.max(1, keepdims=True))
    close(found, powers / powers.sum(1, keepdims=True) - np.eye(C)[labels])


# Convolution ---------------------------------------------------------------------------------


@few
@given(
    seeds, st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), activations
)
def test_convolution_layers(
    seed: int, depth: int, maps: int, outputs: int, K: int, activation: str
) -> None:
    """Two convolution layers, Z(l,p) = Σ_d W(l,p,d) ⊗ X(l-1,d) + b(l,p):

    δ(l,d) = f'(Z(l,d)) ⊙ Σ_p rot180(W(l+1,p,d)) ⊗̃ δ(l+1,p)
    ∂L/∂W(l,p,d) = δ(l,p) ⊗ X(l-1,d)
    ∂L/∂b(l,p) = Σ_ij δ(l,p)_ij
    """
    ours, f, slope = ACTIVATIONS[activation]
    X = draw(seed, depth, 7, 6)
    W1, b1 = draw(seed + 1, maps, depth, K, K), draw(seed + 2, maps)
    W2, b2 = draw(seed + 3, outputs, maps, 2, 3), draw(seed + 4, outputs)

    Z1 = correlation_layer(X, W1, b1)
    X1 = f(Z1)
    Z2 = correlation_layer(X1, W2, b2)
    G = draw(seed + 5, *Z2.shape)
    delta2 = slope(f(Z2)) * G
    spread = [sum(convolve_wide(W2[p, d], delta2[p]) for p in range(outputs)) for d in range(maps)]
    delta1 = slope(X1) * np.array(spread)

    def loss(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
        hidden = ours(F.conv2d(tensor(X), W1, b1))
        return (tensor(G) * ours(F.conv2d(hidden, W2, b2))).sum()

    parameters = [tensor(p) for p in (W1, b1, W2, b2)]
    by_W1, by_b1, by_W2, by_b2 = lamina.grad(loss, argnums=(0, 1, 2, 3))(*parameters)
    for found, delta, below in ((by_W1, delta1, X), (by_W2, delta2, X1)):
        close(found, np.array([[correlate2d(x, e, "valid") for x in below] for e in delta]))
    close(by_b1, delta1.sum((1, 2)))
    close(by_b2, delta2.sum((1, 2)))


def correlation_layer(X: Any, W: Any, b: Any) -> Any:
    sums = [sum(correlate2d(x, w, "valid") for x, w in zip(X, row, strict=True)) for row in W]
    return np.array(sums) + b[:, None, None]


def convolve_wide(W: Any, delta: Any) -> Any:
    """rot180(W) ⊗̃ δ."""
    padded = np.pad(delta, [(k - 1, k - 1) for k in W.shape])
    return correlate2d(padded, W[::-1, ::-1], "valid")


def test_that_wide_correlation_is_what_it_says() -> None:
    W, delta = draw(1, 2, 3), draw(2, 4, 3)
    np.testing.assert_allclose(convolve_wide(W, delta), convolve2d(delta, W, "full"))


# Pooling -------------------------------------------------------------------------------------


def windows(Z: Any, K: int) -> Any:
    """View Z (P, H, W) as windows (P, H/K, W/K, K, K)."""
    P, H, W = Z.shape
    return Z.reshape(P, H // K, K, W // K, K).swapaxes(2, 3)


def joined(parts: Any) -> Any:
    P, H, W, K, _ = parts.shape
    return parts.swapaxes(2, 3).reshape(P, H * K, W * K)


pools = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(2, 3))


def pooled_error(seed: int, sizes: tuple[int, int, int, int], activation: str, pool: Any) -> Any:
    """Return X = f(Z), f'(Z), the error above, and Lamina's error term ∂L/∂Z below the pool."""
    maps, H, W, K = sizes
    ours, f, slope = ACTIVATIONS[activation]
    Z = draw(seed, maps, H * K, W * K)
    above = draw(seed + 1, maps, H, W)
    loss = lambda Z: (tensor(above) * pool(ours(Z), K)).sum()  # noqa: E731
    return f(Z), slope(f(Z)), above, lamina.grad(loss)(tensor(Z))


@few
@given(seeds, pools, st.sampled_from(["sigmoid", "tanh"]))
def test_maximum_pooling_routes_the_error(
    seed: int, sizes: tuple[int, int, int, int], activation: str
) -> None:
    """δ(l,p) = f'(Z(l,p)) ⊙ up(δ(l+1,p)): up gives a window's error to its maximum."""
    X, slope, above, found = pooled_error(seed, sizes, activation, F.max_pool2d)
    parts = windows(X, sizes[3])
    largest = parts == parts.max((3, 4), keepdims=True)
    close(found, slope * joined(largest * above[..., None, None]))


@few
@given(seeds, pools, activations)
def test_mean_pooling_spreads_the_error(
    seed: int, sizes: tuple[int, int, int, int], activation: str
) -> None:
    """δ(l,p) = f'(Z(l,p)) ⊙ up(δ(l+1,p)): up spreads a window's error evenly."""
    _, slope, above, found = pooled_error(seed, sizes, activation, F.avg_pool2d)
    K = sizes[3]
    close(found, slope * np.kron(above, np.ones((1, K, K))) / K**2)


@pytest.mark.parametrize("pooled", ["sum", "mean"])
@few
@given(seed=seeds, sizes=pools, activation=activations)
def test_trainable_subsampling(
    pooled: str, seed: int, sizes: tuple[int, int, int, int], activation: str
) -> None:
    """X(l) = f(w · Y + b), Y the sum or mean of each window of X(l-1):

    ∂L/∂w = Σ_ij δ ⊙ Y,  ∂L/∂b = Σ_ij δ,  ∂L/∂X(l-1) = up(w δ)  (divided by K² if Y is the mean)
    """
    maps, H, W, K = sizes
    ours, f, slope = ACTIVATIONS[activation]
    X, w, b = draw(seed, maps, H * K, W * K), draw(seed + 1, maps), draw(seed + 2, maps)
    G = draw(seed + 3, maps, H, W)
    layer = nn.Subsample2d(maps, K, pooled=pooled, dtype="float64")

    def loss(X: Any, w: Any, b: Any) -> Any:
        out = nn.functional_call(layer, {"weight": w, "bias": b}, X)
        return (tensor(G) * ours(out)).sum()

    by_X, by_w, by_b = lamina.grad(loss, argnums=(0, 1, 2))(tensor(X), tensor(w), tensor(b))
    scale = 1 if pooled == "sum" else 1 / K**2
    Y = windows(X, K).sum((3, 4)) * scale
    delta = slope(f(w[:, None, None] * Y + b[:, None, None])) * G
    close(by_w, (delta * Y).sum((1, 2)))
    close(by_b, delta.sum((1, 2)))
    close(by_X, np.kron(w[:, None, None] * delta, np.ones((1, K, K))) * scale)


# Counts --------------------------------------------------------------------------------------


def test_parameters_and_connections_of_lenet() -> None:
    """LeNet-5 (LeCun et al. 1998), from the sizes alone.

    A convolution of K × K from n maps to m of H × W has m (n K² + 1) parameters, and each of them
    is used H W times; subsampling has 2 parameters a map and K² + 1 connections a unit.
    """
    table = [3] * 6 + [4] * 9 + [6]
    expected = {
        "c1": (6 * (25 + 1), 6 * (25 + 1) * 28**2),
        "s2": (6 * 2, 6 * 14**2 * (4 + 1)),
        "c3": (sum(25 * n + 1 for n in table), sum(25 * n + 1 for n in table) * 10**2),
        "s4": (16 * 2, 16 * 5**2 * (4 + 1)),
        "c5": (120 * (16 * 25 + 1),) * 2,
        "f6": (84 * 121,) * 2,
        "output": (0, 84 * 10),
    }
    rows = models.create("lenet5").summary((1, 32, 32)).rows
    assert {row.name: (row.parameters, row.connections) for row in rows} == expected


@few
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(3, 6))
def test_parameters_and_connections_of_a_convolution(n: int, m: int, K: int, M: int) -> None:
    """m (n K² + 1) parameters, (M - K + 1)² times as many connections."""
    (row,) = nn.Conv2d(n, m, K).summary((n, M, M)).rows
    assert row.parameters == m * (n * K**2 + 1)
    assert row.connections == row.parameters * (M - K + 1) ** 2
