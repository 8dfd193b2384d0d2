"""The loops of every operation, run slowly with every access checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import lamina.functions as F
from lamina.compiler.interpreter import interpret
from lamina.compiler.ir import Affine, Buffer, For, If, Kernel, Limit, Load, Store, contiguous
from lamina.compiler.lowering.building import at, nest
from lamina.compiler.machines import MACHINES, Machine, named
from lamina.compiler.plan import Plan
from lamina.compiler.planner import Planner
from lamina.core.errors import GraphError
from lamina.core.node import Operation
from lamina.core.program import Program
from lamina.core.types import Array, float32
from lamina.ops import REGISTRY
from lamina.ops.contraction import Contraction
from lamina.ops.pointwise import Pointwise
from lamina.ops.window import Window
from lamina.tensors import Tensor, grad, trace
from tests.compiler.interpreting import interpreted, run_plan
from tests.compiler.running import check_close, in_float32, program_of

SCHEDULED = (Contraction, Window)
"""The kinds whose loops depend on the machine."""


def _machines(kind: type[Operation]) -> tuple[Machine, ...]:
    return MACHINES if issubclass(kind, SCHEDULED) else MACHINES[:1]


@pytest.mark.parametrize("kind", REGISTRY, ids=lambda kind: kind.__name__)
def test_every_operation(kind: type[Operation]) -> None:
    seen: set[str] = set()
    for example in kind.examples(np.random.default_rng(1998)):
        if kind is Pointwise and example.operation.name in seen and example.operands[0].size < 7:
            continue
        seen.add(example.operation.name)
        operands = in_float32(example.operands) if kind is Contraction else example.operands
        program = program_of(example.operation, operands)
        for machine in _machines(kind):
            (got,) = interpreted(program, operands, machine)
            check_close(got, example.operation.evaluate(*operands), 10.0)


# Kernels in lanes --------------------------------------------------------------------------------


def _dense(x: Tensor, w: Tensor, t: Tensor) -> Tensor:
    """A dense layer's loss: result, dW and dX in lanes over outputs and over sums."""
    return ((x @ w.T - t) ** 2).sum()


def _conv(x: Tensor, w: Tensor, t: Tensor) -> Tensor:
    """A strided, padded convolution and a maximum: clipped loops, phases, windows."""
    return (F.max_pool2d(F.conv2d(x, w, stride=2, padding=1), 2, stride=1) * t).sum()


def _programs(machine: Machine) -> dict[str, tuple[Program, list[Array]]]:
    """Return programs whose batch is a vector and a rest, with arguments."""
    rng = np.random.default_rng(6)
    batch = machine.lanes(4) + 3
    shapes: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
        "dense": (_dense, [(batch, 5), (7, 5), (batch, 7)]),
        "conv": (_conv, [(batch, 1, 5, 5), (2, 1, 3, 3), (batch, 2, 2, 2)]),
    }
    made = {}
    for name, (function, sizes) in shapes.items():
        arguments = [rng.normal(size=s).astype(np.float32) for s in sizes]
        made[name] = (trace(grad(function, argnums=(0, 1)), *arguments), arguments)
    return made


def _lanes(body: tuple[Any, ...]) -> int:
    inner = [s for s in body if isinstance(s, For | If)]
    mine = max((s.lanes for s in inner if isinstance(s, For)), default=0)
    return max([mine, *(_lanes(s.body) for s in inner)])


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
@pytest.mark.parametrize("name", ["dense", "conv"])
def test_lanes(machine: Machine, name: str) -> None:
    program, arguments = _programs(machine)[name]
    plan = Planner(program, machine).plan
    assert max(_lanes(kernel.body) for kernel in plan.kernels) == machine.lanes(4)
    for got, want in zip(run_plan(plan, arguments), program.evaluate(*arguments), strict=True):
        check_close(got, want, 10.0)


# Planted faults ----------------------------------------------------------------------------------


def _copy(extent: int, out: Buffer, x: Buffer) -> Kernel:
    store = Store(out, at("i"), Load(x, at("i")))
    return Kernel("copy", (out, x), nest(["i"], (extent,), store))


def _vector(name: str, length: int, stride: int = 1) -> Buffer:
    return Buffer(name, (length,), float32, (stride,))


def test_leaving_a_buffer_is_an_error() -> None:
    right = np.zeros(4, np.float32), np.arange(4, dtype=np.float32)
    interpret(_copy(4, _vector("out", 4), _vector("x", 4)), right)
    np.testing.assert_array_equal(right[0], right[1])
    for out, x, what in ((4, 5, "out"), (5, 4, "x")):
        arrays = np.zeros(out, np.float32), np.zeros(x, np.float32)
        with pytest.raises(GraphError, match=f"leaves {what}"):
            interpret(_copy(5, _vector("out", out), _vector("x", x)), arrays)
    below = Store(_vector("out", 4), (Affine(-1, (("i", 1),)),), Load(_vector("x", 4), at("i")))
    kernel = Kernel("below", (_vector("out", 4), _vector("x", 4)), nest(["i"], (4,), below))
    with pytest.raises(GraphError, match="leaves out"):
        interpret(kernel, right)


def _longer(body: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the body with one iteration more in its innermost loops."""
    changed: list[Any] = []
    for statement in body:
        if isinstance(statement, For | If) and any(isinstance(s, For) for s in statement.body):
            changed.append(replace(statement, body=_longer(statement.body)))
        elif isinstance(statement, For):
            stops = tuple(
                Limit(replace(s.affine, constant=s.affine.constant + s.divisor), s.divisor)
                for s in statement.stops
            )
            changed.append(replace(statement, stops=stops))
        else:
            changed.append(statement)
    return tuple(changed)


def _shorter_stride(buffer: Buffer) -> Buffer:
    return replace(buffer, strides=tuple(max(s - 1, 0) for s in buffer.strides))


def _spoiled(plan: Plan, change: Callable[[Kernel], Kernel]) -> Plan:
    return replace(plan, kernels=[change(kernel) for kernel in plan.kernels])


def test_a_wrong_limit_is_caught() -> None:
    program, arguments = _programs(named("avx2"))["conv"]
    plan = _spoiled(
        Planner(program, named("avx2")).plan, lambda k: replace(k, body=_longer(k.body))
    )
    with pytest.raises(GraphError, match="leaves"):
        run_plan(plan, arguments)


def test_a_wrong_stride_is_caught() -> None:
    """In one buffer of one kernel: the loops stay inside it, and the result is another."""
    x, out = contiguous("x", (3, 4), float32), contiguous("out", (3, 4), float32)
    arrays = [np.zeros(12, np.float32), np.arange(12, dtype=np.float32)]
    for wrong in (False, True):
        source = _shorter_stride(x) if wrong else x
        store = Store(out, at(["i", "j"]), Load(source, at(["i", "j"])))
        interpret(Kernel("copy", (out, source), nest(["i", "j"], (3, 4), store)), arrays)
        assert np.array_equal(*arrays) != wrong


def test_overlapping_memory_is_caught() -> None:
    """A plan that gives what is still needed away computes something else."""
    program, arguments = _programs(named("sse"))["dense"]
    wanted = program.evaluate(*arguments)
    plan = Planner(program, named("sse")).plan
    assert len(plan.temporaries) > 1
    for storage in plan.temporaries:
        storage.offset = 0
    with pytest.raises(AssertionError):
        for got, want in zip(run_plan(plan, arguments), wanted, strict=True):
            check_close(got, want)
