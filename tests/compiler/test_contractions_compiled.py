"""Contractions in native code: random ones, and the layers' for every kind of tile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina.functions as F
from lamina.core.program import Program
from lamina.core.types import Array, DType, bool_, float32, float64, int32
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction, Read
from lamina.tensors import Tensor, tensor, trace, vjp
from tests.compiler.running import (
    check_close,
    check_equal,
    check_program,
    program_of,
    together,
)
from tests.ops.random_contractions import contractions, indices, values

Sizes = tuple[int, ...]


@st.composite
def wide_contractions(draw: st.DrawFn) -> Contraction:
    """Draw a contraction with a long loop that runs along memory, so that lanes are used.

    Some reads follow the long loop along their last axis, others do not depend on it; output
    loops of their own give the tile rows and columns.
    """
    short = draw(st.integers(1, 3))
    extents = [draw(st.integers(1, 9)) for _ in range(short)]
    lane = draw(st.integers(0, short))
    extents.insert(lane, draw(st.integers(3, 70)))
    reads = []
    for _ in range(draw(st.integers(1, 2))):
        axes: list[tuple[int, AffineIndex]] = []
        for loop in range(short + 1):
            if loop != lane and draw(st.booleans()):
                axes.append(_axis(draw, loop, extents))
        if draw(st.booleans()):
            axes.append((draw(st.integers(1, 6)), draw(indices(short + 1, far=3))))
        if draw(st.booleans()):
            axes.append((extents[lane], AffineIndex(0, _unit(lane, short + 1), 1)))
        reads.append(Read(tuple(size for size, _ in axes), tuple(index for _, index in axes)))
    return Contraction(tuple(extents), draw(st.integers(0, short + 1)), tuple(reads))


def _axis(draw: st.DrawFn, loop: int, extents: list[int]) -> tuple[int, AffineIndex]:
    """Draw an axis that one loop runs along: whole, shifted beyond its end, or backwards."""
    shift = draw(st.sampled_from((0, 0, 0, 1, -2)))
    if draw(st.booleans()):
        return extents[loop], AffineIndex(shift, _unit(loop, len(extents)), 1)
    back = tuple(-c for c in _unit(loop, len(extents)))
    return extents[loop], AffineIndex(extents[loop] - 1 + shift, back, 1)


def _unit(loop: int, loops: int) -> tuple[int, ...]:
    return tuple(int(n == loop) for n in range(loops))


def _check_exactly(specs: list[Contraction], dtype: DType, seed: int) -> None:
    """Sums of whole numbers are exact in any order."""
    operands = [[a.astype(dtype) for a in values(spec, seed)] for spec in specs]
    program = together([program_of(s, o) for s, o in zip(specs, operands, strict=True)])
    check_program(program, [a for given in operands for a in given], check_equal)


@settings(max_examples=25, deadline=None)
@given(st.lists(contractions(), min_size=4, max_size=10), st.sampled_from((float64, int32)))
def test_random_contractions(specs: list[Contraction], dtype: DType) -> None:
    _check_exactly(specs, dtype, 7)


@settings(max_examples=25, deadline=None)
@given(st.lists(wide_contractions(), min_size=3, max_size=6), st.sampled_from((float32, float64)))
def test_wide_contractions(specs: list[Contraction], dtype: DType) -> None:
    _check_exactly(specs, dtype, 11)


@settings(max_examples=10, deadline=None)
@given(st.lists(contractions(guards=False), min_size=4, max_size=8))
def test_views_of_bools(specs: list[Contraction]) -> None:
    views = [Contraction(s.extents, len(s.extents), s.reads[:1]) for s in specs]
    _check_exactly(views, bool_, 3)


# Layers -----------------------------------------------------------------------------------------


Layer = tuple[Callable[..., Tensor], tuple[tuple[int, ...], ...]]
"""A function, and the shapes of what it takes."""


def _program(layer: Layer, dtype: str, rng: np.random.Generator) -> tuple[Program, list[Array]]:
    """Return the program of a layer's result and all its gradients, and arguments for it."""
    function, shapes = layer
    arguments = [rng.normal(size=shape).astype(dtype) for shape in shapes]
    result = function(*map(tensor, arguments))
    cotangent = rng.normal(size=result.shape).astype(dtype)

    def both(*given: Tensor) -> tuple[Tensor, list[Tensor]]:
        result, pull = vjp(function, *given[:-1])
        return result, list(pull(given[-1]))

    arguments.append(cotangent)
    return trace(both, *arguments), arguments


def _check_layers(layers: Iterable[Layer], dtype: str) -> None:
    """Every layer's result and gradients, all in one program, are the reference's."""
    rng = np.random.default_rng(2)
    made = [_program(layer, dtype, rng) for layer in layers]
    arguments = [a for _, given in made for a in given]
    check_program(
        together([program for program, _ in made]),
        arguments,
        lambda got, want: check_close(got, want, 50.0),
    )


def _linear(batch: int, width: int, height: int) -> Layer:
    return F.linear, ((batch, width), (height, width), (height,))


