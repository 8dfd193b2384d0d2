"""Linear and bilinear maps, embeddings, one-hot codes, distances."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina.core.errors import ArgumentError, DTypeError, ShapeError

RNG = np.random.default_rng(0)


def t(x: object) -> lamina.Tensor:
    return lamina.tensor(x)


@pytest.mark.parametrize("lead", [(), (5,), (0,), (2, 1, 3)])
def test_linear_maps_every_row(lead: tuple[int, ...]) -> None:
    x, w, b = RNG.normal(size=(*lead, 4)), RNG.normal(size=(3, 4)), RNG.normal(size=3)
    np.testing.assert_allclose(F.linear(t(x), t(w), t(b)).numpy(), x @ w.T + b, rtol=1e-12)
    np.testing.assert_allclose(F.linear(t(x), t(w[0]), t(b[0])).numpy(), x @ w[0] + b[0])


def test_gradients_of_linear_are_the_textbooks() -> None:
    x, w, b = RNG.normal(size=(5, 4)), RNG.normal(size=(3, 4)), RNG.normal(size=3)
    delta = RNG.normal(size=(5, 3))
    _, pull = lamina.vjp(F.linear, x, w, b)
    dx, dw, db = (each.numpy() for each in pull(delta))
    np.testing.assert_allclose(dx, delta @ w, rtol=1e-12)
    np.testing.assert_allclose(dw, delta.T @ x, rtol=1e-12)
    np.testing.assert_allclose(db, delta.sum(0), rtol=1e-12)


def test_linear_is_one_contraction() -> None:
    program = lamina.trace(F.linear, np.zeros((2, 4)), np.zeros((3, 4)), names=["x", "w"])
    assert "Σ_{k} x[n,k] · w[o,k]" in str(program)


def test_bilinear() -> None:
    x, y = RNG.normal(size=(2, 5, 3)), RNG.normal(size=(2, 5, 4))
    w, b = RNG.normal(size=(6, 3, 4)), RNG.normal(size=6)
    expected = np.einsum("...i,oij,...j->...o", x, w, y) + b
    np.testing.assert_allclose(F.bilinear(t(x), t(y), t(w), t(b)).numpy(), expected, rtol=1e-12)


def test_embedding_adds_up_the_gradients_of_a_row() -> None:
    table = lamina.tensor(RNG.normal(size=(4, 2)), requires_grad=True)
    F.embedding(t([[1, 3], [1, 1]]), table).sum().backward()
    assert table.grad is not None
    assert table.grad.tolist() == [[0, 0], [3, 3], [0, 0], [1, 1]]


@pytest.mark.parametrize("row", [1, -3])
def test_padding_row_is_looked_up_but_not_learned(row: int) -> None:
    table = lamina.tensor(RNG.normal(size=(4, 2)), requires_grad=True)
    y = F.embedding(t([1, 3]), table, padding_idx=row)
    y.sum().backward()
    np.testing.assert_array_equal(y.numpy(), table.numpy()[[1, 3]])
    assert table.grad is not None
    assert table.grad.tolist() == [[0, 0], [0, 0], [0, 0], [1, 1]]


def test_one_hot_rows_are_the_identitys() -> None:
    labels = RNG.integers(0, 4, (3, 2))
    codes = F.one_hot(t(labels), 6)
    assert codes.dtype == np.int64
    np.testing.assert_array_equal(codes.numpy(), np.eye(6, dtype=int)[labels])
    assert F.one_hot(t([0, 4])).shape == (2, 5)
    assert F.one_hot(t(np.array([200], "uint8")), 256).numpy().argmax() == 200


def test_embedding_is_one_hot_times_the_table() -> None:
    table, labels = RNG.normal(size=(4, 3)), t([3, 0, 3])
    product = F.one_hot(labels, 4).double() @ t(table)
    np.testing.assert_array_equal(F.embedding(labels, t(table)).numpy(), product.numpy())


def test_similarity_is_the_cosine_of_the_angle() -> None:
    x, y = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    expected = (x * y).sum(1) / lengths
    np.testing.assert_allclose(F.cosine_similarity(t(x), t(y)).numpy(), expected, rtol=1e-12)
    scaled = F.cosine_similarity(t(3 * x), t(0.1 * y))
    np.testing.assert_allclose(scaled.numpy(), expected, rtol=1e-12)
    one = F.cosine_similarity(t(x[0]), t(y), dim=-1)
    assert one.shape == (3,)
    assert F.cosine_similarity(t(np.zeros((1, 3))), t(np.ones((1, 3)))).item() == 0


@pytest.mark.parametrize("p", [1.0, 2.0, 3.5, np.inf])
def test_distance_is_the_norm_of_the_difference(p: float) -> None:
    x, y = RNG.normal(size=(3, 4)), RNG.normal(size=4)
    expected = np.linalg.norm(x - y + 1e-6, p, axis=-1)
    distance = F.pairwise_distance(t(x), t(y), p, keepdim=True)
    np.testing.assert_allclose(distance.numpy(), expected[:, None], rtol=1e-12)


def test_the_norms_gradient_is_zero_at_the_origin() -> None:
    for p in (1.0, 2.0, 3.0):
        gradient = lamina.grad(lambda x, p=p: F.vector_norm(x, p, 0))(np.zeros(3))
        assert gradient.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("error", "call", "message"),
    [
        (
            ShapeError,
            lambda: F.linear(lamina.zeros(2, 5), lamina.zeros(3, 4)),
            r"linear: expected input \(\*, 4\) and weight \(O, K\), got input \(2, 5\) and weight",
        ),
        (
            ShapeError,
            lambda: F.linear(lamina.zeros(2, 4), lamina.zeros(3, 4), lamina.zeros(4)),
            r"linear: bias must have shape \(3,\), got \(4,\)",
        ),
        (
            DTypeError,
            lambda: F.linear([1.0], lamina.zeros(1, 1)),  # type: ignore[arg-type]
            "linear: input must be a tensor, got list; convert it with lamina.tensor",
        ),
        (
            ShapeError,
            lambda: F.bilinear(lamina.zeros(2, 3), lamina.zeros(3, 4), lamina.zeros(5, 3, 4)),
            r"bilinear: expected input1 \(\*, I\), .* got \(2, 3\), \(3, 4\) and \(5, 3, 4\)",
        ),
        (
            ArgumentError,
            lambda: F.embedding(t([[0, 7]]), lamina.zeros(4, 2)),
            r"embedding: input must hold integers from 0 to 3, got input\[0, 1\] = 7",
        ),
        (
            DTypeError,
            lambda: F.embedding(t([0.0]), lamina.zeros(4, 2)),
            r"embedding: input must hold integer class indices, got float32\[1\]",
        ),
        (
            ArgumentError,
            lambda: F.embedding(t([0]), lamina.zeros(4, 2), padding_idx=4),
            "embedding: padding_idx 4 is not a row of 4",
        ),
        (
            ShapeError,
            lambda: F.embedding(t([0]), lamina.zeros(4)),
            r"embedding: weight must have shape \(V, D\), got \(4,\)",
        ),
        (
            ArgumentError,
            lambda: F.one_hot(t([0, 3]), 3),
            r"one_hot: tensor must hold integers from 0 to 2, got tensor\[1\] = 3",
        ),
        (
            ArgumentError,
            lambda: lamina.trace(F.one_hot, np.zeros(2, int)),
            "one_hot: num_classes must be given for traced or empty labels",
        ),
    ],
)
def test_errors_say_what_is_wrong(error: type[Exception], call: object, message: str) -> None:
    with pytest.raises(error, match=message):
        call()  # type: ignore[operator]
