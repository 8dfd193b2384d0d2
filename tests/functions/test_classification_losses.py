"""Cross-entropies: definitions by hand, weights, ignored positions, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

import lamina
import lamina.functions as F
from lamina.core.errors import ArgumentError, DTypeError, ShapeError

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(4, 3))
LABELS = np.array([2, 0, 1, 2])
WEIGHT = np.array([0.5, 1.0, 3.0])
P = special.softmax(LOGITS, 1)


def t(x: object) -> lamina.Tensor:
    return lamina.tensor(x)


def test_cross_entropy_is_minus_the_log_of_the_right_class() -> None:
    losses = -np.log(P[range(4), LABELS])
    for reduction, expected in [("none", losses), ("sum", losses.sum()), ("mean", losses.mean())]:
        value = F.cross_entropy(t(LOGITS), t(LABELS), reduction=reduction)
        np.testing.assert_allclose(value.numpy(), expected, rtol=1e-12)


def test_error_term_of_softmax_with_cross_entropy_is_prediction_minus_target() -> None:
    gradient = lamina.grad(lambda x: F.cross_entropy(x, t(LABELS), reduction="sum"))(LOGITS)
    np.testing.assert_allclose(gradient.numpy(), P - np.eye(3)[LABELS], atol=1e-14)


def test_class_weights_weigh_the_mean() -> None:
    w = WEIGHT[LABELS]
    expected = -(w * np.log(P[range(4), LABELS])).sum() / w.sum()
    assert F.cross_entropy(t(LOGITS), t(LABELS), t(WEIGHT)).item() == pytest.approx(expected)


def test_ignored_positions_do_not_count() -> None:
    labels = np.array([2, -100, 1, -100])
    kept = F.cross_entropy(t(LOGITS[[0, 2]]), t(LABELS[[0, 2]]), t(WEIGHT), label_smoothing=0.2)
    value, gradient = lamina.value_and_grad(
        lambda x: F.cross_entropy(x, t(labels), t(WEIGHT), label_smoothing=0.2)
    )(LOGITS)
    assert value.item() == pytest.approx(kept.item())
    assert (gradient.numpy()[[1, 3]] == 0).all()
    none = F.cross_entropy(t(LOGITS), t(labels), reduction="none").numpy()
    assert (none[[1, 3]] == 0).all()
    assert math.isnan(F.cross_entropy(t(LOGITS[:1]), t([-100])).item())


def test_ignoring_leaves_infinities_of_other_positions_alone() -> None:
    logits = np.array([[1.0, 0.0], [np.inf, np.nan]])
    loss = F.cross_entropy(t(logits), t([0, -100]), reduction="sum")
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-1)))


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_indices_are_one_hot_probabilities(smoothing: float, weight: np.ndarray | None) -> None:
    w = None if weight is None else t(weight)
    labels, codes = t(LABELS), t(np.eye(3)[LABELS])
    kwargs = {"reduction": "none", "label_smoothing": smoothing}
    by_index = F.cross_entropy(t(LOGITS), labels, w, **kwargs)  # type: ignore[arg-type]
    by_code = F.cross_entropy(t(LOGITS), codes, w, **kwargs)  # type: ignore[arg-type]
    np.testing.assert_allclose(by_index.numpy(), by_code.numpy(), rtol=1e-12)


def test_smoothing_mixes_with_the_uniform_distribution() -> None:
    q = 0.7 * np.eye(3)[LABELS] + 0.3 / 3
    expected = -(q * np.log(P)).sum(1)
    value = F.cross_entropy(t(LOGITS), t(LABELS), label_smoothing=0.3, reduction="none")
    np.testing.assert_allclose(value.numpy(), expected, rtol=1e-12)


def test_images_are_classified_pixel_by_pixel() -> None:
    logits, labels = RNG.normal(size=(2, 3, 4, 5)), RNG.integers(0, 3, (2, 4, 5))
    pixels = F.cross_entropy(t(np.moveaxis(logits, 1, -1).reshape(-1, 3)), t(labels.ravel()))
    assert F.cross_entropy(t(logits), t(labels)).item() == pytest.approx(pixels.item())
    single = F.cross_entropy(t(LOGITS[0]), t(2))
    assert single.item() == pytest.approx(-math.log(P[0, 2]))


def test_small_integer_labels_are_labels() -> None:
    small = F.cross_entropy(t(LOGITS), t(LABELS.astype("uint8")))
    assert small.item() == F.cross_entropy(t(LOGITS), t(LABELS)).item()


def test_nll_of_log_softmax_is_cross_entropy() -> None:
    logs = F.log_softmax(t(LOGITS), 1)
    nll = F.nll_loss(logs, t(LABELS), t(WEIGHT), ignore_index=0)
    expected = F.cross_entropy(t(LOGITS), t(LABELS), t(WEIGHT), ignore_index=0)
    assert nll.item() == expected.item()


def test_binary_losses_agree_with_each_other_and_the_definition() -> None:
    y, w = RNG.uniform(size=LOGITS.shape), RNG.uniform(size=(4, 3))
    p = special.expit(LOGITS)
    expected = -w * (y * np.log(p) + (1 - y) * np.log(1 - p))
    of_p = F.binary_cross_entropy(t(p), t(y), t(w), "none")
    of_x = F.binary_cross_entropy_with_logits(t(LOGITS), t(y), t(w), "none")
    np.testing.assert_allclose(of_p.numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(of_x.numpy(), expected, rtol=1e-12)


def test_pos_weight_multiplies_the_positive_term() -> None:
    y = RNG.uniform(size=LOGITS.shape)
    expected = -(WEIGHT * y * special.log_expit(LOGITS) + (1 - y) * special.log_expit(-LOGITS))
    value = F.binary_cross_entropy_with_logits(
        t(LOGITS), t(y), reduction="none", pos_weight=t(WEIGHT)
    )
    np.testing.assert_allclose(value.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_certain_and_wrong_costs_a_hundred_and_still_pulls_back(dtype: str) -> None:
    p, y = np.array([0, 1, 0, 1], dtype), np.array([1, 0, 0, 1], dtype)
    losses = F.binary_cross_entropy(t(p), t(y), reduction="none")
    assert losses.tolist() == [100, 100, 0, 0]
    gradient = lamina.grad(lambda p: F.binary_cross_entropy(p, t(y), reduction="sum"))(p)
    assert np.isfinite(gradient.numpy()).all()
    assert gradient.tolist()[0] < -1e10 < 1e10 < gradient.tolist()[1]


@pytest.mark.parametrize(
    ("error", "call", "message"),
    [
        (
            ArgumentError,
            lambda: F.cross_entropy(lamina.zeros(2, 3, 4), t([[0, 1, 2, 0], [0, 3, 0, 0]])),
            r"cross_entropy: target must hold integers from 0 to 2 \(or ignore_index, -100\), "
            r"got target\[1, 1\] = 3",
        ),
        (
            ArgumentError,
            lambda: F.nll_loss(lamina.zeros(3), t(-1)),
            r"nll_loss: .*got target = -1",
        ),
        (
            DTypeError,
            lambda: F.cross_entropy(lamina.zeros(2, 3), t([0.0, 1.0])),
            r"cross_entropy: class indices must be integers, got target float32\[2\]; convert .*"
            r"\.long\(\)",
        ),
        (
            DTypeError,
            lambda: F.nll_loss(lamina.zeros(2, 3), lamina.zeros(2, 3)),
            r"nll_loss: target must hold integer class indices, got float32\[2, 3\]",
        ),
        (
            DTypeError,
            lambda: F.cross_entropy(lamina.zeros(2, 3), [0, 1]),  # type: ignore[arg-type]
            "cross_entropy: target must be a tensor, got list; convert it with lamina.tensor",
        ),
        (
            ShapeError,
            lambda: F.cross_entropy(lamina.zeros(4, 3), t([0, 1])),
            r"cross_entropy: target must have shape \(4,\), got \(2,\)",
        ),
        (
            ShapeError,
            lambda: F.cross_entropy(lamina.zeros(4, 3), t([0] * 4), lamina.ones(4)),
            r"cross_entropy: weight must have shape \(3,\), got \(4,\)",
        ),
        (
            ShapeError,
            lambda: F.cross_entropy(lamina.zeros(4, 3), lamina.zeros(4, 2)),
            r"probabilities must have shape \(4, 3\), got \(4, 2\)",
        ),
        (
            ArgumentError,
            lambda: F.cross_entropy(lamina.zeros(1, 2), t([[1.5, -0.5]])),
            r"cross_entropy: target must hold values ≥ 0, got target\[0, 1\] = -0.5",
        ),
        (
            ArgumentError,
            lambda: F.cross_entropy(lamina.zeros(1, 2), t([0]), label_smoothing=1.5),
            "cross_entropy: label_smoothing must be between 0 and 1, got 1.5",
        ),
        (
            ArgumentError,
            lambda: F.cross_entropy(lamina.zeros(1, 2), t([0]), reduction="average"),
            r"cross_entropy: reduction must be one of \('mean', 'sum', 'none'\), got 'average'",
        ),
        (
            ArgumentError,
            lambda: F.binary_cross_entropy(t([0.5, 1.5]), t([0.0, 1.0])),
            r"binary_cross_entropy: input must hold values from 0 to 1, got input\[1\] = 1.5",
        ),
        (
            ArgumentError,
            lambda: F.binary_cross_entropy_with_logits(t([0.5, 1.5]), t([-1.0, 1.0])),
            r"with_logits: target must hold values from 0 to 1, got target\[0\] = -1.0",
        ),
        (
            DTypeError,
            lambda: F.binary_cross_entropy(t([0.5, 0.5]), t([0, 1])),
            r"binary_cross_entropy: target must be a float tensor of probabilities, got int64\[2\]",
        ),
        (
            ShapeError,
            lambda: F.binary_cross_entropy_with_logits(lamina.zeros(3, 1), lamina.zeros(3)),
            r"shapes must be equal, got input \(3, 1\), target \(3,\); reshape one of them",
        ),
    ],
)
def test_errors_say_what_is_wrong(error: type[Exception], call: object, message: str) -> None:
    with pytest.raises(error, match=message):
        call()  # type: ignore[operator]
