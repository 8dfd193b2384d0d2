"""Randomness as pure functions of an explicit key (Philox4x32-10; Salmon et al. 2011)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from lamina.core import philox
from lamina.core.errors import DTypeError
from lamina.core.node import Example
from lamina.core.types import Array, Shape, Type, uint32
from lamina.ops.kinds import Constantlike

KEY = Type((2,), uint32)


@dataclass(frozen=True)
class RandomBits(Constantlike):
    """32 random bits for each element of ``shape``, a pure function of the key."""

    shape: Shape

    @property
    def name(self) -> str:
        return "random_bits"

    def infer(self, *operands: Type) -> Type:
        _check_key(self.name, operands[0])
        return Type(self.shape, uint32)

    def evaluate(self, *operands: Array) -> Array:
        return philox.random_bits(operands[0], prod(self.shape)).reshape(self.shape)

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        for shape in ((), (0,), (5,), (2, 3)):
            yield Example(cls(shape), (philox.make_key(7),))


@dataclass(frozen=True)
class FoldIn(Constantlike):
    """A new key from a key and a number (uint32): counters and steps become independent keys."""

    @property
    def name(self) -> str:
        return "fold_in"

    def infer(self, *operands: Type) -> Type:
        _check_key(self.name, operands[0])
        if operands[1] != Type((), uint32):
            raise DTypeError(f"fold_in: expected a uint32 number, got {operands[1]}")
        return KEY

    def evaluate(self, *operands: Array) -> Array:
        return philox.fold_in(operands[0], int(operands[1]))

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        yield Example(cls(), (philox.make_key(7), np.asarray(3, np.uint32)))


def _check_key(name: str, key: Type) -> None:
    if key != KEY:
        raise DTypeError(f"{name}: expected a key, uint32[2], got {key}; make one with random.key")
