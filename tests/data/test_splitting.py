import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.core.errors import ArgumentError
from lamina.core.philox import make_key
from lamina.data import Dataset, split

KEY = make_key(3)


def numbered(labels, classes):
    """A data set whose inputs are the row numbers."""
    names = tuple(map(str, range(classes)))
    return Dataset(np.arange(len(labels))[:, None], np.asarray(labels), names)


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=80),
    st.lists(st.integers(0, 9), min_size=1, max_size=4).filter(any),
    st.booleans(),
    st.integers(0, 2**64 - 1),
)
def test_every_example_lands_in_one_part(labels, weights, stratify, seed):
    data = numbered(labels, 5)
    fractions = [weight / sum(weights) for weight in weights]
    parts = split(data, fractions, make_key(seed), stratify)
    rows = np.concatenate([part.inputs[:, 0] for part in parts])
    assert sorted(rows) == list(range(len(data)))
    for part, fraction in zip(parts, fractions, strict=True):
        assert abs(len(part) - fraction * len(data)) <= 1
        assert np.array_equal(part.targets, data.targets[part.inputs[:, 0]])


@given(st.integers(2, 6), st.integers(1, 40), st.integers(0, 9), st.integers(0, 1000))
def test_balanced_classes_stay_balanced(classes, each, tenths, seed):
    data = numbered(np.arange(classes * each) % classes, classes)
    for part in split(data, (tenths / 10, 1 - tenths / 10), make_key(seed)):
        counts = np.bincount(part.targets, minlength=classes)
        assert counts.max() - counts.min() <= 1


@given(st.lists(st.integers(1, 60), min_size=2, max_size=5), st.integers(0, 1000))
def test_each_class_is_in_proportion(sizes, seed):
    data = numbered(np.repeat(np.arange(len(sizes)), sizes), len(sizes))
    fractions = (0.5, 0.2, 0.3)
    for part, fraction in zip(split(data, fractions, make_key(seed)), fractions, strict=True):
        counts = np.bincount(part.targets, minlength=len(sizes))
        assert np.abs(counts - fraction * np.array(sizes)).max() <= 1 + len(sizes) / 2


def test_unstratified_parts_are_not_in_proportion():
    data = numbered(np.arange(1000) % 2, 2)
    counts = [np.bincount(split(data, (0.5, 0.5), make_key(s), False)[0].targets)[0]
              for s in range(20)]  # fmt: skip
    assert len(set(counts)) > 5


def test_it_depends_on_the_key_alone():
    data = numbered(np.arange(50) % 2, 2)
    first, again = (split(data, (0.5, 0.5), KEY)[0].inputs for _ in range(2))
    other = split(data, (0.5, 0.5), make_key(4))[0].inputs
    assert np.array_equal(first, again)
    assert not np.array_equal(np.sort(first, 0), np.sort(other, 0))


def test_counts_may_leave_examples_out():
    parts = split(numbered(np.arange(50) % 2, 2), (20, 6), KEY)
    assert [np.bincount(part.targets).tolist() for part in parts] == [[10, 10], [3, 3]]


def test_numbers_to_be_regressed_are_split_without_classes():
    data = Dataset(np.zeros((10, 1)), np.linspace(0, 1, 10))
    assert [len(part) for part in split(data, (0.5, 0.5), KEY)] == [5, 5]
    with pytest.raises(ArgumentError, match="stratify=False"):
        split(data, (0.5, 0.5), KEY, stratify=True)


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ((0.5, 0.4), "sum to 1.*0.9"),
        ((1.5, -0.5), "from zero up"),
        ((), "from zero up"),
        ((40, 20), "50 examples.*60"),
        (("a", "b"), "from zero up"),
    ],
)
def test_wrong_fractions(fractions, message):
    with pytest.raises(ArgumentError, match=message):
        split(numbered(np.arange(50) % 2, 2), fractions, KEY)
