import dataclasses

import numpy as np
import pytest

from lamina.core.errors import ArgumentError, DataError, DTypeError, ShapeError
from lamina.data import Dataset

INPUTS = np.arange(12.0).reshape(4, 3)
LABELS = np.array([0, 1, 1, 0])


def test_it_keeps_what_it_was_given():
    data = Dataset(INPUTS, LABELS, ("a", "b"), ("x", "y", "z"))
    assert data.inputs is INPUTS
    assert data.targets is LABELS
    assert len(data) == 4


def test_it_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Dataset(INPUTS, LABELS).inputs = LABELS


@pytest.mark.parametrize("index", [slice(1, 3), np.array([1, 2]), LABELS == 1])
def test_a_part_keeps_the_names(index):
    part = Dataset(INPUTS, LABELS, ("a", "b"), ("x", "y", "z"), name="small")[index]
    assert np.array_equal(part.inputs, INPUTS[1:3])
    assert np.array_equal(part.targets, LABELS[1:3])
    assert (part.classes, part.features, part.name) == (("a", "b"), ("x", "y", "z"), "small")


def test_one_example_is_not_a_data_set():
    with pytest.raises(ArgumentError, match="slice"):
        Dataset(INPUTS, LABELS)[2]


def test_different_lengths():
    with pytest.raises(ShapeError, match=r"4 inputs \(4, 3\) and 3 targets \(3,\)"):
        Dataset(INPUTS, LABELS[:3])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_row_that_is_not_finite_is_named(bad):
    inputs = INPUTS.copy()
    inputs[2, 1] = inputs[3, 0] = bad
    with pytest.raises(DataError, match=rf"row 2 .*inputs\[2, 1\] is {bad}"):
        Dataset(inputs, LABELS)
    with pytest.raises(DataError, match=r"targets.*row 1"):
        Dataset(INPUTS, np.array([0, bad, 0, 0]))


@pytest.mark.parametrize("label", [-1, 2])
def test_the_first_label_out_of_range_is_named(label):
    with pytest.raises(DataError, match=rf"0 … 1, row 3 has {label}"):
        Dataset(INPUTS, np.array([0, 1, 1, label]), ("a", "b"))


def test_labels_have_one_axis_and_are_integers():
    with pytest.raises(DTypeError, match="integers, got float64"):
        Dataset(INPUTS, LABELS.astype(float), ("a", "b"))
    with pytest.raises(ShapeError, match=r"\[N\], got \(4, 1\)"):
        Dataset(INPUTS, LABELS[:, None], ("a", "b"))


def test_feature_names_fit_the_inputs():
    with pytest.raises(ShapeError, match="2 feature names"):
        Dataset(INPUTS, LABELS, features=("x", "y"))


@pytest.mark.parametrize("inputs", [np.array(["a"] * 4), np.zeros(4, complex), [None] * 4])
def test_only_real_numbers(inputs):
    with pytest.raises(DTypeError, match="real numbers"):
        Dataset(inputs, LABELS)


def test_a_scalar_is_not_a_data_set():
    with pytest.raises(ShapeError, match="scalar"):
        Dataset(np.float32(1), LABELS)
