"""Metrics: known values, and no dependence on how examples are cut into batches."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.core.errors import ArgumentError, ShapeError
from lamina.train import (
    Metric,
    accuracy,
    binary_accuracy,
    confusion_matrix,
    error_rate,
    mean_absolute_error,
    mean_squared_error,
    top_k,
)
from lamina.train.metrics import Totals, resolve

RNG = np.random.default_rng(1)
OUTPUTS = RNG.normal(size=(23, 4)).astype(np.float32)
LABELS = RNG.integers(0, 4, 23)
EVERY = (accuracy, error_rate, top_k(2), confusion_matrix(4))


def test_classification_against_scikit_learn() -> None:
    reference = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    predicted = OUTPUTS.argmax(1)
    assert accuracy(OUTPUTS, LABELS) == pytest.approx(reference.accuracy_score(LABELS, predicted))
    found = confusion_matrix(4)(OUTPUTS, LABELS)
    assert found == reference.confusion_matrix(LABELS, predicted).tolist()
    for k in (1, 2, 3):
        expected = reference.top_k_accuracy_score(LABELS, OUTPUTS, k=k)
        assert top_k(k)(OUTPUTS, LABELS) == pytest.approx(expected)


def test_known_values() -> None:
    outputs = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0], [0.0, 3.0, 1.0], [9.0, 1.0, 2.0]])
    labels = np.array([0, 1, 1, 1])
    assert accuracy(outputs, labels) == 0.5
    assert error_rate(outputs, labels) == 0.5
    assert top_k(2)(outputs, labels) == 0.75
    assert confusion_matrix(3)(outputs, labels) == [[1, 0, 0], [1, 1, 1], [0, 0, 0]]
    assert mean_squared_error(outputs, outputs + 2) == 4
    assert mean_absolute_error(outputs, outputs - 3) == 3
    assert binary_accuracy(0.5)(np.array([0.4, 0.6]), np.array([0.0, 0.0])) == 0.5


def test_class_probabilities_as_targets() -> None:
    targets = np.eye(4)[LABELS]
    assert accuracy(OUTPUTS, targets) == accuracy(OUTPUTS, LABELS)


def test_every_position_of_a_segmentation_counts() -> None:
    outputs = np.zeros((1, 2, 2, 2))
    outputs[0, 1] = [[1, 1], [-1, -1]]
    assert accuracy(outputs, np.array([[[1, 0], [0, 0]]])) == 0.75


@given(st.lists(st.integers(1, 22), max_size=5))
def test_batches_of_any_size_give_the_same(cuts: list[int]) -> None:
    totals = Totals(EVERY)
    losses = RNG.normal(size=23)
    for part in np.split(np.arange(23), sorted(set(cuts))):
        totals.add(float(losses[part].mean()), OUTPUTS[part], LABELS[part])
    found = totals.results()
    assert found["loss"] == pytest.approx(losses.mean())
    for metric in EVERY:
        np.testing.assert_allclose(found[metric.name], metric(OUTPUTS, LABELS))


def test_sums_resume_from_their_state() -> None:
    one, two = Totals(EVERY), Totals(EVERY)
    one.add(0.5, OUTPUTS[:10], LABELS[:10])
    two.load_state_dict(one.state_dict())
    for totals in (one, two):
        totals.add(0.25, OUTPUTS[10:], LABELS[10:])
    assert one.results() == two.results()
    assert json.loads(json.dumps(one.results())) == one.results()


def test_nothing_seen_gives_nothing() -> None:
    assert Totals(EVERY).results() == {}


def test_names() -> None:
    assert [m.name for m in resolve(["accuracy", "top_5", Metric("mine", len)])] == [
        "accuracy", "top_5", "mine"
    ]  # fmt: skip
    with pytest.raises(ArgumentError, match="did you mean 'accuracy'"):
        resolve(["acuracy"])
    with pytest.raises(ArgumentError, match="'accuracy' is there already"):
        resolve(["accuracy", binary_accuracy()])
    with pytest.raises(ArgumentError, match="'loss' is there already"):
        resolve([Metric("loss", len)])


@pytest.mark.parametrize(
    ("metric", "outputs", "targets", "message"),
    [
        (accuracy, (4, 1), (4,), "use binary_accuracy"),
        (accuracy, (4, 3), (3,), "expected outputs"),
        (top_k(2), (4,), (4,), "expected outputs"),
        (confusion_matrix(3), (4, 2), (4,), r"expected outputs \[N, 3"),
        (binary_accuracy(), (4, 2), (4,), "one output for each target"),
        (mean_squared_error, (4, 2), (4,), "of one shape"),
    ],
)
def test_shapes_that_do_not_fit(
    metric: Metric, outputs: tuple[int, ...], targets: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        metric(np.zeros(outputs), np.zeros(targets, np.int64))


def test_k_above_the_number_of_classes() -> None:
    with pytest.raises(ArgumentError, match="k must be in 1 … 4"):
        top_k(5)(OUTPUTS, LABELS)
