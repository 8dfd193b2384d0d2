"""Graphs of any length work, and do not grow for ever."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import lamina
from lamina.autodiff import levels
from lamina.autodiff.levels import TAPE, Level
from lamina.core.context import suppress
from lamina.core.graph import topological
from lamina.core.node import Node, apply, constant, placeholder, variable
from lamina.core.program import Program
from lamina.core.types import Type
from lamina.core.verify import verify
from lamina.ops import scalars
from lamina.ops.pointwise import Pointwise
from lamina.tensors import Tensor

LENGTH = 100_000
ADD, NEGATIVE = Pointwise(scalars.add), Pointwise(scalars.negative)
SCALAR = Type((), np.dtype("float64"))


def chain(start: Node, length: int) -> Node:
    node = start
    for _ in range(length):
        node = apply(NEGATIVE, node)
    return node


def history(output: Node) -> int:
    return len(topological([output]))


def test_operands_come_before_results() -> None:
    x = placeholder(SCALAR)
    a = apply(NEGATIVE, x)
    b = apply(ADD, a, x)
    order = topological([apply(ADD, b, a)])
    assert order[:3] == [x, a, b]
    assert len(order) == 4


def test_order_has_every_node_once_even_in_diamonds() -> None:
    """Forty diamonds in a row have 2⁴⁰ paths; every node is visited once all the same."""
    node = placeholder(SCALAR)
    for _ in range(40):
        node = apply(ADD, apply(NEGATIVE, node), apply(NEGATIVE, node))
    order = topological([node, node])
    assert len(order) == len({id(n) for n in order}) == 1 + 3 * 40


def test_order_does_not_depend_on_creation() -> None:
    def build(swap: bool) -> list[str]:
        x = placeholder(SCALAR, "x")
        if swap:
            second, first = apply(Pointwise(scalars.exp), x), apply(NEGATIVE, x)
        else:
            first, second = apply(NEGATIVE, x), apply(Pointwise(scalars.exp), x)
        return [n.operation.name for n in topological([apply(ADD, first, second)])]

    assert build(True) == build(False)


def test_a_long_traced_chain() -> None:
    x = placeholder(SCALAR, "x")
    program = Program((x,), (chain(x, LENGTH),))
    assert len(program.nodes) == LENGTH + 1
    verify(program)
    (value,) = program.evaluate(np.asarray(2.0))
    assert value == 2.0
    assert str(program).count("\n") == LENGTH + 1


def test_a_long_eager_chain_backward() -> None:
    w = lamina.tensor(3.0, dtype="float64", requires_grad=True)
    output = Tensor(chain(w.node, LENGTH + 1))
    output.backward()
    assert w.grad is not None
    assert w.grad.item() == -1.0


def test_long_chains_through_transforms() -> None:
    def f(x: Tensor) -> Tensor:
        return Tensor(chain(x.node, 20_000))

    assert lamina.grad(f)(lamina.tensor(1.0)).item() == 1.0
    assert lamina.jvp(f, (lamina.tensor(1.0),), (lamina.tensor(2.0),))[1].item() == 2.0
    assert len(lamina.trace(f, lamina.tensor(1.0)).nodes) == 20_001


def test_a_long_chain_is_collected() -> None:
    start = variable(np.asarray(1.0), tracks=1)
    end = chain(start, LENGTH)
    seen = weakref.ref(start)
    del start
    assert seen() is not None
    del end
    gc.collect()
    assert seen() is None


def test_untracked_results_forget_their_operands() -> None:
    node = chain(constant(np.asarray(1.0)), 5)
    assert node.operands == ()
    assert history(node) == 1


def test_tracked_results_remember_and_suppressed_ones_forget() -> None:
    x = variable(np.asarray(1.0), tracks=2)
    assert history(chain(x, 5)) == 6
    with suppress(2):
        assert history(chain(x, 5)) == 1
    with suppress(4):
        assert history(chain(x, 5)) == 6


def test_integers_and_bools_are_not_tracked() -> None:
    w = lamina.tensor([1.0, -1.0], requires_grad=True)
    for derived in (w > 0, w.argmax(), w.long(), w.argsort(), w.isnan()):
        assert not derived.requires_grad
        assert derived.node.operands == ()


@pytest.mark.parametrize("transform", ["grad", "vjp", "jvp", "jacobian", "hessian", "hvp"])
def test_results_of_transforms_keep_no_history(transform: str) -> None:
    x, u = lamina.tensor([1.0, 2.0]), lamina.ones(2)

    def f(x: Tensor) -> Tensor:
        return (x * x * x).sum()

    results = {
        "grad": lambda: [lamina.grad(f)(x)],
        "vjp": lambda: [*lamina.vjp(f, x)[1](lamina.tensor(1.0)), lamina.vjp(f, x)[0]],
        "jvp": lambda: list(lamina.jvp(f, (x,), (u,))),
        "jacobian": lambda: [lamina.jacobian(f)(x)],
        "hessian": lambda: [lamina.hessian(f)(x)],
        "hvp": lambda: list(lamina.hvp(f, (x,), (u,))),
    }[transform]()
    assert results
    for result in results:
        assert history(result.node) == 1
        assert not result.node.tracks


def test_gradients_keep_no_history_but_with_create_graph() -> None:
    w = lamina.tensor([1.0, 2.0], requires_grad=True)
    (w * w).sum().backward()
    assert w.grad is not None
    assert history(w.grad.node) == 1
    w.grad = None
    (w * w).sum().backward(create_graph=True)
    assert history(w.grad.node) > 1


def test_a_gradient_penalty_keeps_no_history() -> None:
    """Levels that are over are not recorded by what is derived through their graphs."""
    w = lamina.tensor([1.0, 2.0], requires_grad=True)
    slope = lamina.grad(lambda w: (w * w * w).sum())(w)
    (slope * slope).sum().backward()
    assert w.grad is not None
    np.testing.assert_allclose(w.grad.numpy(), 36 * np.array([1.0, 8.0]))
    assert history(w.grad.node) == 1
    levels = {n.tracks for n in topological([slope.node])}
    assert any(tracks > TAPE for tracks in levels)


def test_a_level_can_be_collected_while_another_is_acquired() -> None:
    """The garbage collector may run anywhere, so also where the lock is held."""
    level = [Level()]

    def drop_holding_the_lock() -> None:
        with levels._lock:
            level.clear()

    thread = threading.Thread(target=drop_holding_the_lock, daemon=True)
    thread.start()
    thread.join(timeout=20)
    assert not thread.is_alive()


def test_more_levels_at_once_than_bits_in_a_word() -> None:
    held = [Level() for _ in range(150)]
    assert len({level.bit for level in held}) == 150
    assert all(level.bit != TAPE for level in held)
    pulls = [lamina.vjp(lambda x: x * x, lamina.tensor(float(n)))[1] for n in range(150)]
    found = [pull(lamina.tensor(1.0))[0].item() for pull in pulls]
    assert found == [2.0 * n for n in range(150)]


def test_a_training_loop_does_not_grow() -> None:
    """After each step nothing but the newest values is alive."""
    w = lamina.tensor([5.0, -3.0], requires_grad=True)
    values: list[weakref.ref[Node]] = []
    for _ in range(10):
        loss = (w * w).sum()
        values.append(weakref.ref(loss.node))
        loss.backward()
        with lamina.no_grad():
            assert w.grad is not None
            w.assign(w - 0.1 * w.grad)
        w.grad = None
        assert history(w.node) == 1
    del loss
    gc.collect()
    assert [ref() for ref in values] == [None] * 10
    np.testing.assert_allclose(w.numpy(), np.array([5.0, -3.0]) * 0.8**10, rtol=1e-5)


def test_backward_leaves_no_reference_cycles() -> None:
    """Memory of a step is freed at once, not when the garbage collector comes by."""
    gc.collect()
    gc.disable()
    try:
        w = lamina.tensor([5.0, -3.0], requires_grad=True)
        loss = (lamina.tanh(w) * w).sum()
        inner = weakref.ref(loss.node)
        loss.backward()
        del loss
        assert inner() is None
        x = weakref.ref(lamina.grad(lambda w: (w * w).sum())(w).node)
        assert x() is None
    finally:
        gc.enable()
