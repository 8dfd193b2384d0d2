"""Finding the convolutions that Winograd's way is worth it for, and writing them so."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from lamina.compiler.grouping import source
from lamina.compiler.passes.rewriting import Operands, known, made, rebuilt, rewrite
from lamina.compiler.splitting import is_loop
from lamina.compiler.winograd.operations import FILTERS, PLACES, Joined, Tiled, tiles
from lamina.core.node import Node
from lamina.core.program import Program
from lamina.core.types import Shape, float32
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction, Read
from lamina.ops.loops import Loop, contraction
from lamina.ops.structure import Reshape

FILTER = (3, 3)
"""The size of the filters that there are tiles for."""

TRANSFORMS = 20
"""What the transforms of inputs and outputs take, for one channel of the other side, beside the
products of one channel: so measured with AVX-512, where they take what memory lets them."""

GAIN = 1.1
"""How many times faster tiles have to be, by that count."""

FEWEST_TILES = 32
"""With fewer, factors are late that come from memory: there are sixteen for nine weights."""

KEPT = 2 * 1024 * 1024
"""Bytes of factors that are taken to be in a cache from one call to the next."""


def use_winograd(program: Program, static: Collection[int]) -> Program:
    """Return the program with convolutions of weights that stay (inputs by number) in tiles."""
    fixed = {id(program.inputs[number]) for number in static}
    fixed |= {id(node) for node in program.nodes if node.value is not None}

    def rule(node: Node, operands: Operands) -> Node:
        found = _convolution(node, fixed)
        return rebuilt(node, operands) if found is None else found.in_tiles(node, operands)

    return rewrite(program, rule)


@dataclass(frozen=True, slots=True)
class _Convolution:
    """A convolution of images [N, C, H, W] or [C, H, W] with filters [O, C, 3, 3], stride 1."""

    filters: int
    origin: Shape

    def in_tiles(self, node: Node, operands: Operands) -> Node:
        """Return the node that computes the same in tiles."""
        filters, images = operands[self.filters], operands[1 - self.filters]
        shape = images.shape[-len(node.shape) :]
        if images.shape != shape:
            images = made(Reshape(shape), (images,), images)
        factors = self._factors(filters, node)
        terms = made(Tiled(node.shape[-2:], self.origin), (images,), node)
        place, out, given = (Loop("", n) for n in factors.shape)
        tile = Loop("", terms.shape[1])
        spec = contraction(
            (place, out, tile),
            (factors.shape, (place, out, given)),
            (terms.shape, (place, tile, given)),
        )
        return made(Joined(node.shape), (made(spec, (factors, terms), node),), node)

    def _factors(self, filters: Node, node: Node) -> Node:
        """Return G g Gᵀ of every filter: [16, O, C]."""
        line = np.array(FILTERS, filters.dtype)
        value = np.einsum("ia,jb->ijab", line, line).reshape(PLACES, *FILTER)
        matrix = known(value, node)
        place, rows, columns = (Loop("", n) for n in value.shape)
        out, given = (Loop("", n) for n in filters.shape[:2])
        spec = contraction(
            (place, out, given),
            (value.shape, (place, rows, columns)),
            (filters.shape, (out, given, rows, columns)),
        )
        return made(spec, (matrix, filters), node)


def _convolution(node: Node, fixed: Collection[int]) -> _Convolution | None:
    """Return what a node's convolution is, if it is one that is faster in tiles."""
    spec = node.operation
    if not isinstance(spec, Contraction) or len(spec.reads) != 2 or spec.guards:
        return None
    where = [n for n, o in enumerate(node.operands) if id(source(o)) in fixed]
    if len(where) != 1 or node.dtype != float32 or len(node.shape) not in (3, 4):
        return None
    filters, images = spec.reads[where[0]], spec.reads[1 - where[0]]
    if not _worth_it(node.shape, filters.shape):
        return None
    origin = _origin(spec, filters, images)
    return None if origin is None else _Convolution(where[0], origin)


def _worth_it(shape: Shape, filters: Shape) -> bool:
    if len(filters) != 4 or filters[2:] != FILTER or min(shape[-2:]) < 2:
        return False
    number = tiles(shape)
    if number < FEWEST_TILES and PLACES * prod(filters[:2]) * float32.itemsize > KEPT:
        return False
    saved = prod(FILTER) * prod(shape) / shape[-3] / (PLACES * number)
    return saved >= GAIN * (1 + TRANSFORMS * sum(1 / channels for channels in filters[:2]))


def _origin(spec: Contraction, filters: Read, images: Read) -> Shape | None:
    """Return where the first window begins, if the loops are those of a convolution."""
    rank, units = spec.out_rank, len(images.indices) - spec.out_rank
    loops = _loops(spec, filters.shape, filters.indices)
    if units < 0 or loops is None or len(spec.extents) != rank + 3 or loops[0] != rank - 3:
        return None
    given, *window = loops[1:]
    channels = _loops(spec, images.shape[units:-2], images.indices[units:-2])
    if min(loops[1:]) < rank or channels != [*range(rank - 3), given]:
        return None
    places = zip(images.indices[-2:], (rank - 2, rank - 1), window, strict=True)
    if any(not _slides(index, place, step) for index, place, step in places):
        return None
    if prod(images.shape[:units]) != 1 or any(i.constant for i in images.indices[:units]):
        return None
    return tuple(index.constant for index in images.indices[-2:])


def _loops(spec: Contraction, shape: Shape, indices: Sequence[AffineIndex]) -> list[int] | None:
    """Return the loops that indices are, if each goes over the whole of its axis."""
    found = []
    for size, index in zip(shape, indices, strict=True):
        loops = [n for n, extent in enumerate(spec.extents) if extent == size and is_loop(index, n)]
        if not loops:
            return None
        found += loops
    return found


def _slides(index: AffineIndex, place: int, step: int) -> bool:
    """Return whether an index is the sum of two loops and a constant."""
    ones = {n: c for n, c in enumerate(index.coefficients) if c}
    return ones == {place: 1, step: 1} and index.divisor == 1
