"""Philox4x32-10 against the published known answers, an independent scalar copy, and statistics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lamina.core import philox
from lamina.core.errors import ArgumentError, DTypeError, ShapeError

WORD = st.integers(0, 2**32 - 1)

# The kat_vectors of Random123 for philox4x32-10: counter, key, words.
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000")
    + ("6627e8d5 e169c58d bc57ac4c 9b00dbd8",),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff")
    + ("408f276d 41c83b0e a20bc7c6 6d5451fd",),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0")
    + ("d16cfe09 94fdcceb 5001e420 24126ea1",),
]


def words(text):
    return np.array([int(word, 16) for word in text.split()], np.uint32)


def scalar_block(key, counter):
    """The definition in Python integers, one block at a time."""
    (k0, k1), (c0, c1, c2, c3) = key, counter
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (
            (p1 >> 32) ^ c1 ^ k0,
            p1 & 0xFFFFFFFF,
            (p0 >> 32) ^ c3 ^ k1,
            p0 & 0xFFFFFFFF,
        )
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return [c0, c1, c2, c3]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_published_known_answers(counter, key, expected):
    assert philox.block(words(key), words(counter)).tolist() == words(expected).tolist()


@given(st.tuples(WORD, WORD), st.lists(st.tuples(WORD, WORD, WORD, WORD), min_size=1, max_size=9))
def test_block_equals_the_scalar_definition(key, counters):
    got = philox.block(np.array(key, np.uint32), np.array(counters, np.uint32))
    assert got.tolist() == [scalar_block(key, counter) for counter in counters]


def test_block_keeps_leading_axes_and_crosses_chunks():
    key = philox.make_key(11)
    counters = np.arange(4 * 20_000, dtype=np.uint32).reshape(5, 4000, 4)
    got = philox.block(key, counters)
    assert got.shape == counters.shape
    assert got[4, 3999].tolist() == scalar_block((11, 0), counters[4, 3999].tolist())
    assert got[2, 192].tolist() == scalar_block((11, 0), counters[2, 192].tolist())
    assert counters[0, 0].tolist() == [0, 1, 2, 3]


def test_block_takes_no_counters():
    assert philox.block(philox.make_key(0), np.zeros((0, 4), np.uint32)).shape == (0, 4)


@given(st.integers(0, 2**64 - 1))
def test_make_key_splits_the_seed(seed):
    low, high = philox.make_key(seed).tolist()
    assert low + (high << 32) == seed


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_short_draw_is_a_prefix_of_a_long_one(m, n):
    key = philox.make_key(5)
    short, long = sorted((philox.random_bits(key, m), philox.random_bits(key, n)), key=len)
    assert np.array_equal(short, long[: len(short)])


def test_split_does_not_depend_on_the_count():
    key = philox.make_key(9)
    assert np.array_equal(philox.split(key, 3), philox.split(key, 7)[:3])


def test_derived_streams_are_distinct():
    key = philox.make_key(1)
    keys = [*philox.split(key, 500), *(philox.fold_in(key, i) for i in range(500))]
    keys += [*philox.random_bits(key, 1000).reshape(-1, 2)]
    keys += [philox.fold_in(key, 2**32 * i) for i in range(1, 50)]
    assert len({tuple(one.tolist()) for one in keys}) == len(keys)


@given(st.integers(0, 2**64 - 1), st.integers(0, 200))
def test_permutation_holds_every_index_once(seed, count):
    order = philox.permutation(philox.make_key(seed), count)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(count))


def test_all_orders_of_four_are_equally_likely():
    keys = philox.split(philox.make_key(2), 4800)
    orders = [tuple(philox.permutation(key, 4).tolist()) for key in keys]
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-4


def test_bytes_are_uniform():
    octets = philox.random_bits(philox.make_key(3), 250_000).view(np.uint8)
    assert stats.chisquare(np.bincount(octets, minlength=256)).pvalue > 1e-4


def test_every_bit_is_fair_and_unrelated_to_its_neighbours():
    bits = np.unpackbits(philox.random_bits(philox.make_key(4), 65_536).view(np.uint8))
    table = bits.reshape(-1, 32).astype(float)
    assert np.abs(table.mean(0) - 0.5).max() < 5 * 0.5 / 256
    correlation = np.corrcoef(table, rowvar=False) - np.eye(32)
    assert np.abs(correlation).max() < 5 / 256
    assert abs(np.corrcoef(bits[:-1], bits[1:])[0, 1]) < 5 / np.sqrt(len(bits))


def test_streams_of_neighbouring_seeds_are_unrelated():
    streams = [philox.random_bits(philox.make_key(seed), 16_384) for seed in range(6)]
    correlation = np.corrcoef(np.array(streams, float)) - np.eye(6)
    assert np.abs(correlation).max() < 5 / 128


def test_one_flipped_input_bit_flips_half_the_output_bits():
    counters = np.zeros((128, 4), np.uint32)
    for bit in range(128):
        counters[bit, bit // 32] = np.uint32(1 << bit % 32)
    key = philox.make_key(6)
    base = philox.block(key, np.zeros(4, np.uint32))
    flipped = np.unpackbits((philox.block(key, counters) ^ base).view(np.uint8))
    assert abs(flipped.mean() - 0.5) < 5 * 0.5 / np.sqrt(flipped.size)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seed_out_of_range(seed):
    with pytest.raises(ArgumentError, match=f"seed.*{seed}"):
        philox.make_key(seed)


@pytest.mark.parametrize("draw", [philox.random_bits, philox.split, philox.permutation])
def test_negative_count(draw):
    with pytest.raises(ArgumentError, match="count.*-2"):
        draw(philox.make_key(0), -2)


def test_wrong_key_and_counters():
    key = philox.make_key(0)
    with pytest.raises(ShapeError, match=r"key.*\(3,\)"):
        philox.random_bits(np.zeros(3, np.uint32), 1)
    with pytest.raises(DTypeError, match="key.*int64"):
        philox.random_bits(np.zeros(2, np.int64), 1)
    with pytest.raises(ShapeError, match=r"counters.*\(4, 3\)"):
        philox.block(key, np.zeros((4, 3), np.uint32))
    with pytest.raises(DTypeError, match="counters.*float64"):
        philox.block(key, np.zeros(4))
    with pytest.raises(ArgumentError, match="data.*-1"):
        philox.fold_in(key, -1)
