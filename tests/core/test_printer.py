"""Listings, word for word."""

from __future__ import annotations

from textwrap import dedent

import lamina
from lamina.core.node import placeholder
from lamina.core.program import Program
from lamina.core.types import Type, float32
from lamina.ops.loops import Loop
from lamina.tensors import Tensor, composite, contract


def assert_listing(program: Program, expected: str) -> None:
    assert str(program) == dedent(expected).strip()


def mlp_loss(W: Tensor, b: Tensor, a: Tensor, y: Tensor) -> Tensor:
    z = (a @ W.T + b).named("z")
    h = lamina.tanh(z).named("h")
    return ((h - y) ** 2).mean().named("L")


MLP = [lamina.zeros(2, 3), lamina.zeros(2), lamina.zeros(4, 3), lamina.zeros(4, 2)]


def test_loss_of_an_mlp() -> None:
    assert_listing(
        lamina.trace(mlp_loss, *MLP, names=["W", "b", "a", "y"]),
        """
        mlp_loss(W: float32[2, 3], b: float32[2], a: float32[4, 3], y: float32[4, 2]):
          v1[j,i] = W[i,j]                  float32[3, 2]
          v2[i,j] = Σ_{k} a[i,k] · v1[k,j]  float32[4, 2]
          v3[i,j] = b[j]                    float32[4, 2]
          z = v2 + v3                       float32[4, 2]
          h = tanh(z)                       float32[4, 2]
          v4 = h - y                        float32[4, 2]
          v5 = square(v4)                   float32[4, 2]
          v6 = Σ_{i,j} v5[i,j]              float32[]      mean
          c1 = 8.0                          float32[]
          L = v6 / c1                       float32[]      mean
          return L
        """,
    )


def test_gradient_of_an_mlp() -> None:
    """The textbook's backward pass: δ = f'(z) ⊙ …, dW = δᵀ a (batched), db = Σ δ."""
    assert_listing(
        lamina.trace(lamina.grad(mlp_loss, (0, 1)), *MLP, names=["W", "b", "a", "y"]),
        """
        mlp_loss(W: float32[2, 3], b: float32[2], a: float32[4, 3], y: float32[4, 2]):
          v1 = alias(W)                     float32[2, 3]
          v2[j,i] = v1[i,j]                 float32[3, 2]
          v3[i,j] = Σ_{k} a[i,k] · v2[k,j]  float32[4, 2]
          v4 = alias(b)                     float32[2]
          v5[i,j] = v4[j]                   float32[4, 2]
          z = v3 + v5                       float32[4, 2]
          h = tanh(z)                       float32[4, 2]
          v6 = h - y                        float32[4, 2]
          c1 = 0.125                        float32[4, 2]  mean.grad
          v7 = c1 · (2 · v6)                float32[4, 2]
          v8 = v7 · (1 - (h · h))           float32[4, 2]
          v9[k,j] = Σ_{i} v8[i,j] · a[i,k]  float32[3, 2]
          v10[i,j] = v9[j,i]                float32[2, 3]
          v11[j] = Σ_{i} v8[i,j]            float32[2]
          return v10, v11
        """,
    )


def conv(X: Tensor, W: Tensor) -> Tensor:
    p, y, x, c, u, v = (Loop(s, e) for s, e in zip("pyxcuv", (3, 4, 4, 2, 3, 3), strict=True))
    return contract((p, y, x), (W, (p, c, u, v)), (X, (c, y + u - 1, x + v - 1)))


def test_convolution() -> None:
    assert_listing(
        lamina.trace(conv, lamina.zeros(2, 4, 4), lamina.zeros(3, 2, 3, 3), names=["X", "W"]),
        """
        conv(X: float32[2, 4, 4], W: float32[3, 2, 3, 3]):
          v1[p,y,x] = Σ_{c,u,v} W[p,c,u,v] · X[c,y+u-1,x+v-1]  float32[3, 4, 4]
          return v1
        """,
    )


def test_adjoints_of_a_strided_convolution() -> None:
    """Stride divides: only every second place of a column of dX meets an element of W."""

    def strided(X: Tensor, W: Tensor) -> Tensor:
        y, u = Loop("y", 3), Loop("u", 3)
        return contract((y,), (X, (2 * y + u - 1,)), (W, (u,)))

    def adjoints(X: Tensor, W: Tensor, G: Tensor) -> tuple[Tensor, ...]:
        return lamina.vjp(strided, X, W)[1](G)

    given = (lamina.zeros(5), lamina.zeros(3), lamina.zeros(3))
    assert_listing(
        lamina.trace(adjoints, *given, names=["X", "W", "G"]),
        """
        adjoints(X: float32[5], W: float32[3], G: float32[3]):
          v1 = alias(W)                       float32[3]
          v2[i] = Σ_{u} G[(i-u+1)/2] · v1[u]  float32[5]
          v3 = alias(X)                       float32[5]
          v4[u] = Σ_{y} G[y] · v3[u+2y-1]     float32[3]
          return v2, v4
        """,
    )


@composite("softmax")
def softmax(z: Tensor) -> Tensor:
    e = lamina.exp(z - z.amax(dim=1, keepdim=True))
    return e / e.sum(dim=1, keepdim=True)


def test_softmax_carries_its_name() -> None:
    assert_listing(
        lamina.trace(lambda z: softmax(z) * 2, lamina.zeros(2, 3), names=["z"]),
        """
        f(z: float32[2, 3]):
          v1[i] = max_{j} z[i,j]          float32[2]     softmax
          v2 = reshape(v1, shape=(2, 1))  float32[2, 1]  softmax
          v3[i,j] = v2[i,0]               float32[2, 3]  softmax
          v4 = z - v3                     float32[2, 3]  softmax
          v5 = exp(v4)                    float32[2, 3]  softmax
          v6[i] = Σ_{j} v5[i,j]           float32[2]     softmax
          v7 = reshape(v6, shape=(2, 1))  float32[2, 1]  softmax
          v8[i,j] = v7[i,0]               float32[2, 3]  softmax
          v9 = v5 / v8                    float32[2, 3]  softmax
          c1 = 2.0                        float32[2, 3]
          v10 = v9 · c1                   float32[2, 3]
          return v10
        """,
    )


def test_derivatives_are_named_after_what_they_derive() -> None:
    program = lamina.trace(lamina.grad(lambda z: softmax(z)[0, 0]), lamina.zeros(2, 3))
    paths = {n.frame.path for n in program.nodes if n.frame is not None}
    assert paths == {"softmax", "softmax.grad"}


def test_repeated_names_count_on() -> None:
    def f(x: Tensor) -> Tensor:
        for _ in range(3):
            x = lamina.exp(x).named("h")
        return x

    assert_listing(
        lamina.trace(f, lamina.zeros(2), names=["x"]),
        """
        f(x: float32[2]):
          h = exp(x)    float32[2]
          h2 = exp(h)   float32[2]
          h3 = exp(h2)  float32[2]
          return h3
        """,
    )


def test_a_program_of_nothing() -> None:
    x = placeholder(Type((), float32), "x")
    assert str(Program((x,), (x,), "same")) == "same(x: float32[]):\n  return x"
