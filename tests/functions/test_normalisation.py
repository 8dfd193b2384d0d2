"""Normalisations: moments, invariances, running statistics, errors."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina.core.errors import ArgumentError, ShapeError

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(3.0, 2.0, (4, 6, 5, 3))


def t(x: object) -> lamina.Tensor:
    return lamina.tensor(x)


def assert_standard(y: np.ndarray, axes: tuple[int, ...]) -> None:
    np.testing.assert_allclose(y.mean(axes), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axes), 1, rtol=1e-12)


def test_each_normalisation_standardises_its_axes() -> None:
    x = t(IMAGES)
    assert_standard(F.batch_norm(x, None, None, training=True, eps=0.0).numpy(), (0, 2, 3))
    assert_standard(F.layer_norm(x, (6, 5, 3), eps=0.0).numpy(), (1, 2, 3))
    assert_standard(F.instance_norm(x, eps=0.0).numpy(), (2, 3))
    groups = F.group_norm(x, 3, eps=0.0).numpy().reshape(4, 3, -1)
    assert_standard(groups, (2,))
    rms = F.rms_norm(x, 3, eps=0.0).numpy()
    np.testing.assert_allclose((rms**2).mean(-1), 1)


def test_groups_range_from_layer_to_instance_normalisation() -> None:
    x = t(IMAGES)
    one, each = F.group_norm(x, 1), F.group_norm(x, 6)
    np.testing.assert_allclose(one.numpy(), F.layer_norm(x, (6, 5, 3)).numpy(), rtol=1e-12)
    np.testing.assert_allclose(each.numpy(), F.instance_norm(x).numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.batch_norm(x, None, None, training=True, eps=0.0),
        lambda x: F.layer_norm(x, 3, eps=0.0),
        lambda x: F.instance_norm(x, eps=0.0),
        lambda x: F.group_norm(x, 2, eps=0.0),
    ],
)
def test_scale_and_shift_of_the_input_do_not_matter(function: object) -> None:
    y, z = function(t(IMAGES)), function(t(5 * IMAGES - 7))  # type: ignore[operator]
    np.testing.assert_allclose(y.numpy(), z.numpy(), rtol=1e-9, atol=1e-12)


def test_weight_and_bias_are_per_channel() -> None:
    w, b = RNG.normal(size=6), RNG.normal(size=6)
    plain = F.batch_norm(t(IMAGES), None, None, training=True).numpy()
    y = F.batch_norm(t(IMAGES), None, None, t(w), t(b), training=True).numpy()
    np.testing.assert_allclose(y, plain * w[:, None, None] + b[:, None, None], rtol=1e-12)


def test_training_updates_running_statistics_and_evaluation_uses_them() -> None:
    mean, variance = t(np.full(6, 2.0)), t(np.full(6, 3.0))
    F.batch_norm(t(IMAGES), mean, variance, training=True, momentum=0.25)
    axes = (0, 2, 3)
    np.testing.assert_allclose(mean.numpy(), 1.5 + 0.25 * IMAGES.mean(axes), rtol=1e-12)
    np.testing.assert_allclose(variance.numpy(), 2.25 + 0.25 * IMAGES.var(axes, ddof=1), rtol=1e-12)
    kept = mean.numpy().copy()
    y = F.batch_norm(t(IMAGES), mean, variance, eps=1e-3).numpy()
    m, v = mean.numpy()[:, None, None], variance.numpy()[:, None, None]
    np.testing.assert_allclose(y, (IMAGES - m) / np.sqrt(v + 1e-3), rtol=1e-12)
    np.testing.assert_array_equal(mean.numpy(), kept)


def test_running_statistics_have_no_history_and_keep_their_dtype() -> None:
    mean, variance = lamina.zeros(6), lamina.ones(6)

    def loss(x: lamina.Tensor) -> lamina.Tensor:
        return F.batch_norm(x, mean, variance, training=True).square().sum()

    lamina.hvp(loss, (IMAGES,), (IMAGES,))
    lamina.grad(loss)(lamina.tensor(IMAGES, requires_grad=True))
    for statistic in (mean, variance):
        assert statistic.dtype == np.float32
        assert not statistic.requires_grad
        assert statistic.node.tracks == 0


def test_an_empty_batch_leaves_the_statistics_alone() -> None:
    mean, variance = lamina.zeros(3), lamina.ones(3)
    y = F.batch_norm(lamina.zeros(0, 3, 2), mean, variance, training=True)
    assert y.shape == (0, 3, 2)
    assert mean.tolist() == [0, 0, 0]
    assert variance.tolist() == [1, 1, 1]


def test_a_traced_training_step_assigns_traced_statistics() -> None:
    def step(x: lamina.Tensor, running: lamina.Tensor) -> tuple[lamina.Tensor, lamina.Tensor]:
        return F.batch_norm(x, running, None, training=True), running

    program = lamina.trace(step, IMAGES, np.zeros(6))
    _, running = program.evaluate(IMAGES, np.zeros(6))
    np.testing.assert_allclose(running, 0.1 * IMAGES.mean((0, 2, 3)), rtol=1e-12)


def test_instance_norm_averages_running_statistics_over_the_batch() -> None:
    mean, variance = t(np.zeros(6)), t(np.ones(6))
    F.instance_norm(t(IMAGES), mean, variance, momentum=0.5)
    np.testing.assert_allclose(mean.numpy(), 0.5 * IMAGES.mean((0, 2, 3)), rtol=1e-12)
    each = IMAGES.var((2, 3), ddof=1).mean(0)
    np.testing.assert_allclose(variance.numpy(), 0.5 + 0.5 * each, rtol=1e-12)
    y = F.instance_norm(t(IMAGES), mean, variance, use_input_stats=False)
    expected = F.batch_norm(t(IMAGES), mean, variance)
    np.testing.assert_array_equal(y.numpy(), expected.numpy())


def test_batch_statistics() -> None:
    mean, variance = F.batch_statistics(t(IMAGES))
    np.testing.assert_allclose(mean.numpy(), IMAGES.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(variance.numpy(), IMAGES.var((0, 2, 3)), rtol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_local_response_norm_sums_over_neighbouring_channels(size: int) -> None:
    x, expected = IMAGES, np.empty_like(IMAGES)
    for c in range(6):
        near = range(max(0, c - size // 2), min(6, c - size // 2 + size))
        energy = sum(x[:, j] ** 2 for j in near)
        expected[:, c] = x[:, c] / (2 + 0.3 / size * energy) ** 0.6
    y = F.local_response_norm(t(x), size, 0.3, 0.6, 2.0)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, np.inf])
def test_normalize_gives_unit_vectors(p: float) -> None:
    x = RNG.normal(size=(3, 4))
    y = F.normalize(t(x), p, dim=0).numpy()
    np.testing.assert_allclose(np.linalg.norm(y, p, axis=0), 1)
    np.testing.assert_allclose(y / x, np.broadcast_to((y / x)[0], (3, 4)))


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_normalize_is_harmless_at_zero(p: float) -> None:
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    value, gradient = lamina.value_and_grad(lambda x: F.normalize(x, p).sum())(x)
    assert np.isfinite(value.numpy())
    assert np.isfinite(gradient.numpy()).all()


@pytest.mark.parametrize(
    ("error", "call", "message"),
    [
        (
            ShapeError,
            lambda: F.batch_norm(lamina.zeros(1, 3), None, None, training=True),
            r"batch_norm: statistics need more than one value a channel, got input \(1, 3\)",
        ),
        (
            ArgumentError,
            lambda: F.batch_norm(lamina.zeros(2, 3), None, None),
            "batch_norm: give running_mean and running_var, or set training=True",
        ),
        (
            ShapeError,
            lambda: F.batch_norm(lamina.zeros(2, 3), lamina.zeros(2), lamina.ones(3)),
            r"batch_norm: every per-channel tensor must have shape \(3,\), got \(2,\)",
        ),
        (
            ShapeError,
            lambda: F.batch_norm(lamina.zeros(3), lamina.zeros(3), lamina.ones(3)),
            r"batch_norm: expected input \(N, C, \*\), got \(3,\)",
        ),
        (
            ShapeError,
            lambda: F.instance_norm(lamina.zeros(2, 3, 1)),
            r"instance_norm: statistics need more than one value",
        ),
        (
            ArgumentError,
            lambda: F.instance_norm(lamina.zeros(2, 3, 2), use_input_stats=False),
            "instance_norm: use_input_stats=False needs running statistics",
        ),
        (
            ShapeError,
            lambda: F.layer_norm(lamina.zeros(2, 3), (2,)),
            r"layer_norm: input must end with normalized_shape \(2,\), got \(2, 3\)",
        ),
        (
            ShapeError,
            lambda: F.rms_norm(lamina.zeros(2, 3), 3, lamina.ones(2)),
            r"rms_norm: weight and bias must have shape \(3,\), got \(2,\)",
        ),
        (
            ArgumentError,
            lambda: F.group_norm(lamina.zeros(2, 3, 4), 2),
            r"group_norm: num_groups must divide the 3 channels of input \(2, 3, 4\), got 2",
        ),
        (
            ShapeError,
            lambda: F.local_response_norm(lamina.zeros(2, 3), 2),
            r"local_response_norm: expected input \(N, C, \*\), got \(2, 3\)",
        ),
        (
            ArgumentError,
            lambda: F.normalize(lamina.zeros(2, 3), p=0.0),
            "vector_norm: p must be positive, got 0.0",
        ),
    ],
)
def test_errors_say_what_is_wrong(error: type[Exception], call: object, message: str) -> None:
    with pytest.raises(error, match=message):
        call()  # type: ignore[operator]
