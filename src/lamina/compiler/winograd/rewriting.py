"""Finding the convolutions that Winograd's way is worth it for, and writing them so."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import prod

from lamina.compiler.batching import Batch
from lamina.compiler.grouping import lasting, lasting_operand
from lamina.compiler.passes.rewriting import Operands, made, rebuilt, rewrite
from lamina.compiler.splitting import is_loop
from lamina.compiler.winograd.forms import THREE, Form, for_filters
from lamina.compiler.winograd.gradients import Correlated, FilterGradient
from lamina.compiler.winograd.operations import (
    LARGEST,
    Convolved,
    Factors,
    Joined,
    Tiled,
    tiles,
    tiles_along,
)
from lamina.core.node import Node
from lamina.core.program import Program
from lamina.core.types import Shape, float32
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction, Read
from lamina.ops.loops import Loop, contraction
from lamina.ops.structure import Reshape

TRANSFORMS = 20
"""What the transforms of inputs and outputs take, for one channel of the other side, beside the
products of one channel: so measured with AVX-512, where they take what memory lets them."""

GAIN = 1.05
"""How many times faster tiles have to be, by that count."""

FEWEST_TILES = 32
"""With fewer, factors are late that come from memory: there are sixteen for nine weights."""

KEPT = 2 * 1024 * 1024
"""Bytes of factors that are taken to be in a cache from one call to the next."""

NEAR = 4
"""What transforms take, counted likewise, where nothing of a tile leaves the near caches."""

FEWEST_FACTORED, FEWEST_SUMMED = 128, 512
"""Fewer tiles of samples are not worth factors of their own, or gradients summed in parts."""

TILES_OF_FILTERS = (4, 5, 6)
"""A tile of sums has so many rows at least, or its products take longer than they save."""

FEWEST_PARTS, MOST_PARTS, ALL_PARTS = 4, 16, 4 * 1024 * 1024
"""In how many parts gradients of factors are summed, and how many bytes these may have."""


def use_winograd(program: Program, static: Collection[int]) -> Program:
    """Return the program with convolutions of weights that stay (inputs by number) in tiles."""
    fixed = lasting(program, static)

    def rule(node: Node, operands: Operands) -> Node:
        filters = lasting_operand(node, fixed)
        found = None if filters is None else _convolution(node, filters)
        if found is None or len(node.shape) > 4 or not found.saves_time(node):
            return rebuilt(node, operands)
        return found.in_tiles(node, operands)

    return rewrite(program, rule)


def use_winograd_in_batches(program: Program, batch: Batch, samples: int, lanes: int) -> Program:
    """Return the program with convolutions of a batch in tiles.

    ``samples`` lie side by side in memory, and vectors have so many ``lanes``.
    """

    def rule(node: Node, operands: Operands) -> Node:
        where = [n for n, o in enumerate(node.operands) if o not in batch]
        found: _Convolution | _Correlation | None = None
        if node in batch and len(where) == 1:
            found = _convolution(node, where[0])
        elif node not in batch and not where:
            found = _correlation(node, lanes)
        if found is None or not found.saves_time_in_batches(node, samples):
            return rebuilt(node, operands)
        return found.whole(node, operands, samples)

    return program if samples % lanes else rewrite(program, rule)


@dataclass(frozen=True, slots=True)
class _Convolution:
    """A convolution of images [N, C, H, W] or [C, H, W] with filters [O, C, r, r], stride 1.

    If ``turned``, it leads from O channels to C, and filters are turned round.
    """

    form: Form
    filters: int
    turned: bool
    origin: Shape

    def in_tiles(self, node: Node, operands: Operands) -> Node:
        """Return the node that computes the same in tiles."""
        images = operands[1 - self.filters]
        shape = images.shape[-len(node.shape) :]
        if images.shape != shape:
            images = made(Reshape(shape), (images,), images)
        factors = self._factors(node, operands)
        terms = made(Tiled(node.shape[-2:], self.origin, self.form.size), (images,), node)
        place, out, given = (Loop("", n) for n in factors.shape)
        tile = Loop("", terms.shape[1])
        spec = contraction(
            (place, out, tile),
            (factors.shape, (place, out, given)),
            (terms.shape, (place, tile, given)),
        )
        products = made(spec, (factors, terms), node)
        return made(Joined(node.shape, self.form.size), (products,), node)

    def whole(self, node: Node, operands: Operands, samples: int) -> Node:
        """Return the node that computes the same in tiles, all in one operation."""
        given = self._factors(node, operands), operands[1 - self.filters]
        return made(Convolved(node.shape[-2:], self.origin), given, node)

    def _factors(self, node: Node, operands: Operands) -> Node:
        return made(Factors(self.turned), (operands[self.filters],), node)

    def saves_time(self, node: Node) -> bool:
        """Return whether tiles are faster where all transforms go through memory."""
        channels = node.operands[self.filters].shape[:2]
        if tiles(node.shape) < FEWEST_TILES and not _are_kept(self.form, channels):
            return False
        return self._saved(node, TRANSFORMS) >= GAIN

    def saves_time_in_batches(self, node: Node, samples: int) -> bool:
        """Return whether tiles are faster where their terms stay near."""
        channels = node.operands[self.filters].shape[:2]
        out, given = reversed(channels) if self.turned else channels
        fits = self.form.places * given * samples * float32.itemsize <= LARGEST
        if not (fits and _are_kept(self.form, channels) and _divides(out)):
            return False
        if tiles(node.shape) < FEWEST_FACTORED:
            return False
        return self._saved(node, NEAR) >= GAIN

    def _saved(self, node: Node, transforms: float) -> float:
        filters, images = (node.operands[n].shape for n in (self.filters, 1 - self.filters))
        return _saved(self.form, node.shape, images, self.origin, filters[:2], transforms)


@dataclass(frozen=True, slots=True)
class _Correlation:
    """What filters [O, C, 3, 3] learn: a sum over images [N, C, H, W] and errors [N, O, H', W']."""

    images: int
    origin: Shape

    def whole(self, node: Node, operands: Operands, samples: int) -> Node:
        """Return the node that computes the same in tiles."""
        images, errors = operands[self.images], operands[1 - self.images]
        number = tiles_along(errors.shape[-2]) * (errors.shape[0] // samples)
        size = -(-number // _parts(node.shape))
        gradient = Correlated(self.origin, -(-number // size))
        parts = made(gradient, (images, errors), node)
        part, place, out, given = (Loop("", n) for n in parts.shape)
        spec = contraction((place, out, given), (parts.shape, (part, place, out, given)))
        return made(FilterGradient(), (made(spec, (parts,), node),), node)

    def saves_time_in_batches(self, node: Node, samples: int) -> bool:
        """Return whether tiles are faster where their terms stay near."""
        channels = node.shape[:2]
        images, errors = (node.operands[n].shape for n in (self.images, 1 - self.images))
        fits = THREE.places * sum(channels) * samples * float32.itemsize <= LARGEST
        if not (fits and _are_kept(THREE, channels)) or tiles(errors) < FEWEST_SUMMED:
            return False
        saved = _saved(THREE, errors, images, self.origin, channels, NEAR)
        return _divides(channels[0]) and saved >= GAIN


def _product(node: Node) -> Contraction | None:
    """Return a node's sum of products of two arrays, if it is one that there are tiles for."""
    spec = node.operation
    if not isinstance(spec, Contraction) or len(spec.reads) != 2 or spec.guards:
        return None
    return spec if node.dtype == float32 else None


