import json
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.philox import fold_in, make_key, permutation
from lamina.data import DataLoader, Dataset, as_batches
from lamina.data.transforms import random_shift
from lamina.random import use_keys

KEY = make_key(21)


def numbers(count):
    return np.arange(count), np.arange(count) * 10


def jitter(inputs, targets, key):
    return inputs + key[0] % 1000, targets


def epochs(batches, count):
    return [[(x.tolist(), y.tolist()) for x, y in batches] for _ in range(count)]


@given(st.integers(1, 30), st.integers(1, 12), st.booleans())
def test_an_epoch_holds_every_example_once(count, size, shuffle):
    loader = DataLoader(numbers(count), size, shuffle, KEY)
    batches = list(loader)
    inputs = np.concatenate([x for x, _ in batches])
    assert sorted(inputs) == list(range(count))
    assert np.array_equal(np.concatenate([y for _, y in batches]), inputs * 10)
    assert len(batches) == len(loader)
    assert all(len(x) == size for x, _ in batches[:-1])


def test_the_order_of_an_epoch_is_the_permutation_of_its_key():
    loader = DataLoader(numbers(17), 5, shuffle=True, key=KEY)
    for epoch in range(3):
        inputs = np.concatenate([x for x, _ in loader])
        assert np.array_equal(inputs, permutation(fold_in(KEY, epoch), 17))


def test_without_shuffling_the_order_is_the_given_one():
    assert epochs(DataLoader(numbers(3), 2), 2) == [[([0, 1], [0, 10]), ([2], [20])]] * 2


def test_drop_last():
    loader = DataLoader(numbers(7), 3, drop_last=True)
    assert [len(x) for x, _ in loader] == [3, 3]
    assert len(loader) == 2


def test_a_transform_gets_the_key_of_epoch_and_batch():
    seen = []

    def record(inputs, targets, key):
        seen.append(key.tolist())
        return inputs, targets

    loader = DataLoader(numbers(4), 2, key=KEY, transform=record)
    epochs(loader, 2)
    expected = [fold_in(fold_in(KEY, e), b).tolist() for e in range(2) for b in range(2)]
    assert seen == expected


@given(
    st.integers(1, 20),
    st.integers(1, 6),
    st.booleans(),
    st.integers(0, 40),
)
def test_a_resumed_run_equals_the_uninterrupted_one(count, size, shuffle, stop):
    def loader():
        return DataLoader(numbers(count), size, shuffle, KEY, transform=jitter)

    def stream(batches, start=0):
        """Batches with the epoch they belong to, over five epochs."""
        for _ in range(start, 5):
            for x, y in batches:
                yield batches.epoch, x.tolist(), y.tolist()

    whole = list(stream(loader()))
    first = loader()
    running = stream(first)
    before = list(islice(running, stop))
    state = json.loads(json.dumps(first.state_dict()))
    resumed = loader()
    resumed.load_state_dict(state)
    assert before + list(stream(resumed, resumed.epoch)) == whole


def test_an_abandoned_iteration_goes_on_where_it_was():
    loader = DataLoader(numbers(6), 2)
    next(iter(loader))
    assert (loader.epoch, loader.batch) == (0, 1)
    assert [x.tolist() for x, _ in loader] == [[2, 3], [4, 5]]
    assert (loader.epoch, loader.batch) == (1, 0)


def test_a_state_between_the_last_batch_and_the_end_has_an_empty_rest():
    loader = DataLoader(numbers(4), 2)
    iterator = iter(loader)
    next(iterator), next(iterator)
    other = DataLoader(numbers(4), 2)
    other.load_state_dict(loader.state_dict())
    assert list(other) == []
    assert (other.epoch, other.batch) == (1, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 3}, "batch_size=2, this loader has 3"),
        ({"shuffle": True}, "shuffle=False"),
        ({"key": make_key(1)}, r"key=\[21, 0\], this loader has \[1, 0\]"),
        ({"data": numbers(5)}, "examples=6"),
        ({"drop_last": True}, "drop_last"),
    ],
)
def test_a_state_of_other_batches_is_refused(change, message):
    state = DataLoader(numbers(6), 2, key=KEY).state_dict()
    arguments = {"data": numbers(6), "batch_size": 2, "key": KEY} | change
    with pytest.raises(ArgumentError, match=message):
        DataLoader(**arguments).load_state_dict(state)


