"""Every function: right first and second derivatives, finite far out, and the same when traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamina
import lamina.functions as F

Array = np.ndarray[Any, Any]
Function = Callable[..., Any]

KEY = lamina.random.key(3)
LABELS = lamina.tensor([0, 2, 1, 2])
SIGNS = lamina.tensor([[1.0, -1.0, 1.0], [-1.0, 1.0, 1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]])
TARGET = lamina.tensor(np.random.default_rng(1).uniform(0.1, 0.9, (4, 3)))
WEIGHT = lamina.tensor(np.array([0.5, 1.0, 2.0]))

NAMES = """
    sigmoid tanh relu relu6 leaky_relu elu selu celu gelu softplus softsign silu mish
    hardtanh hardsigmoid hardswish hardshrink softshrink tanhshrink logsigmoid scaled_tanh
"""
ACTIVATIONS: dict[str, Function] = {name: getattr(F, name) for name in NAMES.split()} | {
    "gelu by tanh": lambda x: F.gelu(x, "tanh"),
    "sharp softplus": lambda x: F.softplus(x, 2.5, 1.0),
    "threshold": lambda x: F.threshold(x, 0.1, -1.0),
    "rrelu": lambda x: F.rrelu(x, training=True, key=KEY),
    "maxout": lambda x: F.maxout(x, 3),
    "prelu": lambda x: F.prelu(x, WEIGHT),
    "softmax": lambda x: F.softmax(x, 1),
    "log_softmax": lambda x: F.log_softmax(x, 0),
    "softmin": lambda x: F.softmin(x, 1),
    "logsumexp": lambda x: F.logsumexp(x, (0, 1)),
}

LOSSES: dict[str, Function] = {
    "cross_entropy": lambda x: F.cross_entropy(x, LABELS, WEIGHT, label_smoothing=0.1),
    "cross_entropy of probabilities": lambda x: F.cross_entropy(x, TARGET, WEIGHT),
    "nll_loss": lambda x: F.nll_loss(x, LABELS, WEIGHT, ignore_index=0),
    "binary_cross_entropy_with_logits": lambda x: F.binary_cross_entropy_with_logits(
        x, TARGET, pos_weight=WEIGHT
    ),
    "mse_loss": lambda x: F.mse_loss(x, TARGET),
    "l1_loss": lambda x: F.l1_loss(x, TARGET),
    "smooth_l1_loss": lambda x: F.smooth_l1_loss(x, TARGET, beta=0.5),
    "huber_loss": lambda x: F.huber_loss(x, TARGET, delta=0.5),
    "kl_div": lambda x: F.kl_div(x, TARGET),
    "hinge_loss": lambda x: F.hinge_loss(x, SIGNS),
    "hinge_embedding_loss": lambda x: F.hinge_embedding_loss(x, SIGNS),
    "margin_ranking_loss": lambda x: F.margin_ranking_loss(x, TARGET, SIGNS),
    "multi_margin_loss": lambda x: F.multi_margin_loss(x, LABELS, p=2, weight=WEIGHT),
    "soft_margin_loss": lambda x: F.soft_margin_loss(x, SIGNS),
}

OTHERS: dict[str, Function] = {
    "glu": lambda x: F.glu(x, 0),
    "linear": lambda x: F.linear(x, TARGET, LABELS.double()),
    "bilinear": lambda x: F.bilinear(x, x, TARGET.reshape(4, 1, 3).expand(4, 3, 3)),
    "batch_norm": lambda x: F.batch_norm(x, None, None, WEIGHT, WEIGHT, training=True),
    "layer_norm": lambda x: F.layer_norm(x, 3, WEIGHT, WEIGHT),
    "instance_norm": lambda x: F.instance_norm(x.reshape(1, 3, 4), weight=WEIGHT),
    "group_norm": lambda x: F.group_norm(x.reshape(1, 6, 2), 3),
    "rms_norm": lambda x: F.rms_norm(x, 3, WEIGHT),
    "local_response_norm": lambda x: F.local_response_norm(x.reshape(1, 4, 3), 3, 0.5),
    "normalize": F.normalize,
    "normalize p=3": lambda x: F.normalize(x, 3.0, 0),
    "cosine_similarity": lambda x: F.cosine_similarity(x, TARGET),
    "pairwise_distance": lambda x: F.pairwise_distance(x, TARGET, 3.0),
    "cosine_embedding_loss": lambda x: F.cosine_embedding_loss(x, TARGET, SIGNS[:, 0]),
    "dropout": lambda x: F.dropout(x, 0.4, key=KEY),
    "alpha_dropout": lambda x: F.alpha_dropout(x, 0.4, True, key=KEY),
    "frobenius_penalty": lambda x: F.frobenius_penalty([x, x * x], 0.3),
    "binary_cross_entropy": lambda x: F.binary_cross_entropy(x.sigmoid(), TARGET),
    "targets": lambda x: (
        F.binary_cross_entropy(TARGET, x.sigmoid())
        + F.binary_cross_entropy_with_logits(TARGET, x.sigmoid(), pos_weight=WEIGHT)
        + F.cross_entropy(TARGET, x.sigmoid(), WEIGHT, label_smoothing=0.1)
        + F.kl_div(TARGET, x.sigmoid())
        + F.kl_div(TARGET, x, log_target=True)
    ),
    "embedding": lambda x: F.embedding(lamina.tensor([1, 3, 1]), x * x),
}
SMOOTH_CASES = ACTIVATIONS | LOSSES | OTHERS
by_name = pytest.mark.parametrize("name", SMOOTH_CASES)


def point() -> Array:
    """Values that stay clear of every kink above, of both signs."""
    return np.random.default_rng(7).uniform(-2.0, 2.0, (4, 3))


def scalar_of(function: Function) -> Function:
    """A random linear functional after the function, so that the gradient has no symmetry."""

    def inside(x: Any) -> Any:
        y = function(x)
        return (y * np.random.default_rng(2).normal(size=y.shape)).sum()

    return inside


@by_name
def test_gradient_is_the_limit_of_differences(name: str) -> None:
    f, x, h = scalar_of(SMOOTH_CASES[name]), point(), 1e-5
    gradient = lamina.grad(f)(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = h
        difference = (f(lamina.tensor(x + step)) - f(lamina.tensor(x - step))).item() / (2 * h)
        assert gradient[place].item() == pytest.approx(difference, rel=1e-6, abs=1e-8)


@by_name
def test_hessian_product_is_the_limit_of_differences_of_gradients(name: str) -> None:
    f, x, h = scalar_of(SMOOTH_CASES[name]), point(), 1e-5
    v = np.random.default_rng(3).normal(size=x.shape)
    (product,) = lamina.hvp(f, (x,), (v,))
    gradient = lamina.grad(f)
    difference = (gradient(x + h * v) - gradient(x - h * v)).numpy() / (2 * h)
    np.testing.assert_allclose(product.numpy(), difference, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ACTIVATIONS | LOSSES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_and_derivatives_are_finite_far_out(name: str, dtype: str) -> None:
    function = (ACTIVATIONS | LOSSES)[name]
    places = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, 1e4], [0.0, 1e4, 30.0], [-30.0, 90.0, -90.0]])
    x = lamina.tensor(places.astype(dtype))
    value, gradient = lamina.value_and_grad(lambda x: function(x).sum())(x)
    (curvature,) = lamina.hvp(lambda x: function(x).sum(), (x,), (lamina.ones_like(x),))
    assert all(np.isfinite(each.numpy()).all() for each in (value, gradient, curvature))


@by_name
def test_traced_program_computes_the_same(name: str) -> None:
    function, x = SMOOTH_CASES[name], point()
    program = lamina.trace(function, x)
    np.testing.assert_array_equal(program.evaluate(x)[0], function(lamina.tensor(x)).numpy())


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: F.cross_entropy(x, y, WEIGHT, ignore_index=1, label_smoothing=0.1),
        lambda x, y: F.nll_loss(x, y),
        lambda x, y: F.multi_margin_loss(x, y),
        lambda x, y: F.embedding(y, x, padding_idx=2),
        lambda x, y: F.one_hot(y, 3) * x,
    ],
)
def test_traced_labels_are_not_looked_at(function: Function) -> None:
    x, y = point(), LABELS.numpy()
    program = lamina.trace(function, x, y)
    expected = function(lamina.tensor(x), LABELS).numpy()
    np.testing.assert_array_equal(program.evaluate(x, y)[0], expected)


def test_composites_carry_their_names() -> None:
    logits = lamina.tensor(point(), requires_grad=True)
    frame = F.cross_entropy(logits, LABELS).node.operands[0].frame
    assert frame is not None
    assert "cross_entropy" in frame.path
