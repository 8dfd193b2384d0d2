"""Programs with their batch in blocks compute the same, and lie in memory as they should."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina.compiler.batching import find_batch
from lamina.compiler.blocking import block_batch
from lamina.compiler.machines import Machine, named
from lamina.compiler.passes.pipeline import optimise
from lamina.compiler.planner import Planner
from lamina.core.program import Program
from lamina.core.types import Array
from lamina.ops.structure import Reshape
from lamina.tensors import Tensor
from tests.compiler.interpreting import interpreted
from tests.compiler.running import check_close, check_function

BATCH = 64
"""Two blocks or more on every machine."""

AVX2 = named("avx2")
RNG = np.random.default_rng(3)
KEY = lamina.random.key(5)


def image(*shape: int) -> Array:
    return RNG.normal(size=shape).astype(np.float32)


X, W = image(BATCH, 3, 6, 6), image(4, 3, 3, 3)
LABELS = RNG.integers(0, 2, BATCH)


def gradients(loss: Callable[..., Tensor]) -> Callable[..., Any]:
    """Return the function of images and weights that gives the loss and both gradients."""
    return lambda x, w: lamina.value_and_grad(loss, argnums=(0, 1))(x, w)


def batch_norm(x: Tensor) -> Tensor:
    return F.batch_norm(x, None, None, training=True)


def cross_entropy(x: Tensor, w: Tensor) -> Tensor:
    return F.cross_entropy(F.conv2d(x, w).flatten(2).mean(2), lamina.tensor(LABELS))


NETWORKS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "convolution": lambda x, w: F.conv2d(x, w, padding=1).square().mean(),
    "strided": lambda x, w: F.conv2d(x, w, stride=2, padding=1).square().mean(),
    "dilated": lambda x, w: F.conv2d(x, w, dilation=2, padding=2).tanh().mean(),
    "transposed": lambda x, w: F.conv_transpose2d(F.conv2d(x, w), w, stride=2).square().mean(),
    "batch norm": lambda x, w: batch_norm(F.conv2d(x, w)).pow(3).mean(),
    "max pooling": lambda x, w: F.max_pool2d(F.conv2d(x, w, padding=1), 3, 2, 1).square().mean(),
    "average pooling": lambda x, w: F.avg_pool2d(F.conv2d(x, w), 2).tanh().square().mean(),
    "branches": lambda x, w: lamina.cat([x, F.conv2d(x, w, padding=1)], 1).pow(3).mean(),
    "dropout": lambda x, w: F.dropout(F.conv2d(x, w), 0.4, key=KEY).square().mean(),
    "nearest": lambda x, w: F.interpolate(F.conv2d(x, w), scale_factor=2).square().mean(),
    "picked rows": lambda x, w: F.conv2d(x, w)[:, :, lamina.tensor([2, 0, 2])].square().mean(),
    "picked samples": lambda x, w: F.conv2d(x, w)[lamina.tensor([9, 0, 9, 63, 1])].square().mean(),
    "sorted": lambda x, w: (F.conv2d(x, w).sort(2)[0] * lamina.tensor([1.0, 2, 3, 4])).mean(),
    "samples turned round": lambda x, w: (x.flip(0) * F.conv2d(x, w, padding=1)[:, :3]).mean(),
    "one sample for all": lambda x, w: (x[:1] * F.conv2d(x, w, padding=1)[:, :3]).mean(),
    "gram": lambda x, w: (lambda z: z @ z.T)(F.conv2d(x, w).flatten(1)).square().mean(),
    "labels": cross_entropy,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_native_code_gives_what_the_reference_does(name: str) -> None:
    program, other = blocked(gradients(NETWORKS[name]), X, W)
    assert other is not program
    check_function(gradients(NETWORKS[name]), X, W, scale=4.0)


@pytest.mark.parametrize("name", ["batch norm", "max pooling"])
@pytest.mark.parametrize("machine", [AVX2, named("neon")], ids=lambda m: m.name)
def test_the_interpreter_agrees(name: str, machine: Machine) -> None:
    x, w = X[:32, :1, :4, :4].copy(), W[:2, :1].copy()
    program = lamina.trace(gradients(NETWORKS[name]), x, w)
    wanted = program.evaluate(x, w)
    got = interpreted(optimise(program), (x, w), machine)
    for one, want in zip(got, wanted, strict=True):
        check_close(one, want, 4.0)


def test_outputs_with_samples_come_back_in_their_order() -> None:
    check_function(lambda x, w: (F.conv2d(x, w).relu(), x.sum((1, 2, 3))), X, W)


def blocked(function: Callable[..., Any], *arguments: Array) -> tuple[Program, Program]:
    """Return an optimised program, and that with its batch in blocks for vectors of eight."""
    program = optimise(lamina.trace(function, *arguments))
    return program, block_batch(program, find_batch(program, AVX2, ()), AVX2)[0]


def test_blocks_are_a_second_axis_and_samples_of_one_neighbours() -> None:
    program = optimise(lamina.trace(lambda x, w: F.conv2d(x, w).relu().mean(0), X, W))
    plan = Planner(program, AVX2, static={1}).plan
    buffers = [b for k in plan.kernels for b in k.buffers if b.shape == (4, 16, 4, 4, 4)]
    assert {b.strides for b in buffers} == {(1024, 1, 256, 64, 16)}


def test_nothing_but_reshapes_is_added() -> None:
    program, other = blocked(gradients(NETWORKS["max pooling"]), X, W)
    assert other is not program
    kinds = [[type(n.operation) for n in p.nodes] for p in (program, other)]
    assert [k for k in kinds[0] if k is not Reshape] == [k for k in kinds[1] if k is not Reshape]
    for one, want in zip(other.evaluate(X, W), program.evaluate(X, W), strict=True):
        check_close(one, want)


@pytest.mark.parametrize("length", [16, 33, 40, 1])
def test_a_batch_that_blocks_do_not_divide_stays_whole(length: int) -> None:
    program, other = blocked(lambda x, w: F.conv2d(x, w).square(), X[:length].copy(), W)
    assert other is program


def test_without_images_the_batch_stays_whole() -> None:
    program, other = blocked(lambda x, w: (x @ w).relu(), image(BATCH, 5), image(5, 7))
    assert other is program
