"""The transforms of filters, of images into tiles and of tiles into images, as operations.

They exist in the compiler alone, after all differentiation. Tiles start at every second row and
column; where an image is odd, the last ones are moved back by one, over outputs of those before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from lamina.compiler.winograd.forms import FORMS, Matrix, for_filters, with_places
from lamina.core.errors import ShapeError
from lamina.core.node import Example, Operation
from lamina.core.types import Array, Shape, Type

LARGEST = 512 * 1024
"""Bytes of the terms that a kernel in batches has at once: they are on a thread's stack."""


def tiles_along(size: int) -> int:
    """Return how many tiles there are along an axis of outputs."""
    return -(-size // 2)


def starts(size: int) -> list[int]:
    """Return where the tiles along an axis of outputs start."""
    return [min(2 * n, size - 2) for n in range(tiles_along(size))]


def tiles(shape: Shape) -> int:
    """Return how many tiles outputs [C, H, W] or [N, C, H, W] have in each channel."""
    *before, rows, columns = shape
    return prod(before[:-1]) * tiles_along(rows) * tiles_along(columns)


def transformed(x: Array, matrix: Matrix) -> Array:
    """Return the last two axes multiplied by a matrix from both sides: M x Mᵀ."""
    factor = np.array(matrix, x.dtype)
    found: Array = factor @ x @ factor.T
    return found


@dataclass(frozen=True)
class Factors(Operation):
    """G g Gᵀ of all filters: [O, C, 3, 3] to [16, O, C], [O, C, 5, 5] to [36, O, C].

    If ``turned``, of filters that are turned round and lead from O channels to C: [16, C, O].
    So a convolution's error terms are a convolution.
    """

    turned: bool = False

    @property
    def name(self) -> str:
        return "winograd_factors"

    def infer(self, *operands: Type) -> Type:
        (x,) = operands
        form = for_filters(x.shape) if len(x.shape) == 4 else None
        if form is None:
            raise ShapeError(f"{self.name}: expected filters [O, C, 3, 3] or [O, C, 5, 5], got {x}")
        channels = x.shape[1::-1] if self.turned else x.shape[:2]
        return Type((form.places, *channels), x.dtype)

    def evaluate(self, *operands: Array) -> Array:
        (x,) = operands
        filters = x[..., ::-1, ::-1].swapaxes(0, 1) if self.turned else x
        found = transformed(filters, FORMS[x.shape[-1]].filters)
        return np.ascontiguousarray(found.reshape(*found.shape[:2], -1).transpose(2, 0, 1))

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        yield Example(cls(), (rng.normal(size=(5, 17, 3, 3)),))
        yield Example(cls(turned=True), (rng.normal(size=(16, 3, 3, 3)),))
        yield Example(cls(), (rng.normal(size=(3, 17, 5, 5)),))
        yield Example(cls(turned=True), (rng.normal(size=(16, 2, 5, 5)),))


def _images(shape: Shape) -> bool:
    return len(shape) in (3, 4) and min(shape[-2:]) > 1


@dataclass(frozen=True)
class Tiled(Operation):
    """Bᵀ d B of all tiles: images [C, H, W] or [N, C, H, W] to [16, N · tiles, C].

    ``image`` is the size of the convolution's result and ``origin`` where its first window begins:
    minus the padding. Beyond an image there are zeros. Filters' ``size`` is that of a `Form`; if
    it is 5 there are 36 places.
    """

    image: Shape
    origin: Shape
    size: int = 3

    @property
    def name(self) -> str:
        return "winograd_tiles"

    def channels(self, shape: Shape) -> int:
        """Return the axis of an operand that lanes run along."""
        return len(shape) - 3

    def around(self, shape: Shape) -> Shape:
        """Return how many zeros are read around images along each axis."""
        ends, beyond = zip(self.image, self.origin, shape[-2:], strict=True), self.size - 1
        widths = [max(0, -start, size + beyond + start - length) for size, start, length in ends]
        return (*(0 for _ in shape[:-2]), *widths)

    def infer(self, *operands: Type) -> Type:
        (x,) = operands
        if not _images(x.shape) or min(self.image) < 2:
            raise ShapeError(
                f"{self.name}: expected images [N, C, H, W] and results of at least 2 × 2, "
                f"got {x} and {self.image}"
            )
        number = tiles((*x.shape[:-2], *self.image))
        return Type((FORMS[self.size].places, number, x.shape[-3]), x.dtype)

    def evaluate(self, *operands: Array) -> Array:
        (x,) = operands
        form, widths = FORMS[self.size], self.around(x.shape)
        padded = np.pad(x, [(n, n) for n in widths])
        rows, columns = (
            np.add.outer(np.array(starts(size)) + start + n, np.arange(form.side))
            for size, start, n in zip(self.image, self.origin, widths[-2:], strict=True)
        )
        found = padded[..., rows[:, None, :, None], columns[None, :, None, :]]
        terms = transformed(found.reshape(-1, *found.shape[-5:]), form.inputs)
        by_place = np.moveaxis(terms, (4, 5, 0, 2, 3, 1), range(6))
        return by_place.reshape(form.places, -1, x.shape[-3])

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        yield Example(cls((4, 6), (-1, -1)), (rng.normal(size=(3, 4, 6)),))
        yield Example(cls((3, 5), (0, 0)), (rng.normal(size=(2, 17, 5, 7)),))
        yield Example(cls((7, 4), (-2, -1)), (rng.normal(size=(1, 40, 5, 4)),))
        yield Example(cls((7, 4), (-2, 0), 5), (rng.normal(size=(1, 17, 7, 6)),))


@dataclass(frozen=True)
class Joined(Operation):
    """Aᵀ M A of all tiles: products [16, C, N · tiles] to images [C, H, W] or [N, C, H, W].

    Filters' ``size`` is that of a `Form`; if it is 5 there are 36 places.
    """

    shape: Shape
    size: int = 3

    @property
    def name(self) -> str:
        return "winograd_outputs"

    def infer(self, *operands: Type) -> Type:
        (x,) = operands
        if not _images(self.shape) or x.shape != self.products:
            raise ShapeError(
                f"{self.name}: expected products {self.products} for images {self.shape}, got {x}"
            )
        return Type(self.shape, x.dtype)

    def channels(self, shape: Shape) -> int:
        """Return the axis of an operand that lanes run along."""
        return 1

    def around(self, shape: Shape) -> Shape:
        """Return how many zeros are read around products along each axis."""
        return (0,) * len(shape)

    @property
    def products(self) -> Shape:
        """The operand's shape."""
        return FORMS[self.size].places, self.shape[-3], tiles(self.shape)

    def evaluate(self, *operands: Array) -> Array:
        (x,) = operands
        form, (rows, columns) = FORMS[self.size], map(starts, self.shape[-2:])
        split = x.reshape(form.side, form.side, x.shape[1], -1, len(rows), len(columns))
        pairs = transformed(np.moveaxis(split, (3, 2, 4, 5, 0, 1), range(6)), form.outputs)
        out = np.empty((*pairs.shape[:2], *self.shape[-2:]), x.dtype)
        for n, row in reversed(list(enumerate(rows))):
            for m, column in reversed(list(enumerate(columns))):
                out[:, :, row : row + 2, column : column + 2] = pairs[:, :, n, m]
        return out.reshape(self.shape)

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        for shape in ((3, 4, 6), (2, 17, 3, 5), (1, 40, 7, 4)):
            yield Example(cls(shape), (rng.normal(size=cls(shape).products),))
        five = cls((2, 17, 3, 5), 5)
        yield Example(five, (rng.normal(size=five.products),))


@dataclass(frozen=True)
class Convolved(Operation):
    """A whole convolution in tiles: of factors [16 or 36, O, C] and images [N, …, C, H, W].

    The result is [N, …, O, H', W']. ``image`` is H' and W', ``origin`` where the first window
    begins: minus the padding. Lanes run along the batch, and a tile's terms and products never
    leave the near caches.
    """

    image: Shape
    origin: Shape

    @property
    def name(self) -> str:
        return "winograd_convolution"

    def infer(self, *operands: Type) -> Type:
        factors, x = operands
        places, out, given = factors.shape
        fit = with_places(places) is not None and len(x.shape) > 3 and x.shape[-3] == given
        if not fit or min(self.image) < 2:
            raise ShapeError(
                f"{self.name}: expected factors [16 or 36, O, C], images [N, C, H, W] and results "
                f"of at least 2 × 2, got {factors}, {x} and {self.image}"
            )
        return Type((*x.shape[:-3], out, *self.image), x.dtype)

    def evaluate(self, *operands: Array) -> Array:
        factors, x = operands
        form, images = with_places(len(factors)), x.reshape(-1, *x.shape[-3:])
        assert form is not None
        terms = Tiled(self.image, self.origin, form.size).evaluate(images)
        products = np.asarray(factors @ terms.swapaxes(1, 2))
        shape = (len(images), factors.shape[1], *self.image)
        return Joined(shape, form.size).evaluate(products).reshape(*x.shape[:-3], *shape[1:])

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        cases: tuple[tuple[Shape, Shape, Shape, Shape], ...] = (
            ((16, 5, 4, 6), (4, 6), (-1, -1), (16, 4)),
            ((16, 4, 5, 7), (3, 5), (0, 0), (16, 8)),
            ((32, 1, 3, 4), (5, 4), (-2, -1), (16, 12)),
            ((16, 2, 7, 8), (3, 6), (0, -1), (36, 6)),
        )
        for shape, image, origin, (places, out) in cases:
            factors = rng.normal(size=(places, out, shape[-3]))
            yield Example(cls(image, origin), (factors, rng.normal(size=shape)))


@dataclass(frozen=True)
class RowSums(Operation):
    """Sums over pairs of rows of images: [N, C, H, W], in blocks or not, to [rows, C, samples].

    Of so many ``samples`` that lie together (a block, if there are blocks), pairs of rows are
    summed over their columns: first those of the first block, and so on. H is even.
    """

    samples: int

    @property
    def name(self) -> str:
        return "winograd_sums"

    def infer(self, *operands: Type) -> Type:
        (x,) = operands
        number = int(np.prod(x.shape[:-3]))
        if len(x.shape) < 4 or x.shape[-2] % 2 or number % self.samples:
            raise ShapeError(
                f"{self.name}: expected images [N, C, H, W] with an even H and N a multiple of "
                f"{self.samples}, got {x}"
            )
        rows = number // self.samples * x.shape[-2] // 2
        return Type((rows, x.shape[-3], self.samples), x.dtype)

    def evaluate(self, *operands: Array) -> Array:
        (x,) = operands
        channels, height, width = x.shape[-3:]
        pairs = x.reshape(-1, self.samples, channels, height // 2, 2 * width).sum(-1)
        return np.ascontiguousarray(pairs.transpose(0, 3, 2, 1)).reshape(-1, channels, self.samples)

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        yield Example(cls(16), (rng.normal(size=(16, 3, 4, 5)),))
        yield Example(cls(16), (rng.normal(size=(16, 2, 2, 1)),))
