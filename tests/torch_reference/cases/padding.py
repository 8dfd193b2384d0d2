"""Padding, resampling and rearrangement of images."""

from collections.abc import Iterator
from typing import Any

from tests.torch_reference.case import FunctionCase, Shape, options
from tests.torch_reference.data import Input

PADS: dict[int, list[Shape]] = {
    1: [(1, 2), (0, 3), (2, 0)],
    2: [(1, 2, 0, 1), (2, 1, 2, 3), (0, 0, 1, 1)],
    3: [(1, 2, 0, 1, 1, 0), (1, 1, 1, 1, 1, 1)],
}
EXTENTS: dict[int, Shape] = {1: (5,), 2: (4, 5), 3: (3, 4, 3)}
MODES: dict[int, str] = {1: "linear", 2: "bilinear", 3: "trilinear"}
SIZES: dict[int, list[Any]] = {
    1: [1, 3, 5, 8, 10, (7,)],
    2: [1, (8, 10), (2, 3), (4, 5), (7, 3), 6],
    3: [1, 4, (6, 8, 6), (2, 5, 1)],
}


def cases() -> Iterator[FunctionCase]:
    """All padding and resampling cases."""
    yield from _border()
    yield from _constant()
    for axes in (1, 2, 3):
        yield from _nearest(axes)
        yield from _linear(axes)
    yield from _shuffles()


def _case(name: str, shape: Shape, *args: Any, **keywords: Any) -> FunctionCase:
    return FunctionCase("padding", name, (Input(shape),), args, options(**keywords))


def _border() -> Iterator[FunctionCase]:
    for mode in ("reflect", "replicate", "circular"):
        for axes, pads in PADS.items():
            leads: list[Shape] = [(2, 3), (1, 1), (3,)]
            for lead in leads if mode != "circular" else leads[:2]:
                for pad in pads:
                    yield _case("pad", (*lead, *EXTENTS[axes]), pad, mode=mode)
    for lead in [(1, 1), (2, 3)]:
        yield _case("pad", (*lead, 1, 1), (2, 1, 1, 2), mode="replicate")
        yield _case("pad", (*lead, 1, 1), (1, 1, 1, 1), mode="circular")
    yield _case("pad", (0, 2, 4, 4), (1, 1, 1, 1), mode="reflect")
    yield _case("pad", (0, 2, 4, 4), (1, 1, 1, 1), mode="replicate")


def _constant() -> Iterator[FunctionCase]:
    for shape in [(4,), (3, 4), (2, 3, 4), (2, 1, 3, 4), (0, 3, 4)]:
        for pad in [(1, 2), (0, 0), (-1, 2), (3, -2), (1, 0, 2, 1), (-1, 1, 0, -1)]:
            if len(pad) <= 2 * len(shape):
                yield _case("pad", shape, pad)
                yield _case("pad", shape, pad, mode="constant", value=-1.5)


def _nearest(axes: int) -> Iterator[FunctionCase]:
    for lead in [(2, 3), (1, 1)]:
        shape = (*lead, *EXTENTS[axes])
        for size in SIZES[axes]:
            yield _case("interpolate", shape, size=size)
            yield _case("interpolate", shape, size=size, mode="nearest-exact")
        for factor in (1.0, 2, 3, 1.5, 0.5, (1.5,) + (2.0,) * (axes - 1)):
            yield _case("interpolate", shape, scale_factor=factor)
            yield _case("interpolate", shape, scale_factor=factor, mode="nearest-exact")
    pixel = (2, 1, *(1,) * axes)
    yield _case("interpolate", pixel, size=3)


def _linear(axes: int) -> Iterator[FunctionCase]:
    for corners in (None, False, True):
        for lead in [(2, 3), (1, 1)]:
            shape = (*lead, *EXTENTS[axes])
            keywords = {"mode": MODES[axes], "align_corners": corners}
            for size in SIZES[axes]:
                yield _case("interpolate", shape, size=size, **keywords)
            for factor in (1.0, 2, 1.5, 0.5, (1.5,) + (2.0,) * (axes - 1)):
                yield _case("interpolate", shape, scale_factor=factor, **keywords)
    exact = {"mode": MODES[axes], "recompute_scale_factor": True}
    yield _case("interpolate", (1, 2, *EXTENTS[axes]), scale_factor=1.7, **exact)
    yield _case("interpolate", (2, 1, *(1,) * axes), size=3, mode=MODES[axes])


def _shuffles() -> Iterator[FunctionCase]:
    for shape in [(2, 4, 3, 2), (8, 1, 1), (1, 12, 2, 3)]:
        yield _case("pixel_shuffle", shape, 2)
    for shape in [(2, 1, 4, 6), (3, 2, 2), (1, 2, 2, 4)]:
        yield _case("pixel_unshuffle", shape, 2)
