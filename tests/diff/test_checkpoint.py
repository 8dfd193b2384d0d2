"""Checkpointing: the same derivatives from less memory."""

from __future__ import annotations

import gc
import weakref
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
import lamina.functions as F
from lamina import nn
from lamina.core.errors import ArgumentError
from lamina.core.node import Node
from lamina.diff import Chain, chained, checkpoint, checkpointing
from lamina.diff.automatic import recording
from lamina.diff.automatic.chain import memory
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


def network() -> tuple[nn.Module, Tensor, Tensor]:
    lamina.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 3)).double()
    return net, draw(6, 4), lamina.tensor([0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize("by_input", [True, False])
def test_backward_through_layers(by_input: bool) -> None:
    net, x, y = network()
    state = {name: value.numpy().copy() for name, value in net.named_buffers()}
    found = []
    for run in (net, checkpoint(net)):
        for name, buffer in net.named_buffers():
            buffer.assign(lamina.tensor(state[name]))
        net.zero_grad()
        given = x.detach().requires_grad_(by_input)
        F.cross_entropy(run(given), y).backward()
        gradients = [p.grad for p in net.parameters()] + [given.grad] * by_input
        assert all(g is not None for g in gradients)
        found.append([*map(np.array, gradients), *(b.numpy() for b in net.buffers())])
    for plain, mine in zip(*found, strict=True):
        np.testing.assert_allclose(mine, plain, rtol=1e-13)


def test_tensors_from_outside() -> None:
    x, w = draw(3), draw(3, seed=1)
    outside = lambda w: checkpoint(lambda a: lamina.sin(a * w))(x).sum()  # noqa: E731
    both = lambda w: checkpoint(lambda a: lamina.sin(a * w))(w).sum()  # noqa: E731
    np.testing.assert_allclose(lamina.grad(outside)(w), x.numpy() * np.cos((x * w).numpy()))
    np.testing.assert_allclose(lamina.grad(both)(w), 2 * w.numpy() * np.cos((w * w).numpy()))
    tangent = lamina.jvp(both, (w,), (lamina.ones_like(w),))[1]
    np.testing.assert_allclose(tangent, (2 * w * lamina.cos(w * w)).sum())


def test_perturbations_of_nested_derivatives() -> None:
    """d/dx (x · d/dy (x + y)) = 1, with either function checkpointed."""
    inner = lambda x: lamina.grad(checkpoint(lambda y: x + y))(lamina.tensor(1.0))  # noqa: E731
    assert lamina.grad(lambda x: x * inner(x))(lamina.tensor(3.0)).item() == 1
    assert lamina.grad(checkpoint(lambda x: x * inner(x)))(lamina.tensor(3.0)).item() == 1


def test_python_runs_once_and_may_look_at_values() -> None:
    calls = 0

    @checkpoint
    def g(x: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return lamina.exp(x) * 2 if x > 0 else -x

    assert lamina.grad(g)(lamina.tensor(0.0)).item() == -1
    np.testing.assert_allclose(lamina.grad(g)(lamina.tensor(1.0)).item(), 2 * np.e, rtol=1e-6)
    assert calls == 2


def test_one_run_for_all_operands(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = 0

    def counted(*args: Any) -> Tensor:
        nonlocal runs
        runs += 1
        return recording.replay(*args)

    monkeypatch.setattr(import_module("lamina.diff.automatic.checkpoint"), "replay", counted)
    net, x, y = network()
    F.cross_entropy(checkpoint(net)(x), y).backward()  # eight tensors are read
    assert runs == 1


def test_what_is_returned_as_it_came() -> None:
    x = draw(3).requires_grad_()
    checkpoint(lambda x: x)(x).sum().backward()
    assert x.grad.tolist() == [1, 1, 1]
    assert checkpoint(lambda x: x)(draw(3)).tolist() == draw(3).tolist()


def test_random_numbers_are_the_same_when_run_again() -> None:
    x = lamina.ones(64).requires_grad_()
    y = checkpoint(nn.Dropout(0.5))(x)
    y.sum().backward()
    assert 0 < np.count_nonzero(y.numpy()) < 64
    np.testing.assert_array_equal(x.grad, y)


@given(st.lists(st.sampled_from(range(5)), min_size=1, max_size=9), st.integers(1, 9))
@settings(max_examples=30)
def test_chains_in_any_segments(kinds: list[int], segments: int) -> None:
    w = draw(3, 3, seed=5)
    steps = [lamina.sin, lamina.tanh, lambda x: w @ x, lambda x: x * x.sum(), lambda x: x.flip(0)]
    functions, x = [steps[kind] for kind in kinds], draw(3)
    plain, mine = Chain(functions), chained(functions, segments)
    np.testing.assert_array_equal(mine(x), plain(x))
    wanted, found = lamina.jacobian(plain)(x), lamina.jacobian(mine)(x)
    np.testing.assert_allclose(found, wanted, rtol=1e-13)
    forward = lamina.jacobian(mine, mode="forward")(x)
    np.testing.assert_allclose(forward, wanted, rtol=1e-12, atol=1e-15)


def test_graphs_are_gone_with_their_results() -> None:
    """Without waiting for the collector of cycles, which may come late."""
    x, y = draw(5).requires_grad_(), draw(5)
    made = []
    gc.disable()
    try:
        y = x
        for _ in range(4):
            y = checkpoint(lambda a: lamina.sin(lamina.exp(a)))(y)
            made.append(weakref.ref(y.node))
        y.sum().backward()
        del y
        assert all(node() is None for node in made)
    finally:
        gc.enable()


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


def test_memory_as_allocated() -> None:
    """One pass over 64 values of 800 kB: what is counted is what is there."""
    found = checkpointing([lamina.sin] * 64, draw(100_000), (8, 64))
    plain, eight, each = found.rows
    assert plain.remembered == 65 * 800_000 and eight.remembered == 16 * 800_000
    for row in found.rows:  # and some arrays of the backward pass itself
        assert row.remembered < row.measured < row.remembered + 6 * 800_000
    assert eight.measured < 0.4 * plain.measured < each.measured
    assert "remembered, KiB" in str(found) and len(str(found).splitlines()) == 4


def test_memory_by_formula() -> None:
    found = memory([lamina.sin] * 64, draw(100), segments=8)
    assert found.plain == 65 * 800
    assert found.checkpointed == (9 + 7) * 800  # 9 ends of segments, 7 values inside one


def test_bad_requests() -> None:
    with pytest.raises(ArgumentError, match="segments must be at least 1, got 0"):
        chained([lamina.sin], 0)
    with pytest.raises(ArgumentError, match="must return one tensor, got 2"):
        checkpoint(lambda x: (x, x))(draw(2))  # type: ignore[arg-type, return-value]
