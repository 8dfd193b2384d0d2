"""Checkpointing: the same derivatives from less memory."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina import nn
from lamina.core.errors import ArgumentError
from lamina.core.node import Node
from lamina.diff import chained, checkpoint
from lamina.diff.automatic.checkpoint import memory
from lamina.tensors import Tensor


def draw(*shape: int, seed: int = 0) -> Tensor:
    return lamina.tensor(np.random.default_rng(seed).normal(size=shape))


def f(w: Tensor, x: Tensor) -> Tensor:
    return lamina.tanh(w @ lamina.exp(x)).sum()


def test_derivatives_of_every_order_are_the_same() -> None:
    w, x = draw(3, 4), draw(4, seed=1)
    g = checkpoint(f)
    assert g(w, x).item() == f(w, x).item()
    for mine, plain in zip(lamina.grad(g, (0, 1))(w, x), lamina.grad(f, (0, 1))(w, x), strict=True):
        np.testing.assert_array_equal(mine.numpy(), plain.numpy())
    tangents = draw(3, 4, seed=2), draw(4, seed=3)
    np.testing.assert_allclose(
        lamina.jvp(g, (w, x), tangents)[1].item(),
        lamina.jvp(f, (w, x), tangents)[1].item(),
        rtol=1e-13,
    )
    hessians = [lamina.hessian(lambda x, h=h: h(w, x))(x).numpy() for h in (f, g)]
    np.testing.assert_allclose(hessians[1], hessians[0], rtol=1e-12)


def test_backward_through_layers() -> None:
    lamina.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    x, y = draw(6, 4), lamina.tensor([0, 1, 2, 0, 1, 2])
    grads = []
    for run in (net, checkpoint(net)):
        net.zero_grad()
        F.cross_entropy(run(x.detach().requires_grad_()), y).backward()
        grads.append([None if p.grad is None else p.grad.numpy() for p in net.parameters()])
    assert all(g is not None for g in grads[0])


def test_whole_numbers_among_the_arguments() -> None:
    g = checkpoint(lambda x, i: x[i] * 2)
    assert lamina.grad(lambda x: g(x, lamina.tensor([1, 1])).sum())(lamina.ones(3)).tolist() == [
        0,
        4,
        0,
    ]


def test_traced_and_compiled_programs_have_the_function_itself() -> None:
    g = checkpoint(f)
    w, x = draw(3, 4), draw(4, seed=1)
    assert str(lamina.trace(g, w, x)).replace("inside", "f") == str(lamina.trace(f, w, x))
    np.testing.assert_allclose(
        lamina.compile(lamina.grad(g))(w, x).numpy(), lamina.grad(f)(w, x).numpy()
    )


class Counting:
    """Counts the large arrays that are alive when the forward pass is over."""

    def __init__(self) -> None:
        self.made: list[weakref.ref[Any]] = []

    def __call__(self, x: Tensor) -> Tensor:
        result = lamina.sin(x)
        self.made.append(weakref.ref(result.node))
        return result

    def alive(self) -> int:
        gc.collect()
        nodes = [node() for node in self.made]
        return sum(node is not None and node.value is not None for node in nodes)


@pytest.mark.parametrize("segments, kept", [(None, 12), (3, 0)])
def test_intermediate_values_are_not_kept(segments: int | None, kept: int) -> None:
    step = Counting()
    functions = [step] * 12
    chain = chained(functions, segments) if segments else lambda x: _plain(functions, x)
    x = lamina.ones(10).requires_grad_()
    result = chain(x)
    assert isinstance(result.node, Node) and step.alive() == kept
    result.sum().backward()
    expected = np.ones(10, np.float32)
    values = [expected]
    for _ in range(12):
        values.append(np.sin(values[-1]))
    np.testing.assert_allclose(
        x.grad.numpy(), np.prod([np.cos(v) for v in values[:-1]], axis=0), rtol=1e-5
    )


def _plain(functions: list[Any], x: Tensor) -> Tensor:
    for function in functions:
        x = function(x)
    return x


def test_memory_by_formula() -> None:
    found = memory([lamina.sin] * 64, draw(100), segments=8)
    assert found.plain == 65 * 800
    assert found.checkpointed == (9 + 7) * 800  # 9 ends of segments, 7 values inside one


def test_bad_requests() -> None:
    with pytest.raises(ArgumentError, match="segments must be at least 1, got 0"):
        chained([lamina.sin], 0)
    with pytest.raises(ArgumentError, match="must return one tensor, got 2"):
        checkpoint(lambda x: (x, x))(draw(2))  # type: ignore[arg-type, return-value]
