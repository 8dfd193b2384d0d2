"""Random numbers by explicit keys: distributions, independence, streams."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import lamina
from lamina.core.errors import ArgumentError, DTypeError, LaminaError, ShapeError
from lamina.random import KeyStream
from lamina.tensors import Tensor

N = 200_000
random = lamina.random
KEY = random.key(20)


def same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and bool((a == b).all())


def significant(p: float) -> bool:
    """One in a hundred thousand: with fixed keys, this decides once and for all."""
    return p < 1e-5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform(dtype: str) -> None:
    u = random.uniform(KEY, (N,), dtype=dtype).numpy()
    assert u.dtype == dtype
    assert u.min() >= 0
    assert u.max() < 1
    assert not significant(stats.kstest(u.astype("float64"), "uniform").pvalue)
    pairs = u.reshape(-1, 2)
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 6 / (N / 2) ** 0.5


def test_uniform_uses_24_and_53_bits() -> None:
    single = random.uniform(KEY, (N,)).numpy() * np.float32(2**24)
    assert (single == np.floor(single)).all()
    assert (single % 2 == 1).mean() == pytest.approx(0.5, abs=0.01)
    double = random.uniform(KEY, (N,), dtype="float64").numpy() * 2.0**53
    assert (double == np.floor(double)).all()
    assert (double % 2 == 1).mean() == pytest.approx(0.5, abs=0.01)
    assert (np.floor(double / 2**26) % 2 == 1).mean() == pytest.approx(0.5, abs=0.01)
    assert len(np.unique(double)) == N


def test_uniform_between() -> None:
    u = random.uniform(KEY, (N,), -3.0, 5.0).numpy()
    assert u.dtype == np.float32
    assert (u.min() >= -3, u.max() <= 5) == (True, True)
    assert u.mean() == pytest.approx(1, abs=6 * 8 / (12 * N) ** 0.5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [N, N + 1])
def test_normal(dtype: str, size: int) -> None:
    z = random.normal(KEY, (size,), dtype=dtype).numpy()
    assert (z.shape, z.dtype) == ((size,), np.dtype(dtype))
    assert np.isfinite(z).all()
    z = z.astype("float64")
    assert not significant(stats.kstest(z, "norm").pvalue)
    error = 6 / size**0.5
    assert abs(z.mean()) < error
    assert abs((z**2).mean() - 1) < error * 2**0.5
    assert abs((z**3).mean()) < error * 15**0.5
    assert abs((z**4).mean() - 3) < error * 96**0.5
    half = size // 2
    assert abs(np.corrcoef(z[:half], z[half : 2 * half])[0, 1]) < 6 / half**0.5


def test_normal_with_mean_and_deviation() -> None:
    z = random.normal(KEY, (N,), mean=10.0, std=0.5).numpy()
    assert z.mean() == pytest.approx(10, abs=0.01)
    assert z.std() == pytest.approx(0.5, abs=0.01)
    assert z.dtype == np.float32


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_bernoulli(p: float) -> None:
    b = random.bernoulli(KEY, p, (N,)).numpy()
    assert b.dtype == bool
    assert abs(b.mean() - p) <= 6 * (p * (1 - p) / N) ** 0.5


def test_bernoulli_draws_for_each_probability() -> None:
    draws = random.bernoulli(KEY, lamina.full((1000,), 0.5)).numpy()
    assert 400 < draws.sum() < 600
    chances = random.bernoulli(KEY, lamina.tensor([0.0, 1.0]), (500, 2)).numpy()
    assert chances.sum(0).tolist() == [0, 500]
    with pytest.raises(LaminaError, match="does not broadcast"):
        random.bernoulli(KEY, lamina.tensor([0.0, 1.0]), (3,))


def test_parameters_may_not_share_draws() -> None:
    low = lamina.tensor([0.0, 10.0, 20.0])
    drawn = random.uniform(KEY, (4, 3), low, low + 1) - low
    assert len(np.unique(np.round(drawn.numpy(), 4))) == 12
    with pytest.raises(ShapeError, match=r"uniform: parameters .* need more than shape \(\)"):
        random.uniform(KEY, (), low)
    with pytest.raises(ShapeError, match="normal: parameters"):
        random.normal(KEY, (1,), mean=low)


@pytest.mark.parametrize("p", [-0.1, 1.5, np.nan, lamina.tensor([0.5, 2.0])])
def test_what_is_no_probability_is_an_error(p: object) -> None:
    with pytest.raises(ArgumentError, match="bernoulli: probabilities must be from 0 to 1"):
        random.bernoulli(KEY, p, (2,))


def test_permutation() -> None:
    for n in (0, 1, 2, 100):
        order = random.permutation(KEY, n)
        assert order.dtype == lamina.int64
        assert sorted(order.tolist()) == list(range(n))
    counts: dict[tuple[int, ...], int] = {}
    for key in random.split(KEY, 2400):
        order = tuple(random.permutation(key, 3).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert not significant(stats.chisquare(list(counts.values())).pvalue)


def test_shapes() -> None:
    for shape in ((), (0,), (2, 3), (2, 0, 3)):
        for draw in (random.uniform, random.normal):
            assert draw(KEY, shape).shape == shape
            assert draw(KEY, shape, dtype="float64").shape == shape
        assert random.bits(KEY, shape).shape == shape
    assert isinstance(random.uniform(KEY).value, np.ndarray)


def test_one_key_one_result() -> None:
    for draw in (random.uniform, random.normal):
        assert same(draw(KEY, (9,)), draw(random.key(20), (9,)))
        assert not same(draw(KEY, (9,)), draw(random.key(21), (9,)))
    assert same(random.uniform(np.asarray(KEY), (9,)), random.uniform(KEY, (9,)))


def test_keys_made_from_one_key_are_independent() -> None:
    keys = [KEY, *random.split(KEY, 30), random.fold_in(KEY, 1000)]
    keys += random.split(keys[1], 30)
    assert len({tuple(k.tolist()) for k in keys}) == len(keys)
    draws = np.array([random.uniform(k, (5000,)).numpy() for k in keys])
    correlations = np.corrcoef(draws)[np.triu_indices(len(keys), 1)]
    assert np.abs(correlations).max() < 7 / 5000**0.5


def test_split_does_not_depend_on_how_many() -> None:
    assert all(same(a, b) for a, b in zip(random.split(KEY, 2), random.split(KEY, 5), strict=False))


def test_values_do_not_change_between_versions() -> None:
    """Recorded: the same key gives these numbers on every machine, always."""
    key = random.key(1)
    assert random.bits(key, (3,)).tolist() == BITS
    assert random.uniform(key, (2,)).tolist() == [(b >> 8) * 2.0**-24 for b in BITS[:2]]


BITS = [3823634032, 3842641596, 2515673792]


@pytest.mark.parametrize("data", [-1, 2**32])
def test_numbers_that_would_collide_are_errors(data: int) -> None:
    with pytest.raises(ArgumentError, match="fold_in: data must be in 0"):
        random.fold_in(KEY, data)


def test_errors() -> None:
    with pytest.raises(ArgumentError, match="make_key: seed must be in 0"):
        random.key(-1)
    with pytest.raises(DTypeError, match=r"expected a key, uint32\[2\], got int64\[\]"):
        random.uniform(3, (2,))
    with pytest.raises(ArgumentError, match="uniform: expected a float dtype, got int64"):
        random.uniform(KEY, (2,), dtype="int64")
    with pytest.raises(ArgumentError, match="normal: expected a float dtype"):
        random.normal(KEY, (2,), dtype=int)


# Streams -------------------------------------------------------------------------------------


def test_a_stream_gives_new_keys_and_can_be_resumed() -> None:
    stream = KeyStream(KEY)
    first = [stream.next().tolist() for _ in range(3)]
    state = stream.state()
    rest = [stream.next().tolist() for _ in range(3)]
    assert len({tuple(k) for k in first + rest}) == 6
    resumed = KeyStream.from_state(state)
    assert [resumed.next().tolist() for _ in range(3)] == rest
    assert state["count"] == 3


def test_streams_nest_and_are_restored() -> None:
    with random.use_keys(KEY) as outer:
        assert random.key_stream() is outer
        a = lamina.rand(4)
        with random.use_keys(random.key(5)):
            lamina.rand(4)
        b = lamina.rand(4)
    assert not same(a, b)
    with random.use_keys(KEY):
        assert same(lamina.rand(4), a)
        assert same(lamina.rand(4), b)
    with random.use_keys(KeyStream(KEY, 1)):
        assert same(lamina.rand(4), b)


def test_the_default_stream_is_reseeded() -> None:
    before = random.key_stream()
    try:
        lamina.manual_seed(7)
        a, b = lamina.rand(3), lamina.randn(3)
        lamina.manual_seed(7)
        assert same(lamina.rand(3), a)
        assert same(lamina.randn(3), b)
        lamina.manual_seed(8)
        assert not same(lamina.rand(3), a)
    finally:
        random._default = before


def test_a_stream_is_restored_after_an_error() -> None:
    before = random.key_stream()
    with pytest.raises(ZeroDivisionError), random.use_keys(KEY):
        raise ZeroDivisionError
    assert random.key_stream() is before
