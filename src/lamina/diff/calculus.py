"""Matrix calculus: derivatives by vectors and matrices in both layouts, and rules that can be run.

In *denominator layout* ∂y/∂x has the axes of x first: for x ∈ ℝᴹ and y ∈ ℝᴺ it is M × N, and the
chain rule reads from x to the result, ∂z/∂x = ∂y/∂x · ∂z/∂y. *Numerator layout* is its transpose.

| | denominator layout | numerator layout |
|---|---|---|
| scalar by vector | M × 1 | 1 × M |
| vector by scalar | 1 × N | N × 1 |
| vector by vector | M × N | N × M |
| scalar by matrix (M × N) | M × N | N × M |

Source: nndl, appendix B.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

import lamina.functions as F
import lamina.tensors as T
from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Array
from lamina.diff.automatic import Auto
from lamina.diff.difference import relative_difference
from lamina.diff.interface import Function
from lamina.tensors import Tensor, tensor

Layout = Literal["denominator", "numerator"]


def derivative(f: Function, x: Tensor, layout: Layout = "denominator") -> Array:
    """Return ∂f/∂x as a matrix, in the shape of the table above.

    Vectors and scalars of f and x are tensors of one axis and none; a matrix can be derived by if
    f is a scalar.

    Errors: `ArgumentError` for another layout, `ShapeError` for what has no matrix.

    >>> import lamina
    >>> x = lamina.tensor([1.0, 2.0, 3.0])
    >>> derivative(lambda x: (x * x).sum(), x).tolist()
    [[2.0], [4.0], [6.0]]
    >>> derivative(lambda x: (x * x).sum(), x, "numerator").tolist()
    [[2.0, 4.0, 6.0]]
    """
    if layout not in ("denominator", "numerator"):
        raise ArgumentError(f"derivative: layout is 'denominator' or 'numerator', not {layout!r}")
    found = Auto().jacobian(f, x)
    rank, by = found.value.ndim, x.ndim
    if rank + by > 2 or rank > 1:
        raise ShapeError(
            f"derivative: of a result of shape {found.value.shape} by x of shape {tuple(x.shape)} "
            "is no matrix; take the Jacobian of an engine, such as lamina.diff.Auto()"
        )
    if by == 2:
        return found.jacobian if layout == "denominator" else found.jacobian.T
    numerator = found.jacobian.reshape(max(found.value.size, 1), x.numel())
    return numerator.T if layout == "denominator" else numerator


@dataclass(frozen=True)
class Rule:
    """A statement of matrix calculus in denominator layout, which can be checked.

    ``sides(rng)`` draws data of random sizes and returns both sides of the statement.
    """

    name: str
    statement: str
    latex: str
    sides: Callable[[np.random.Generator], tuple[Array, Array]]

    def check(self, rng: np.random.Generator | None = None) -> float:
        """Return the greatest difference of both sides on random data, relative to their size."""
        left, right = self.sides(rng or np.random.default_rng())
        if left.shape != right.shape:
            raise ShapeError(f"{self.name}: sides of shapes {left.shape} and {right.shape}")
        return relative_difference(left, right, least=1.0)


def _sizes(rng: np.random.Generator, count: int) -> list[int]:
    return [int(n) for n in rng.integers(1, 6, count)]


def _draw(rng: np.random.Generator, *shape: int) -> Tensor:
    return tensor(rng.normal(size=shape))


def _curved(rng: np.random.Generator, inputs: int, outputs: int) -> Function:
    """Return some function from vectors to vectors."""
    weights, shift = _draw(rng, outputs, inputs), _draw(rng, outputs)
    return lambda x: T.tanh(weights @ x + shift)


def _square(x: Tensor) -> Tensor:
    return (x * x).sum()


def _linear(rng: np.random.Generator) -> tuple[Array, Array]:
    m, n = _sizes(rng, 2)
    x, a = _draw(rng, m), _draw(rng, n, m)
    return derivative(lambda x: a @ x, x), a.numpy().T


def _row(rng: np.random.Generator) -> tuple[Array, Array]:
    m, n = _sizes(rng, 2)
    x, a = _draw(rng, m), _draw(rng, m, n)
    return derivative(lambda x: x @ a, x), a.numpy()


def _identity(rng: np.random.Generator) -> tuple[Array, Array]:
    (m,) = _sizes(rng, 1)
    return derivative(lambda x: x * 1, _draw(rng, m)), np.eye(m)


def _sum(rng: np.random.Generator) -> tuple[Array, Array]:
    m, n = _sizes(rng, 2)
    x, y, z = _draw(rng, m), _curved(rng, m, n), _curved(rng, m, n)
    return derivative(lambda x: y(x) + z(x), x), derivative(y, x) + derivative(z, x)


def _inner(rng: np.random.Generator) -> tuple[Array, Array]:
    m, n = _sizes(rng, 2)
    x, y, z = _draw(rng, m), _curved(rng, m, n), _curved(rng, m, n)
    left = derivative(lambda x: (y(x) * z(x)).sum(), x)
    right = derivative(y, x) @ z(x).numpy() + derivative(z, x) @ y(x).numpy()
    return left, right[:, None]


def _bilinear(rng: np.random.Generator) -> tuple[Array, Array]:
    m, n, k = _sizes(rng, 3)
    x, c = _draw(rng, m), _draw(rng, n, k)
    y, z = _curved(rng, m, n), _curved(rng, m, k)
    left = derivative(lambda x: y(x) @ c @ z(x), x)
    right = derivative(y, x) @ c.numpy() @ z(x).numpy()
    right = right + derivative(z, x) @ c.numpy().T @ y(x).numpy()
    return left, right[:, None]


def _scaled(rng: np.random.Generator) -> tuple[Array, Array]:
    m, n = _sizes(rng, 2)
    x, y, z = _draw(rng, m), _square, _curved(rng, m, n)
    left = derivative(lambda x: y(x) * z(x), x)
    return left, y(x).item() * derivative(z, x) + derivative(y, x) @ z(x).numpy()[None]


def _quadratic(rng: np.random.Generator) -> tuple[Array, Array]:
    (m,) = _sizes(rng, 1)
    x, a = _draw(rng, m), _draw(rng, m, m)
    return derivative(lambda x: x @ a @ x, x), ((a.numpy() + a.numpy().T) @ x.numpy())[:, None]


def _norm(rng: np.random.Generator) -> tuple[Array, Array]:
    (m,) = _sizes(rng, 1)
    x = _draw(rng, m)
    return derivative(lambda x: (x * x).sum(), x), 2 * x.numpy()[:, None]


def _chain_scalar(rng: np.random.Generator) -> tuple[Array, Array]:
    (n,) = _sizes(rng, 1)
    x, a, z = _draw(rng), _draw(rng, n), _square

    def y(x: Tensor) -> Tensor:
        return T.sin(a * x)

    return derivative(lambda x: z(y(x)), x), derivative(y, x) @ derivative(z, y(x))


def _chain_vector(rng: np.random.Generator) -> tuple[Array, Array]:
    m, k, n = _sizes(rng, 3)
    x, y, z = _draw(rng, m), _curved(rng, m, k), _curved(rng, k, n)
    return derivative(lambda x: z(y(x)), x), derivative(y, x) @ derivative(z, y(x))


def _chain_matrix(rng: np.random.Generator) -> tuple[Array, Array]:
    """Return both sides for X ∈ ℝᴹˣᴺ, y = X v, z = g(y): ∂z/∂X_ij = ∂y/∂X_ij · ∂z/∂y."""
    m, n = _sizes(rng, 2)
    w, v, b = _draw(rng, m, n), _draw(rng, n), _draw(rng, m)

    def z(y: Tensor) -> Tensor:
        return (b * T.tanh(y)).sum()

    left = derivative(lambda w: z(w @ v), w)
    slope = derivative(z, w @ v)[:, 0]
    units = np.eye(m)[:, None, :] * v.numpy()[None, :, None]  # ∂y/∂X_ij = e_i v_j, a row
    return left, units @ slope


def _elementwise(rng: np.random.Generator) -> tuple[Array, Array]:
    (m,) = _sizes(rng, 1)
    x = _draw(rng, m)
    return derivative(T.tanh, x), np.diag(1 - np.tanh(x.numpy()) ** 2)


def _logistic(rng: np.random.Generator) -> tuple[Array, Array]:
    (m,) = _sizes(rng, 1)
    x = _draw(rng, m)
    s = 1 / (1 + np.exp(-x.numpy()))
    return derivative(F.sigmoid, x), np.diag(s * (1 - s))


def _softmax(rng: np.random.Generator) -> tuple[Array, Array]:
    (m,) = _sizes(rng, 1)
    x = _draw(rng, m)
    s = np.exp(x.numpy()) / np.exp(x.numpy()).sum()
    return derivative(lambda x: F.softmax(x, 0), x), np.diag(s) - np.outer(s, s)


def _cross_entropy(rng: np.random.Generator) -> tuple[Array, Array]:
    (m,) = _sizes(rng, 1)
    z = _draw(rng, m)
    y = np.eye(m)[int(rng.integers(m))]
    s = np.exp(z.numpy()) / np.exp(z.numpy()).sum()
    left = derivative(lambda z: -(tensor(y) * F.log_softmax(z, 0)).sum(), z)
    return left, (s - y)[:, None]


def _trace(rng: np.random.Generator) -> tuple[Array, Array]:
    m, n = _sizes(rng, 2)
    w, a = _draw(rng, m, n), _draw(rng, m, n)
    return derivative(lambda w: (a * w).sum(), w), a.numpy()


def _affine_weight(rng: np.random.Generator) -> tuple[Array, Array]:
    m, n = _sizes(rng, 2)
    w, x, b, g = _draw(rng, m, n), _draw(rng, n), _draw(rng, m), _draw(rng, m)

    def loss(z: Tensor) -> Tensor:
        return (g * T.sin(z)).sum()

    delta = derivative(loss, w @ x + b)
    return derivative(lambda w: loss(w @ x + b), w), delta @ x.numpy()[None]


RULES: tuple[Rule, ...] = (
    Rule("identity", "∂x/∂x = I", r"\frac{\partial x}{\partial x} = I", _identity),
    Rule("linear", "∂(A x)/∂x = Aᵀ", r"\frac{\partial A x}{\partial x} = A^\top", _linear),
    Rule("row", "∂(xᵀ A)/∂x = A", r"\frac{\partial x^\top A}{\partial x} = A", _row),
    Rule("sum", "∂(y + z)/∂x = ∂y/∂x + ∂z/∂x",
         r"\frac{\partial (y + z)}{\partial x} = \frac{\partial y}{\partial x} + "
         r"\frac{\partial z}{\partial x}", _sum),
    Rule("inner product", "∂(yᵀ z)/∂x = ∂y/∂x z + ∂z/∂x y",
         r"\frac{\partial y^\top z}{\partial x} = \frac{\partial y}{\partial x} z + "
         r"\frac{\partial z}{\partial x} y", _inner),
    Rule("bilinear form", "∂(yᵀ A z)/∂x = ∂y/∂x A z + ∂z/∂x Aᵀ y",
         r"\frac{\partial y^\top A z}{\partial x} = \frac{\partial y}{\partial x} A z + "
         r"\frac{\partial z}{\partial x} A^\top y", _bilinear),
    Rule("scalar times vector", "∂(y z)/∂x = y ∂z/∂x + ∂y/∂x zᵀ",
         r"\frac{\partial y z}{\partial x} = y \frac{\partial z}{\partial x} + "
         r"\frac{\partial y}{\partial x} z^\top", _scaled),
    Rule("squared norm", "∂(xᵀ x)/∂x = 2 x", r"\frac{\partial x^\top x}{\partial x} = 2x", _norm),
    Rule("quadratic form", "∂(xᵀ A x)/∂x = (A + Aᵀ) x",
         r"\frac{\partial x^\top A x}{\partial x} = (A + A^\top) x", _quadratic),
    Rule("chain, from a scalar", "∂z/∂x = ∂y/∂x ∂z/∂y  (x, z scalars)",
         r"\frac{\partial z}{\partial x} = \frac{\partial y}{\partial x} "
         r"\frac{\partial z}{\partial y}", _chain_scalar),
    Rule("chain, of vectors", "∂z/∂x = ∂y/∂x ∂z/∂y",
         r"\frac{\partial z}{\partial x} = \frac{\partial y}{\partial x} "
         r"\frac{\partial z}{\partial y}", _chain_vector),
    Rule("chain, from a matrix", "∂z/∂X_ij = ∂y/∂X_ij ∂z/∂y",
         r"\frac{\partial z}{\partial X_{ij}} = \frac{\partial y}{\partial X_{ij}} "
         r"\frac{\partial z}{\partial y}", _chain_matrix),
    Rule("elementwise", "∂f(x)/∂x = diag(f′(x))",
         r"\frac{\partial f(x)}{\partial x} = \mathrm{diag}(f'(x))", _elementwise),
    Rule("logistic", "∂σ(x)/∂x = diag(σ(x) ⊙ (1 - σ(x)))",
         r"\frac{\partial \sigma(x)}{\partial x} = \mathrm{diag}(\sigma(x) \odot (1-\sigma(x)))",
         _logistic),
    Rule("softmax", "∂ŷ/∂z = diag(ŷ) - ŷ ŷᵀ  for ŷ = softmax(z)",
         r"\frac{\partial \hat y}{\partial z} = \mathrm{diag}(\hat y) - \hat y \hat y^\top",
         _softmax),
    Rule("softmax with cross-entropy", "∂(-yᵀ log softmax(z))/∂z = ŷ - y",
         r"\frac{\partial (-y^\top \log \mathrm{softmax}(z))}{\partial z} = \hat y - y",
         _cross_entropy),
    Rule("trace", "∂tr(Aᵀ X)/∂X = A", r"\frac{\partial\,\mathrm{tr}(A^\top X)}{\partial X} = A",
         _trace),
    Rule("weights of a layer", "∂L/∂W = δ aᵀ  for z = W a + b, δ = ∂L/∂z",
         r"\frac{\partial L}{\partial W} = \delta a^\top", _affine_weight),
)  # fmt: skip
"""The rules of the book's appendix, and those that backpropagation is made of."""
