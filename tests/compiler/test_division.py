"""Kernels in chunks: every operation with as many chunks as its loops allow, on several threads."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import lamina
from lamina.compiler import kernels, pool
from lamina.compiler.executable import Executable
from lamina.compiler.interpreter import interpret
from lamina.compiler.ir import Accumulate, For, Kernel, Number, Statement, contiguous
from lamina.compiler.llvm import machine
from lamina.compiler.lowering import division
from lamina.compiler.lowering.building import at, names
from lamina.compiler.lowering.division import UNDIVIDED, along, divide
from lamina.core.node import Operation
from lamina.core.types import float32
from lamina.ops import REGISTRY
from tests.compiler.interpreting import interpreted
from tests.compiler.running import check_close, check_program, program_of, together
from tests.compiler.test_every_op_compiled import _derivatives, _examples, _has_derivative
from tests.compiler.test_machines_native import arguments, training_step


@pytest.fixture(autouse=True)
def many_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Divide every kernel as far as it goes, and run it on three threads."""
    monkeypatch.setattr(division, "GRAIN", 1e-6)
    monkeypatch.setattr(division, "ALIGNED", 1)
    threads = pool.get_num_threads()
    pool.set_num_threads(3)
    kernels.kernel.cache_clear()
    kernels.plain_kernel.cache_clear()
    yield
    kernels.kernel.cache_clear()
    kernels.plain_kernel.cache_clear()
    pool.set_num_threads(threads)


@pytest.mark.parametrize("kind", REGISTRY, ids=lambda kind: kind.__name__)
def test_values(kind: type[Operation]) -> None:
    examples = list(_examples(kind))
    program = together([program_of(*example) for example in examples])
    check_program(program, [a for e in examples for a in e.operands])


@pytest.mark.parametrize("kind", REGISTRY, ids=lambda kind: kind.__name__)
def test_derivatives(kind: type[Operation]) -> None:
    rng = np.random.default_rng(5)
    examples = [e for e in _examples(kind) if _has_derivative(e)]
    if not examples:
        return
    made = [_derivatives(example, rng) for example in examples]
    given = [a for _, each in made for a in each]
    check_program(together([p for p, _ in made]), given, lambda a, b: check_close(a, b, 20.0))


def test_a_training_step_has_many_chunks_and_the_interpreter_agrees() -> None:
    weights, images, labels = arguments("float32")
    program = lamina.trace(
        lambda *w: list(training_step(dict(zip(weights, w, strict=False)), *w[-2:])[1].values()),
        *weights.values(), images, labels,
    )  # fmt: skip
    executable = Executable(program)
    given = [*weights.values(), images, labels]
    chunks = [k.chunks for k in executable.plan.kernels if k.name.startswith("contract")]
    assert max(chunks) > 2 and sum(n > 1 for n in chunks) > len(chunks) / 2
    wanted = program.evaluate(*given)
    for got in (executable(*given), interpreted(program, given, machine())):
        for one, want in zip(got, wanted, strict=True):
            check_close(one, want, 10.0)


def test_chunks_cover_each_place_once() -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        length, unit = int(rng.integers(1, 70)), int(rng.integers(1, 9))
        found = divide(contiguous("x", (length,), float32), [{0: (unit, 1)}], rng.random() * 1e-3)
        if found == UNDIVIDED:
            continue
        (cut,) = found.cuts
        assert cut.size % unit == 0
        assert (found.chunks - 1) * cut.size < length <= found.chunks * cut.size


def test_the_first_axis_with_enough_chunks_is_divided() -> None:
    out = contiguous("x", (64, 64), float32)
    assert divide(out, [{0: (1, 1), 1: (1, 1)}], 1.0) == along(0, 2, 32)
    assert divide(out, [{0: (64, 1), 1: (1, 1)}], 1.0).cuts[0].axis == 1
    assert divide(out, [{0: (1, 1)}, {1: (1, 1)}], 1.0) == UNDIVIDED


def test_two_axes_are_divided_where_one_gives_unequal_shares() -> None:
    out = contiguous("x", (4, 5), float32)
    assert divide(out, [{0: (1, 1), 1: (1, 1)}], 1.0).chunks == 5
    found = divide(out, [{0: (1, 1), 1: (1, 1)}], 1.0, pairs=True)
    assert (found.chunks, found.inner) == (20, 5)


def test_chunks_of_two_axes_cover_each_place_once() -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        shape = tuple(int(n) for n in rng.integers(1, 12, 3))
        out = contiguous("x", shape, float32)
        units = {axis: (int(rng.integers(1, 4)), 1) for axis in range(3)}
        found = divide(out, [units], rng.random() * 2e-5, pairs=True)
        loops = names(shape)
        body: tuple[Statement, ...] = (Accumulate(out, at(loops), Number(1.0, float32)),)
        for axis in range(3):
            body = (For(loops[axis], *found.limits_along(axis, shape[axis]), body),)
        written = np.zeros(out.span, np.float32)
        interpret(Kernel("k", (out,), found.around(body), found.chunks), [written])
        assert np.array_equal(written, np.ones(out.span))