@pytest.mark.parametrize("change", [{"epoch": -1}, {"batch": 4}, {"batch": "1"}, {"epoch": None}])
def test_a_position_that_is_not_there(change):
    loader = DataLoader(numbers(6), 2)
    with pytest.raises(ArgumentError, match="load_state_dict"):
        loader.load_state_dict(loader.state_dict() | change)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size must be 1 or more, got 0"),
        ({"batch_size": 9, "drop_last": True}, "6 examples make no batch of 9"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        DataLoader(numbers(6), **arguments)


@pytest.mark.parametrize("option", [{"shuffle": True}, {"transform": jitter}])
def test_a_key_of_the_current_stream_where_none_is_given(option):
    with use_keys(KEY):
        one, other = (epochs(DataLoader(numbers(64), 64, **option), 2) for _ in range(2))
    with use_keys(KEY):
        again = epochs(DataLoader(numbers(64), 64, **option), 2)
    assert one == again != other


def test_wrong_data():
    with pytest.raises(ArgumentError, match="0 examples"):
        DataLoader(numbers(0), 2)
    with pytest.raises(ArgumentError, match="got list"):
        DataLoader([1, 2], 2)
    with pytest.raises(ShapeError, match=r"\(6,\) and \(5,\)"):
        DataLoader((np.zeros(6), np.zeros(5)), 2)


def test_images_are_augmented_anew_each_epoch():
    images = np.random.default_rng(0).random((6, 1, 5, 5), np.float32)
    runs = []
    for _ in range(2):
        loader = DataLoader((images, np.arange(6)), 6, key=KEY, transform=random_shift(2))
        runs.append([inputs for _ in range(2) for inputs, _ in loader])
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0][0], runs[0][1])


class Replayed:
    """A re-iterable that is neither a loader nor a list."""

    def __iter__(self):
        for start in range(0, 6, 2):
            yield [range(start, start + 2), range(start, start + 2)]


def test_as_batches_takes_any_re_iterable():
    assert epochs(as_batches(Replayed()), 2) == [[([i, i + 1], [i, i + 1]) for i in (0, 2, 4)]] * 2
    pairs = [numbers(2), numbers(3)]
    assert len(as_batches(pairs)) == 2
    assert [len(x) for x, _ in as_batches(pairs)] == [2, 3]


def test_as_batches_takes_loaders_data_sets_and_pairs():
    loader = DataLoader(numbers(4), 2)
    assert as_batches(loader) is loader
    data = Dataset(np.zeros((5, 1)), np.arange(5))
    assert [len(x) for x, _ in as_batches(data, 2)] == [2, 2, 1]
    assert [len(x) for x, _ in as_batches(numbers(5))] == [5]


def test_as_batches_goes_on_from_a_position():
    first = as_batches(Replayed())
    iterator = iter(first)
    next(iterator), next(iterator)
    second = as_batches(Replayed())
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert [x.tolist() for x, _ in second] == [[4, 5]]
    assert second.state_dict() == {"epoch": 1, "batch": 0}


def test_as_batches_refuses_what_cannot_be_repeated_or_is_no_pair():
    with pytest.raises(ArgumentError, match="an iterator.*list_iterator"):
        as_batches(iter([numbers(2)]))
    with pytest.raises(ArgumentError, match="got int"):
        as_batches(3)
    with pytest.raises(ArgumentError, match="batch 0 must be a pair"):
        list(as_batches([np.zeros(3)]))
    with pytest.raises(ShapeError, match=r"batch 1.*\(2,\) and \(3,\)"):
        list(as_batches([numbers(2), (np.zeros(2), np.zeros(3))]))
    with pytest.raises(ArgumentError, match="no batch"):
        list(as_batches([]))


def test_as_batches_takes_a_torch_loader():
    torch = pytest.importorskip("torch.utils.data")
    pairs = [(np.float32(i), i) for i in range(4)]
    batches = as_batches(torch.DataLoader(pairs, batch_size=2))
    assert epochs(batches, 1) == [[([0, 1], [0, 1]), ([2, 3], [2, 3])]]
