"""Counter-based random bits: Philox4x32-10.

A *key* is a ``uint32[2]`` array. The random words are a pure function of key and counter, so any
part of a stream can be computed on its own, in any order, and there is no hidden state.

Streams of one key never share a counter; the last counter word tells them apart: 0 for
`random_bits`, 1 for `fold_in`, 2 for `split`.

Source: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as
1, 2, 3", SC'11, section 3.3.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from lamina.core.errors import ArgumentError, DTypeError, ShapeError

Words: TypeAlias = npt.NDArray[np.uint32]
_Lanes: TypeAlias = npt.NDArray[np.uint64]

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_CHUNK = 8192  # blocks; six uint64 lanes of this length stay in a second-level cache


def make_key(seed: int) -> Words:
    """The key of a seed: its low and high 32 bits.

    Raises `ArgumentError` unless ``0 <= seed < 2**64``.

    >>> make_key(2**32 + 7)
    array([7, 1], dtype=uint32)
    """
    return np.array(_two_words("make_key", "seed", seed), np.uint32)


def block(key: Words, counters: Words) -> Words:
    """Ten Philox rounds of every counter: ``uint32[..., 4] -> uint32[..., 4]``.

    One round maps ``(c0, c1, c2, c3)`` to ``(hi(m1 c2) ^ c1 ^ k0, lo(m1 c2), hi(m0 c0) ^ c3 ^ k1,
    lo(m0 c0))``, and adds a Weyl constant to each key word.

    >>> [hex(word) for word in block(make_key(0), np.zeros(4, np.uint32))]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    low, high = _key_words("block", key)
    if counters.dtype != np.uint32:
        raise DTypeError(f"block: counters must be uint32, got {counters.dtype}")
    if counters.shape[-1:] != (4,):
        raise ShapeError(f"block: counters must have shape [..., 4], got {counters.shape}")
    rows = counters.reshape(-1, 4)
    words = np.empty_like(rows)
    for start in range(0, len(rows), _CHUNK):
        part = slice(start, start + _CHUNK)
        lanes = rows[part].T.astype(np.uint64, order="C")
        _rounds(lanes, low, high)
        words[part] = lanes.T
    return words.reshape(counters.shape)


def random_bits(key: Words, count: int) -> Words:
    """The first `count` words of a key's stream, ``uint32[count]``.

    Word ``4 b + i`` is word ``i`` of the block with counter ``(b mod 2**32, b div 2**32, 0, 0)``,
    so a shorter draw is a prefix of a longer one.

    >>> [hex(word) for word in random_bits(make_key(0), 2)]
    ['0x6627e8d5', '0xe169c58d']
    """
    _check_count("random_bits", "count", count)
    numbers = np.arange(-(-count // 4), dtype=np.uint64)
    counters = np.zeros((len(numbers), 4), np.uint32)
    counters[:, 0] = numbers & _LOW
    counters[:, 1] = numbers >> _HALF
    return block(key, counters).reshape(-1)[:count]


def fold_in(key: Words, data: int) -> Words:
    """A new key from a key and a number, ``0 <= data < 2**64``: the way to name a substream.

    >>> fold_in(make_key(0), 3).shape
    (2,)
    """
    low, high = _two_words("fold_in", "data", data)
    return block(key, np.array([low, high, 0, 1], np.uint32))[:2]


def split(key: Words, count: int = 2) -> Words:
    """`count` new keys, ``uint32[count, 2]``; key ``i`` does not depend on `count`.

    >>> first, second = split(make_key(0))
    """
    _check_count("split", "count", count)
    counters = np.zeros((count, 4), np.uint32)
    counters[:, 0] = np.arange(count, dtype=np.uint32)
    counters[:, 3] = 2
    return np.ascontiguousarray(block(key, counters)[:, :2])


def permutation(key: Words, count: int) -> npt.NDArray[np.int64]:
    """A random permutation of ``0 … count - 1``, ``int64[count]``.

    It sorts `count` random 64-bit words, so two orders are equally likely up to ties, which have a
    probability below ``count**2 / 2**65``.

    >>> sorted(permutation(make_key(0), 4).tolist())
    [0, 1, 2, 3]
    """
    _check_count("permutation", "count", count)
    words = random_bits(key, 2 * count).astype(np.uint64)
    return np.argsort((words[0::2] << _HALF) | words[1::2], kind="stable").astype(np.int64)


def _rounds(lanes: _Lanes, low: int, high: int) -> None:
    """Ten rounds in place; each of the four rows of `lanes` holds one 32-bit counter word."""
    c0, c1, c2, c3 = lanes
    product_0, product_1 = np.empty_like(c0), np.empty_like(c0)
    multiplier_0, multiplier_1 = map(np.uint64, MULTIPLIERS)
    for turn in range(ROUNDS):
        np.multiply(c0, multiplier_0, out=product_0)
        np.multiply(c2, multiplier_1, out=product_1)
        c1 ^= np.uint64((low + turn * WEYL[0]) & 0xFFFFFFFF)
        c3 ^= np.uint64((high + turn * WEYL[1]) & 0xFFFFFFFF)
        np.right_shift(product_1, _HALF, out=c0)
        np.right_shift(product_0, _HALF, out=c2)
        c0 ^= c1
        c2 ^= c3
        np.bitwise_and(product_1, _LOW, out=c1)
        np.bitwise_and(product_0, _LOW, out=c3)


def _key_words(operation: str, key: Words) -> tuple[int, int]:
    words = np.asarray(key)
    if words.dtype != np.uint32:
        raise DTypeError(
            f"{operation}: key must be uint32[2], as lamina.random.key(seed) gives, got "
            f"{words.dtype}{list(words.shape)}"
        )
    if words.shape != (2,):
        raise ShapeError(f"{operation}: key must have shape (2,), got {words.shape}")
    return int(words[0]), int(words[1])


def _two_words(operation: str, argument: str, value: int) -> tuple[int, int]:
    if not 0 <= value < 2**64:
        raise ArgumentError(f"{operation}: {argument} must be in 0 … 2**64 - 1, got {value}")
    return int(value) & 0xFFFFFFFF, int(value) >> 32


def _check_count(operation: str, argument: str, count: int) -> None:
    if not 0 <= count < 2**32:
        raise ArgumentError(f"{operation}: {argument} must be in 0 … 2**32 - 1, got {count}")