def _parts(filters: Shape) -> int:
    """Return in how many parts gradients are summed, so that these are not too large together."""
    each = THREE.places * prod(filters[:2]) * float32.itemsize
    return max(FEWEST_PARTS, min(MOST_PARTS, ALL_PARTS // each))


def _correlation(node: Node, lanes: int) -> _Correlation | None:
    """Return what a node's sum over a batch's images and error terms is."""
    spec = _product(node)
    if spec is None or node.shape[2:] != THREE.window or len(spec.extents) != 7:
        return None
    if node.shape[1] % lanes:
        return None
    for place in (0, 1):
        images, errors = spec.reads[place], spec.reads[1 - place]
        origin = _window(spec, images, errors)
        if origin is not None:
            return _Correlation(place, origin)
    return None


def _window(spec: Contraction, images: Read, errors: Read) -> Shape | None:
    """Return where the first window begins, if these are images and error terms of filters."""
    loops = _loops(spec, errors.shape, errors.indices)
    if loops is None or len(loops) != 4 or len(images.indices) != 4:
        return None
    sample, out, *pixel = loops
    channels = _loops(spec, images.shape[:2], images.indices[:2])
    if out != 0 or channels != [sample, 1] or min(sample, *pixel) < spec.out_rank:
        return None
    if min(errors.shape[2:]) < 2:
        return None
    return _starts(images, (2, 3), pixel, 0)


def _are_kept(form: Form, channels: Shape) -> bool:
    """Return whether factors are in a cache when they are needed again."""
    return form.places * prod(channels) * float32.itemsize <= KEPT


def _divides(filters: int) -> bool:
    """Return whether filters make tiles of sums, and none is left over."""
    return any(filters % rows == 0 for rows in TILES_OF_FILTERS)


def _saved(
    form: Form, out: Shape, images: Shape, origin: Shape, channels: Shape, transforms: float
) -> float:
    """Return how many times faster tiles are that make ``out`` of images (or the adjoint)."""
    axes = zip(out[-2:], images[-2:], origin, strict=True)
    before = prod(out[:-3]) * prod(_products_along(*axis, form.size) for axis in axes)
    products = before / (form.places * tiles(out[-4:]))
    return products / (1 + transforms * sum(1 / n for n in channels))


def _products_along(size: int, length: int, origin: int, window: int) -> int:
    """Return how many products there are along an axis: none where windows are beyond images."""
    starts = (origin + n for n in range(size))
    return sum(max(0, min(start + window, length) - max(start, 0)) for start in starts)


def _convolution(node: Node, place: int) -> _Convolution | None:
    """Return what a node's convolution with the filters at a place among its operands is."""
    spec = _product(node)
    if spec is None or len(node.shape) < 3 or min(node.shape[-2:]) < 2:
        return None
    filters, images = spec.reads[place], spec.reads[1 - place]
    form = for_filters(filters.shape) if len(filters.shape) == 4 else None
    if form is None:
        return None
    turned = is_loop(filters.indices[1], spec.out_rank - 3)
    origin = _origin(spec, filters, images, turned)
    return None if origin is None else _Convolution(form, place, turned, origin)


def _origin(spec: Contraction, filters: Read, images: Read, turned: bool) -> Shape | None:
    """Return where the first window begins, if the loops are those of a convolution."""
    rank, units = spec.out_rank, len(images.indices) - spec.out_rank
    loops = _loops(spec, filters.shape, filters.indices)
    if units < 0 or loops is None or len(spec.extents) != rank + 3:
        return None
    out, given = reversed(loops[:2]) if turned else loops[:2]
    window = loops[2:]
    channels = _loops(spec, images.shape[units:-2], images.indices[units:-2])
    if out != rank - 3 or min(given, *window) < rank or channels != [*range(rank - 3), given]:
        return None
    if prod(images.shape[:units]) != 1 or any(i.constant for i in images.indices[:units]):
        return None
    back = filters.shape[-1] - 1 if turned else 0
    return _starts(images, (rank - 2, rank - 1), window, back)


def _loops(spec: Contraction, shape: Shape, indices: Sequence[AffineIndex]) -> list[int] | None:
    """Return the loops that indices are, if each goes over the whole of its axis."""
    found = []
    for size, index in zip(shape, indices, strict=True):
        loops = [n for n, extent in enumerate(spec.extents) if extent == size and is_loop(index, n)]
        if not loops:
            return None
        found += loops
    return found


def _starts(images: Read, places: Sequence[int], windows: Sequence[int], back: int) -> Shape | None:
    """Return where the first window begins, if it goes up from places, or ``back`` down."""
    indices, step = images.indices[-2:], -1 if back else 1
    pairs = zip(indices, places, windows, strict=True)
    if not all(_slides(index, place, loop, step) for index, place, loop in pairs):
        return None
    return tuple(index.constant - back for index in indices)


def _slides(index: AffineIndex, place: int, loop: int, step: int) -> bool:
    """Return whether an index is a loop, another that goes up or down, and a constant."""
    used = {n: c for n, c in enumerate(index.coefficients) if c}
    return used == {place: 1, loop: step} and index.divisor == 1
