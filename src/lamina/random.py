"""Random numbers as pure functions of explicit keys.

A key is a uint32[2] tensor. The same key always gives the same numbers; different keys, made
by `split` or `fold_in`, give independent ones. Layers that need randomness and are given no key
take the next one of the current `KeyStream`. Generator: Philox4x32-10 (Salmon et al. 2011).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from math import pi, prod
from typing import Any

import numpy as np

from lamina.core import philox
from lamina.core.blame import user_line
from lamina.core.context import STATE
from lamina.core.errors import ArgumentError, ShapeError, TraceError
from lamina.core.node import constant
from lamina.core.types import DEFAULT_FLOAT, as_dtype, float64, is_float
from lamina.ops.random import FoldIn, RandomBits
from lamina.tensors import (
    Tensor,
    TensorLike,
    apply,
    argsort,
    as_tensor,
    broadcast_shape,
    broadcast_to,
    cat,
    composite,
    cos,
    less,
    log,
    sin,
    sqrt,
)
from lamina.tensors.handle import shape_of

Shape = Sequence[int]


def key(seed: int) -> Tensor:
    """Return the key of a seed (a whole number from 0 to 2⁶⁴ - 1)."""
    return Tensor(constant(philox.make_key(seed)))


def fold_in(key: TensorLike, data: TensorLike) -> Tensor:
    """Return a new key from a key and a number from 0 to 2³² - 1: a step, an epoch, a layer."""
    number = as_tensor(data)
    if number.node.value is not None and not 0 <= number.item() < 2**32:
        raise ArgumentError(f"fold_in: data must be in 0 … 2**32 - 1, got {number.item()}")
    return apply(FoldIn(), as_tensor(key), number.to("uint32"))


def split(key: TensorLike, num: int = 2) -> list[Tensor]:
    """Return ``num`` independent keys."""
    return [fold_in(key, n) for n in range(num)]


def bits(key: TensorLike, shape: Shape) -> Tensor:
    """Return uniform random uint32 words."""
    return apply(RandomBits(tuple(shape)), as_tensor(key))


@composite("uniform")
def uniform(
    key: TensorLike,
    shape: Shape = (),
    low: TensorLike = 0.0,
    high: TensorLike = 1.0,
    dtype: Any = None,
) -> Tensor:
    """Return numbers uniform in [low, high), with 24 random bits in float32 and 53 in float64.

    With limits other than 0 and 1 the scaling may round up to ``high``.

    >>> import lamina
    >>> u = lamina.random.uniform(lamina.random.key(0), (1000,))
    >>> bool(((0 <= u) & (u < 1)).all()), abs(u.mean().item() - 0.5) < 0.05
    (True, True)
    """
    kind = _float("uniform", dtype)
    _check_shape("uniform", shape, low, high)
    if kind == float64:
        words = bits(key, (2, *shape))
        high_part, low_part = (words[0] // 32).to(kind), (words[1] // 64).to(kind)
        unit = (high_part * 67108864.0 + low_part) * 2.0**-53
    else:
        unit = (bits(key, shape) // 256).to(kind) * 2.0**-24
    scaled: Tensor = unit * (high - low) + low
    return scaled


@composite("normal")
def normal(
    key: TensorLike,
    shape: Shape = (),
    mean: TensorLike = 0.0,
    std: TensorLike = 1.0,
    dtype: Any = None,
) -> Tensor:
    """Return normal numbers with the given mean and standard deviation (Box and Muller 1958)."""
    kind = _float("normal", dtype)
    _check_shape("normal", shape, mean, std)
    size = prod(shape)
    pairs = uniform(key, (2, (size + 1) // 2), dtype=kind)
    radius, angle = sqrt(log(1.0 - pairs[0]) * -2.0), pairs[1] * (2 * pi)
    both = cat([radius * cos(angle), radius * sin(angle)])
    scaled: Tensor = both[:size].reshape(tuple(shape)) * std + mean
    return scaled


def bernoulli(key: TensorLike, p: TensorLike = 0.5, shape: Shape | None = None) -> Tensor:
    """Return bools that are true with probability ``p`` (a draw for each element of p or shape).

    Errors: `ArgumentError` for a probability outside 0 … 1, `ShapeError` if p does not
    broadcast to the shape.
    """
    chance = as_tensor(p)
    if chance.node.value is not None and not ((chance.value >= 0) & (chance.value <= 1)).all():
        raise ArgumentError(f"bernoulli: probabilities must be from 0 to 1, got {p}")
    sizes = chance.shape if shape is None else tuple(shape)
    return less(uniform(key, sizes), broadcast_to(chance, sizes))


def permutation(key: TensorLike, n: int) -> Tensor:
    """Return the numbers 0 … n-1 in random order (int64)."""
    return argsort(uniform(key, (n,), dtype=float64))


def _check_shape(name: str, shape: Shape, *parameters: TensorLike) -> None:
    """Parameters may not enlarge the shape: their elements would share a draw."""
    whole = tuple(shape)
    shapes = [as_tensor(p).shape for p in parameters]
    if broadcast_shape(name, [whole, *shapes]) != whole:
        raise ShapeError(f"{name}: parameters of shapes {shapes} need more than shape {whole}")


def _float(name: str, dtype: Any) -> Any:
    kind = as_dtype(dtype or DEFAULT_FLOAT)
    if not is_float(kind):
        raise ArgumentError(f"{name}: expected a float dtype, got {kind}")
    return kind


class KeyStream:
    """A key and a counter: `next` gives key after key, and the state is two numbers and one."""

    def __init__(self, key: TensorLike, count: int = 0) -> None:
        self.key = as_tensor(key)
        self.count = count

    def next(self) -> Tensor:
        """Return the next key.

        Raises `TraceError` in a function being compiled, unless the stream's own key is one of
        its arguments: the compiled code would draw the same numbers in every call.
        """
        if STATE.get().compiling and self.key.node.value is not None:
            raise TraceError(
                f"a compiled function would draw{user_line()} the same random numbers in every "
                "call: pass a key as an argument, and use it inside `with "
                'lamina.random.use_keys(key):`, or run it dynamically (engine="dynamic")'
            )
        self.count += 1
        return fold_in(self.key, self.count - 1)

    def state(self) -> dict[str, Any]:
        """Return the key's words and the counter, enough to go on exactly from here."""
        return {"key": [int(word) for word in self.key.value], "count": self.count}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> KeyStream:
        """Return the stream that `state` described."""
        return cls(np.asarray(state["key"], np.uint32), int(state["count"]))


_default = KeyStream(philox.make_key(0))
_current: ContextVar[KeyStream | None] = ContextVar("lamina_keys", default=None)


def key_stream() -> KeyStream:
    """Return the stream from which keys are taken where none is given."""
    return _current.get() or _default


def manual_seed(seed: int) -> None:
    """Start the default stream anew from ``seed`` (its seed is 0 at first)."""
    global _default
    _default = KeyStream(philox.make_key(seed))


@contextmanager
def use_keys(keys: KeyStream | TensorLike) -> Iterator[KeyStream]:
    """Take keys from this stream (or from a new stream of this key) inside the block."""
    stream = keys if isinstance(keys, KeyStream) else KeyStream(keys)
    token = _current.set(stream)
    try:
        yield stream
    finally:
        _current.reset(token)


def rand(*shape: int | Sequence[int], dtype: Any = None) -> Tensor:
    """Return numbers uniform in [0, 1) from the current stream."""
    return uniform(key_stream().next(), shape_of(shape), dtype=dtype)


def randn(*shape: int | Sequence[int], dtype: Any = None) -> Tensor:
    """Return standard normal numbers from the current stream."""
    return normal(key_stream().next(), shape_of(shape), dtype=dtype)
