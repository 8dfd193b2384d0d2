"""The loops of a contraction go around one another so that little is fetched again."""

from __future__ import annotations

from lamina.compiler.lowering.order import COLUMNS, ROWS, Nest
from lamina.compiler.lowering.schedule import Axis, Footprint, Schedule

CACHE = 256 * 1024


def dense(rows: int, columns: int, summed: int) -> Nest:
    """A product of matrices, in tiles of 6 × 16."""
    schedule = Schedule(1, True, 0, Axis(0, 6), (Axis(1, 2),), 8)
    left = Footprint(((rows, ((0, 1),)), (summed, ((2, 1),))), 4)
    right = Footprint(((summed, ((2, 1),)), (columns, ((1, 1),))), 4)
    return Nest((rows, columns, summed), (), schedule, (left, right))


def convolution(channels: int, size: int) -> Nest:
    """A 3 × 3 convolution of one block of 16 samples: loops o, n, y, x, c, k, l."""
    schedule = Schedule(1, True, 0, Axis(0, 6), (Axis(1, 2),), 8)
    whole = size + 2
    weights = Footprint(tuple((n, ((a, 1),)) for n, a in
                              ((channels, 0), (channels, 4), (3, 5), (3, 6))), 4)  # fmt: skip
    image = Footprint(((16, ((1, 1),)), (channels, ((4, 1),)),
                       (whole, ((2, 1), (5, 1))), (whole, ((3, 1), (6, 1)))), 4)  # fmt: skip
    extents = (channels, 16, size, size, channels, 3, 3)
    return Nest(extents, (2, 3), schedule, (weights, image))


def test_the_operand_that_the_cache_holds_is_read_again() -> None:
    assert dense(rows=6000, columns=64, summed=512).order(CACHE) == (ROWS, COLUMNS)
    assert dense(rows=60, columns=6400, summed=512).order(CACHE) == (COLUMNS, ROWS)


def test_few_weights_are_read_again_for_every_pixel() -> None:
    assert convolution(channels=16, size=32).order(CACHE) == (2, 3, ROWS, COLUMNS)


def test_many_weights_are_read_once_for_several_pixels() -> None:
    order = convolution(channels=256, size=8).order(CACHE)
    assert order.index(ROWS) < order.index(3)
