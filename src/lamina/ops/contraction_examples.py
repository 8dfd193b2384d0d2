"""Contractions to try: what layers use, and what is only just allowed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lamina.core.node import Example
from lamina.ops.contraction import Contraction
from lamina.ops.loops import Loop, contraction


def examples(rng: np.random.Generator) -> Iterator[Example]:
    """Yield contractions with float64 operands."""
    for spec in [*_dense(), *_convolutions(), *_views(), *_edges()]:
        yield Example(spec, tuple(rng.normal(size=read.shape) for read in spec.reads))


def _dense() -> list[Contraction]:
    n, o, k = Loop("n", 3), Loop("o", 2), Loop("k", 4)
    return [
        contraction((n, o), ((3, 4), (n, k)), ((2, 4), (o, k))),
        contraction((n,), ((3, 4), (n, k))),
        contraction((), ((3, 4), (n, k)), ((3, 4), (n, k)), ((3,), (n,))),
        contraction((n, o), ((3,), (n,)), ((2,), (o,))),
    ]


def _convolutions() -> list[Contraction]:
    n, o, c, y, x = (Loop(s, e) for s, e in zip("nocyx", (2, 3, 2, 3, 4), strict=True))
    k, m, g = Loop("k", 3), Loop("m", 2), Loop("g", 2)
    image, kernel = (2, 2, 5, 6), (3, 2, 3, 2)
    strided = (n, c, 2 * y + k - 1, x + 2 * m)
    return [
        contraction((n, o, y, x), (image, strided), (kernel, (o, c, k, m))),
        contraction((n, o, y, x), (image, (n, c, y - k + 2, x - m + 1)), (kernel, (o, c, k, m))),
        contraction((n, o, y), ((2, 2, 3), (n, c, (y - k + 1) / 2)), ((2, 3, 3), (c, o, k))),
        contraction((n, g, y), ((2, 2, 5), (n, g, y + k)), ((2, 3), (g, k))),
        contraction((n, y), ((2, 7), (n, 2 * y + k))),
    ]


def _views() -> list[Contraction]:
    i, j = Loop("i", 3), Loop("j", 4)
    return [
        contraction((j, i), ((3, 4), (i, j))),
        contraction((i, j), ((4,), (j,))),
        contraction((i,), ((3, 3), (i, i))),
        contraction((i, j), ((6, 4), (2 * i + 1, 3 - j))),
        contraction((j,), ((2,), (j - 1,))),
        contraction((i, j), ((6,), (i + j,))),
    ]


def _edges() -> list[Contraction]:
    i, none, unused = Loop("i", 3), Loop("e", 0), Loop("u", 2)
    return [
        contraction((), ((), ())),
        contraction((unused,), ((3,), (i,))),
        contraction((i,), ((3, 0), (i, none))),
        contraction((none,), ((3,), (i,))),
        contraction((i,), ((2,), (i + 5,))),
        contraction((i,), ((2,), (1,))),
    ]
