"""Random bits and keys as operations: pure, exact, well mixed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from lamina.core import philox
from lamina.core.errors import DTypeError
from lamina.core.node import apply, constant, placeholder
from lamina.core.program import Program
from lamina.core.types import Type, uint32
from lamina.ops.random import KEY, FoldIn, RandomBits

SIZE = 1 << 16


def bits(seed: int, size: int = SIZE) -> np.ndarray:
    return RandomBits((size,)).evaluate(philox.make_key(seed))


def test_bits_are_those_of_the_generator_in_any_shape() -> None:
    key = philox.make_key(5)
    plain = philox.random_bits(key, 24)
    for shape in ((24,), (2, 3, 4), (24, 1)):
        np.testing.assert_array_equal(RandomBits(shape).evaluate(key).ravel(), plain)
    assert RandomBits(()).evaluate(key).shape == ()
    assert RandomBits((0, 3)).evaluate(key).shape == (0, 3)


def test_bits_are_a_pure_function() -> None:
    np.testing.assert_array_equal(bits(3), bits(3))
    assert (bits(3) != bits(4)).mean() > 0.999


def test_every_bit_is_one_half_of_the_time() -> None:
    """Six standard deviations of a fair coin."""
    words = bits(12)
    for place in range(32):
        share = ((words >> np.uint32(place)) & np.uint32(1)).mean()
        assert abs(share - 0.5) < 6 * 0.5 / SIZE**0.5


def test_keys_that_differ_in_one_bit_give_unrelated_bits() -> None:
    """A flipped bit of the key flips half of the output's bits."""
    base = philox.make_key(0)
    for place in (0, 1, 31):
        for word in range(2):
            other = base.copy()
            other[word] ^= np.uint32(1 << place)
            mixed = RandomBits((SIZE,)).evaluate(other) ^ bits(0)
            share = np.bitwise_count(mixed).mean() / 32
            assert abs(share - 0.5) < 6 * 0.5 / (32 * SIZE) ** 0.5


def test_folded_keys_are_distinct_and_uncorrelated() -> None:
    key = philox.make_key(1)
    keys = [FoldIn().evaluate(key, np.asarray(n, np.uint32)) for n in range(2000)]
    assert len({tuple(k) for k in keys}) == 2000
    streams = [RandomBits((4096,)).evaluate(k) / 2.0**32 - 0.5 for k in keys[:20]]
    for a, b in pairwise(streams):
        assert abs(np.corrcoef(a, b)[0, 1]) < 6 / 4096**0.5


def test_folding_does_not_commute_or_repeat() -> None:
    def fold(key: np.ndarray, *numbers: int) -> tuple[int, ...]:
        for n in numbers:
            key = FoldIn().evaluate(key, np.asarray(n, np.uint32))
        return tuple(int(w) for w in key)

    key = philox.make_key(9)
    seen = {fold(key, *path) for path in ((), (0,), (1,), (0, 1), (1, 0), (0, 0), (1, 1))}
    assert len(seen) == 7


def test_keys_can_be_traced() -> None:
    key = placeholder(KEY, "key")
    step = placeholder(Type((), uint32), "step")
    drawn = apply(RandomBits((3,)), apply(FoldIn(), key, step))
    program = Program((key, step), (drawn,))
    start = philox.make_key(2)
    found = [program.evaluate(start, np.asarray(n, np.uint32))[0].tolist() for n in (0, 1, 0)]
    assert found[0] == found[2] != found[1]
    assert found[0] == philox.random_bits(philox.fold_in(start, 0), 3).tolist()


@pytest.mark.parametrize(
    "wrong", [Type((3,), uint32), Type((), uint32), Type((2,), np.dtype("int64"))]
)
def test_what_is_no_key_is_an_error(wrong: Type) -> None:
    with pytest.raises(DTypeError, match=r"random_bits: expected a key, uint32\[2\].*random.key"):
        RandomBits((2,)).infer(wrong)
    with pytest.raises(DTypeError, match="fold_in: expected a key"):
        FoldIn().infer(wrong, Type((), uint32))


def test_what_is_folded_in_is_a_number() -> None:
    with pytest.raises(DTypeError, match="fold_in: expected a uint32 number"):
        FoldIn().infer(KEY, Type((), np.dtype("int64")))
    with pytest.raises(DTypeError, match="fold_in: expected a uint32 number"):
        FoldIn().infer(KEY, Type((1,), uint32))


def test_keys_have_no_derivative() -> None:
    node = apply(RandomBits((2,)), constant(philox.make_key(0)))
    assert RandomBits((2,)).vjp(node, 0, node) is None
