"""Losses between numbers, and losses with margins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import lamina
import lamina.functions as F
from lamina.core.errors import ArgumentError, DTypeError, ShapeError

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(3, 4)) * 2, RNG.normal(size=(3, 4)) * 2
SIGNS = np.where(RNG.normal(size=(3, 4)) > 0, 1, -1)


def t(x: object) -> lamina.Tensor:
    return lamina.tensor(x)


def reductions(losses: np.ndarray) -> list[tuple[str, np.ndarray]]:
    return [("none", losses), ("sum", losses.sum()), ("mean", losses.mean())]


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("mse_loss", {}, (A - B) ** 2),
        ("l1_loss", {}, abs(A - B)),
        ("huber_loss", {"delta": 0.7}, special.huber(0.7, A - B)),
        ("smooth_l1_loss", {"beta": 0.7}, special.huber(0.7, A - B) / 0.7),
        ("smooth_l1_loss", {"beta": 0.0}, abs(A - B)),
        ("kl_div", {"log_target": True}, np.exp(B) * (B - A)),
    ],
)
def test_losses_between_numbers(name: str, options: dict[str, float], expected: np.ndarray) -> None:
    function = getattr(F, name)
    for reduction, value in [
        ("none", expected),
        ("sum", expected.sum()),
        ("mean", expected.mean()),
    ]:
        loss = function(t(A), t(B), reduction=reduction, **options)
        np.testing.assert_allclose(loss.numpy(), value, rtol=1e-12)


def test_divergence_is_zero_of_equal_and_positive_of_other_distributions() -> None:
    p, q = special.softmax(A, 1), special.softmax(B, 1)
    assert F.kl_div(t(np.log(p)), t(p), reduction="batchmean").item() == pytest.approx(0, abs=1e-15)
    divergence = F.kl_div(t(np.log(q)), t(p), reduction="batchmean").item()
    assert divergence == pytest.approx(special.rel_entr(p, q).sum() / 3)


def test_an_impossible_outcome_adds_nothing_to_the_divergence() -> None:
    target = np.array([0.0, 1.0])
    value, gradient = lamina.value_and_grad(lambda x, y: F.kl_div(x, y, "sum"), (0, 1))(
        np.log([0.5, 0.5]), target
    )
    assert value.item() == pytest.approx(np.log(2))
    assert all(np.isfinite(g.numpy()).all() for g in gradient)


@given(st.floats(0.05, 10), st.lists(st.floats(-50, 50), min_size=1, max_size=5))
def test_huber_lies_between_zero_and_half_the_square(delta: float, errors: list[float]) -> None:
    e = np.array(errors)
    loss = F.huber_loss(t(e), t(0 * e), "none", delta).numpy()
    assert (loss >= 0).all()
    assert (loss <= 0.5 * e**2 + 1e-9).all()
    gradient = lamina.grad(lambda x: F.huber_loss(x, t(0 * e), "sum", delta))(e).numpy()
    np.testing.assert_allclose(gradient, np.clip(e, -delta, delta), rtol=1e-12)


def test_structured_risk_pulls_weights_to_zero() -> None:
    w, v = lamina.tensor(A, requires_grad=True), lamina.tensor(B[0], requires_grad=True)
    penalty = F.frobenius_penalty([w, v], 0.1)
    penalty.backward()
    assert penalty.item() == pytest.approx(0.05 * ((A**2).sum() + (B[0] ** 2).sum()))
    assert w.grad is not None
    assert v.grad is not None
    np.testing.assert_allclose(w.grad.numpy(), 0.1 * A)
    np.testing.assert_allclose(v.grad.numpy(), 0.1 * B[0])
    assert F.frobenius_penalty(w, 0.1).item() == pytest.approx(0.05 * (A**2).sum())
    assert F.frobenius_penalty([], 0.1).item() == 0


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.asarray((a * b).sum(-1) / lengths)


@pytest.mark.parametrize(
    ("name", "inputs", "options", "expected"),
    [
        ("hinge_loss", (A, SIGNS), {}, np.maximum(0, 1 - SIGNS * A)),
        ("hinge_loss", (A, SIGNS), {"margin": 0.3}, np.maximum(0, 0.3 - SIGNS * A)),
        ("soft_margin_loss", (A, SIGNS), {}, np.log(1 + np.exp(-SIGNS * A))),
        (
            "hinge_embedding_loss",
            (A, SIGNS),
            {"margin": 0.5},
            np.where(SIGNS == 1, A, np.maximum(0, 0.5 - A)),
        ),
        (
            "margin_ranking_loss",
            (A, B, SIGNS),
            {"margin": 0.2},
            np.maximum(0, 0.2 - SIGNS * (A - B)),
        ),
        (
            "cosine_embedding_loss",
            (A, B, SIGNS[:, 0]),
            {"margin": 0.1},
            np.where(SIGNS[:, 0] == 1, 1 - cosine(A, B), np.maximum(0, cosine(A, B) - 0.1)),
        ),
    ],
)
def test_margins(
    name: str, inputs: tuple[np.ndarray, ...], options: dict[str, float], expected: np.ndarray
) -> None:
    function = getattr(F, name)
    for reduction, value in [
        ("none", expected),
        ("sum", expected.sum()),
        ("mean", expected.mean()),
    ]:
        loss = function(*map(t, inputs), reduction=reduction, **options)
        np.testing.assert_allclose(loss.numpy(), value, rtol=1e-12)


@pytest.mark.parametrize("p", [1, 2])
def test_multi_margin_compares_with_every_other_class(p: int) -> None:
    labels, weight = np.array([2, 0, 3]), np.array([1.0, 2.0, 3.0, 4.0])
    expected = [
        weight[y] * sum(max(0, 0.5 - x[y] + x[c]) ** p for c in range(4) if c != y) / 4
        for x, y in zip(A, labels, strict=True)
    ]
    loss = F.multi_margin_loss(t(A), t(labels), p, 0.5, t(weight), "none")
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-12)
    single = F.multi_margin_loss(t(A[0]), t(2), p, 0.5, t(weight))
    assert single.item() == pytest.approx(expected[0])


@pytest.mark.parametrize(
    ("error", "call", "message"),
    [
        (
            ShapeError,
            lambda: F.mse_loss(lamina.zeros(3, 1), lamina.zeros(3)),
            r"mse_loss: shapes must be equal, got input \(3, 1\), target \(3,\)",
        ),
        (
            DTypeError,
            lambda: F.mse_loss(t([1.0, 2.0]), 3.0),  # type: ignore[arg-type]
            "mse_loss: target must be a tensor, got float",
        ),
        (
            DTypeError,
            lambda: F.l1_loss(t([1, 2]), t([1, 2])),
            r"l1_loss: input must be a float tensor, got int64\[2\]",
        ),
        (
            ArgumentError,
            lambda: F.huber_loss(t([1.0]), t([1.0]), delta=0.0),
            "huber_loss: delta must be positive, got 0.0",
        ),
        (
            ArgumentError,
            lambda: F.smooth_l1_loss(t([1.0]), t([1.0]), beta=-1.0),
            "smooth_l1_loss: beta must not be negative, got -1.0",
        ),
        (
            ArgumentError,
            lambda: F.kl_div(t([1.0]), t([1.0]), reduction="batch"),
            "kl_div: reduction must be one of .*'batchmean'.* got 'batch'",
        ),
        (
            ArgumentError,
            lambda: F.mse_loss(t([1.0]), t([1.0]), reduction="batchmean"),
            "mse_loss: reduction must be one of",
        ),
        (
            ArgumentError,
            lambda: F.frobenius_penalty([], -1.0),
            "frobenius_penalty: strength must not be negative, got -1.0",
        ),
        (
            ArgumentError,
            lambda: F.hinge_loss(t([[0.5, 2.0]]), t([[1, 0]])),
            r"hinge_loss: target must hold labels -1 or 1, got target\[0, 1\] = 0",
        ),
        (
            ArgumentError,
            lambda: F.multi_margin_loss(lamina.zeros(2, 3), t([0, 3])),
            r"multi_margin_loss: target must hold integers from 0 to 2, got target\[1\] = 3",
        ),
        (
            ArgumentError,
            lambda: F.multi_margin_loss(lamina.zeros(2, 3), t([0, 1]), p=3),
            "multi_margin_loss: p must be 1 or 2, got 3",
        ),
        (
            ShapeError,
            lambda: F.multi_margin_loss(lamina.zeros(2, 3), t([0])),
            r"expected input \(N, C\) and target \(N,\), got \(2, 3\) and \(1,\)",
        ),
    ],
)
def test_errors_say_what_is_wrong(error: type[Exception], call: object, message: str) -> None:
    with pytest.raises(error, match=message):
        call()  # type: ignore[operator]
