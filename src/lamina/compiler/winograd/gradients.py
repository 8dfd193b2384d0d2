"""What filters learn from error terms δ, tile by tile: the adjoints of the transforms.

∂/∂g = Gᵀ [ Σ (A δ Aᵀ) ⊙ (Bᵀ d B) ] G      summed over all tiles of all images
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lamina.compiler.winograd.forms import THREE, Matrix
from lamina.compiler.winograd.operations import Tiled, starts, tiles_along, transformed
from lamina.core.errors import ShapeError
from lamina.core.node import Example, Operation
from lamina.core.types import Array, Shape, Type

ERRORS: Matrix = ((1, 0), (1, 1), (1, -1), (0, 1))
"""A: from two error terms in a line to four; the last with the other sign, which saves a step."""

WEIGHTS: Matrix = ((1, 0.5, 0.5, 0), (0, 0.5, -0.5, 0), (0, 0.5, 0.5, -1))
"""Gᵀ: from four factors' gradients in a line to three weights', the last with the other sign."""


@dataclass(frozen=True)
class Correlated(Operation):
    """Gradients of factors, from images [N, …, C, H, W] and error terms [N, …, O, H', W'].

    The result is [parts, 16, O, C]: the rows of tiles, of one block of images after another (of
    all images where there are no blocks), are summed in ``parts`` of equally many. ``origin`` is
    where the first window begins.
    """

    origin: Shape
    parts: int

    @property
    def name(self) -> str:
        return "winograd_gradient"

    def infer(self, *operands: Type) -> Type:
        x, errors = operands
        if len(x.shape) < 4 or x.shape[:-3] != errors.shape[:-3] or min(errors.shape[-2:]) < 2:
            raise ShapeError(
                f"{self.name}: expected images [N, C, H, W] and error terms [N, O, H', W'] of at "
                f"least 2 × 2, got {x} and {errors}"
            )
        return Type((self.parts, THREE.places, errors.shape[-3], x.shape[-3]), x.dtype)

    def evaluate(self, *operands: Array) -> Array:
        x, errors = operands
        blocks = x.shape[0] if len(x.shape) > 4 else 1
        image = errors.shape[-2:]
        shape = (THREE.places, blocks, -1, *map(tiles_along, image))
        terms = Tiled(image, self.origin).evaluate(x.reshape(-1, *x.shape[-3:]))
        factors = _in_tiles(errors.reshape(-1, *errors.shape[-3:]))
        sums = np.einsum(
            "pbnryo,pbnryc->brpoc",
            factors.reshape(*shape, factors.shape[-1]),
            terms.reshape(*shape, terms.shape[-1]),
            optimize=True,
        )
        rows = sums.reshape(-1, *sums.shape[2:])
        size = -(-len(rows) // self.parts)
        return np.stack([rows[n * size : (n + 1) * size].sum(0) for n in range(self.parts)])

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        cases: tuple[tuple[Shape, Shape, Shape, int], ...] = (
            ((16, 16, 4, 6), (4, 4, 6), (-1, -1), 2),
            ((16, 16, 5, 5), (4, 3, 3), (0, 0), 1),
            ((16, 32, 3, 2), (4, 5, 2), (-2, -1), 3),
        )
        for shape, errors, origin, parts in cases:
            given = (rng.normal(size=shape), rng.normal(size=(*shape[:-3], *errors)))
            yield Example(cls(origin, parts), given)


def _in_tiles(errors: Array) -> Array:
    """Return A δ Aᵀ of all tiles: [N, O, H', W'] to [16, N, rows, columns, O].

    What several tiles have counts in the first of them.
    """
    rows, columns = (np.add.outer(starts(n), (0, 1)) for n in errors.shape[-2:])
    new = [places >= 2 * np.arange(len(places))[:, None] for places in (rows, columns)]
    squares = errors[:, :, rows[:, None, :, None], columns[None, :, None, :]]
    squares = squares * (new[0][:, None, :, None] & new[1][None, :, None, :])
    terms = transformed(squares, ERRORS)
    return terms.reshape(*terms.shape[:4], THREE.places).transpose(4, 0, 2, 3, 1)


@dataclass(frozen=True)
class FilterGradient(Operation):
    """Gᵀ M G of all filters: gradients of factors [16, O, C] to those of filters [O, C, 3, 3]."""

    @property
    def name(self) -> str:
        return "winograd_filters"

    def infer(self, *operands: Type) -> Type:
        (x,) = operands
        if len(x.shape) != 3 or x.shape[0] != THREE.places:
            raise ShapeError(f"{self.name}: expected gradients of factors [16, O, C], got {x}")
        return Type((*x.shape[1:], *THREE.window), x.dtype)

    def evaluate(self, *operands: Array) -> Array:
        (x,) = operands
        squares = np.moveaxis(x.reshape(4, 4, *x.shape[1:]), (0, 1), (2, 3))
        return np.ascontiguousarray(transformed(squares, WEIGHTS))

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        yield Example(cls(), (rng.normal(size=(THREE.places, 5, 17)),))