def _conv(
    batch: int, channels: tuple[int, int], sizes: Sizes, kernel: Sizes, **options: Any
) -> Layer:
    given, made = channels
    function = (F.conv1d, F.conv2d, F.conv3d)[len(sizes) - 1]
    groups = options.get("groups", 1)
    shapes = ((batch, given, *sizes), (made, given // groups, *kernel), (made,))
    return partial(function, **options), shapes


def _transposed(
    batch: int, channels: tuple[int, int], sizes: Sizes, kernel: Sizes, **options: Any
) -> Layer:
    given, made = channels
    function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[len(sizes) - 1]
    groups = options.get("groups", 1)
    shapes = ((batch, given, *sizes), (given, made // groups, *kernel), (made,))
    return partial(function, **options), shapes


def _pool(batch: int, function: Callable[..., Tensor], sizes: Sizes, **options: Any) -> Layer:
    return partial(function, **options), ((batch, 3, *sizes),)


def _some_layers(batch: int) -> Iterator[Layer]:
    """Yield layers of every kind, their channels odd, their borders cut."""
    yield _linear(batch, 13, 5)
    yield _linear(batch, 33, 31)
    yield _linear(batch, 1, 17)
    yield _linear(batch, 40, 1)
    yield _conv(batch, (3, 5), (6, 7), (3, 2), padding=1)
    yield _conv(batch, (5, 19), (5, 5), (3, 3), padding="same", flip=True)
    yield _conv(batch, (2, 7), (7, 6), (3, 3), stride=2, padding=(2, 1))
    yield _conv(batch, (6, 9), (5, 4), (2, 3), groups=3, dilation=(2, 1), padding=1)
    yield _transposed(batch, (3, 5), (3, 4), (3, 2), stride=(2, 3), padding=1, output_padding=1)
    yield _pool(batch, F.max_pool2d, (7, 6), kernel_size=3, stride=2, padding=1)
    yield _pool(batch, F.avg_pool2d, (6, 5), kernel_size=2, stride=1, padding=1)


@pytest.mark.parametrize("batch", [1, 3, 7, 15, 16])
def test_layers_of_up_to_one_vector(batch: int) -> None:
    _check_layers(_some_layers(batch), "float32")


@pytest.mark.parametrize("batch, part", [(17, 0), (33, 1), (64, 2), (130, 3)])
def test_layers_of_several_vectors(batch: int, part: int) -> None:
    """Whole and cut vectors make much code, so each batch has a part of the layers."""
    _check_layers(islice(_some_layers(batch), part, None, 4), "float32")


@pytest.mark.parametrize("batch, part", [(1, 0), (7, 1), (9, 2), (17, 3)])
def test_layers_in_float64(batch: int, part: int) -> None:
    _check_layers(islice(_some_layers(batch), part, None, 4), "float64")


@pytest.mark.parametrize("batch", [2, 16])
def test_one_and_three_dimensions(batch: int) -> None:
    layers = [
        _conv(batch, (3, 4), (9,), (3,), stride=3, dilation=2, padding=2),
        _conv(batch, (4, 4), (8,), (5,), padding=4, flip=True, groups=4),
        _conv(batch, (2, 3), (3, 4, 5), (2, 3, 2), stride=(1, 2, 3), padding=1),
        _transposed(batch, (4, 6), (5,), (4,), stride=3, dilation=2, groups=2),
        _transposed(batch, (2, 3), (2, 3, 2), (2, 2, 3), stride=2, padding=1),
        _pool(batch, F.max_pool1d, (9,), kernel_size=3, stride=1, dilation=2),
        _pool(batch, F.max_pool3d, (3, 4, 5), kernel_size=2, padding=1),
        _pool(batch, F.avg_pool1d, (9,), kernel_size=4, stride=3),
        _pool(batch, F.avg_pool3d, (3, 4, 5), kernel_size=2),
    ]
    _check_layers(layers, "float32")


@st.composite
def convolutions(draw: st.DrawFn, batch: int) -> Layer:
    """Draw a convolution of one or two dimensions whose kernel fits."""
    rank, groups = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    channels = (groups * draw(st.integers(1, 4)), groups * draw(st.integers(1, 7)))
    kernel = tuple(draw(st.integers(1, 4)) for _ in range(rank))
    dilation = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    stride = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    padding = tuple(draw(st.integers(0, 3)) for _ in range(rank))
    reaches = [1 + (k - 1) * d - 2 * p for k, d, p in zip(kernel, dilation, padding, strict=True)]
    sizes = tuple(draw(st.integers(max(r, 1), max(r, 1) + 5)) for r in reaches)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return _conv(batch, channels, sizes, kernel, flip=draw(st.booleans()), **options)


@settings(max_examples=6, deadline=None)
@given(st.data(), st.sampled_from((1, 2, 5, 8, 9, 16, 23)), st.sampled_from(("float32", "float64")))
def test_random_convolutions(data: st.DataObject, batch: int, dtype: str) -> None:
    _check_layers([data.draw(convolutions(batch)) for _ in range(2)], dtype)


@pytest.mark.parametrize("sizes", [(63, 65, 67), (128, 7, 300)])
def test_matrix_products(sizes: tuple[int, int, int]) -> None:
    """All four ways to lay out the operands of a product."""
    m, k, n = sizes

    def products(a: Tensor, b: Tensor) -> list[Tensor]:
        return [a @ b, b.T @ a.T, (a.T).T @ (b.T).T, (a @ b).sum(0), (a @ b).sum()]

    rng = np.random.default_rng(4)
    a, b = rng.integers(-3, 4, (m, k)), rng.integers(-3, 4, (k, n))
    arguments = [a.astype(np.float32), b.astype(np.float32)]
    check_program(trace(products, *arguments), arguments, check_equal)
