"""`lamina.compile`: what a user can pass, get and get wrong."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any, NamedTuple

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina.core.errors import ArgumentError, DTypeError, LaminaError, TraceError
from lamina.tensors import Tensor
from lamina.tensors.tree import leaves
from tests.compiler.running import check_close, check_equal

ROOT = Path(__file__).resolve().parents[2]


def counted(function: Callable[..., Any]) -> tuple[Callable[..., Any], list[int]]:
    """Return the function compiled, and a list that grows by one with each trace."""
    traces: list[int] = []

    def watched(*arguments: Any, **keywords: Any) -> Any:
        traces.append(1)
        return function(*arguments, **keywords)

    return lamina.compile(watched), traces


def check_same(function: Callable[..., Any], *arguments: Any, scale: float = 1.0) -> None:
    """Compiled and dynamic results have the same structure, types and values."""
    got, want = lamina.compile(function)(*arguments), function(*arguments)
    assert type(got) is type(want)
    for one, other in zip(leaves(got), leaves(want), strict=True):
        assert isinstance(one, Tensor) == isinstance(other, Tensor)
        check_close(np.asarray(one), np.asarray(other), scale)


X = lamina.tensor([1.0, -2.0, 3.0])


# Arguments ---------------------------------------------------------------------------------------


class Pair(NamedTuple):
    first: Any
    second: Any


def test_containers() -> None:
    def mixed(tree: dict[str, Any], pair: Pair) -> tuple[Any, ...]:
        total = tree["a"][0] + tree["a"][1] * 2
        return Pair(total, [pair.second]), {"text": "kept", "none": None, "whole": 3, "f": 1.5}

    check_same(mixed, {"a": [X, X * 5]}, Pair(None, X))
    result = lamina.compile(mixed)({"a": [X, X]}, Pair(None, X))
    assert isinstance(result[0], Pair)
    assert result[1] == {"text": "kept", "none": None, "whole": 3, "f": 1.5}


def test_dicts_are_read_by_key_whatever_their_order() -> None:
    difference = lamina.compile(lambda d: d["a"] - d["b"])
    for given in ({"a": X, "b": X * 3}, {"b": X * 3, "a": X}):
        np.testing.assert_array_equal(difference(given), np.asarray(X) * -2)


def test_keyword_arguments() -> None:
    function, traces = counted(lambda x, *, factor, power=1: x**power * factor)
    for _ in range(2):
        np.testing.assert_array_equal(function(X, factor=2.0, power=2), [2, 8, 18])
        np.testing.assert_array_equal(function(X, power=2, factor=4.0), [4, 16, 36])
    assert len(traces) == 1
    np.testing.assert_array_equal(function(X, factor=2.0), [2, -4, 6])
    assert len(traces) == 2


def test_traced_once_for_each_signature() -> None:
    function, traces = counted(lambda x, n, mode: (x * n).sum() if mode == "sum" else x * n)
    function(X, 2, "sum")
    function(X * 7, 2, "sum")
    function(np.float32([4, 5, 6]), 2, "sum")
    assert len(traces) == 1
    others = [
        (lamina.ones(4), 2, "sum"),
        (X.to(lamina.float64), 2, "sum"),
        (X, 3, "sum"),
        (X, 2, "all"),
        ([X], 2, "sum"),
    ]
    for count, arguments in enumerate(others[:4], 2):
        function(*arguments)
        function(*arguments)
        assert len(traces) == count


def test_constants_of_other_types_are_other_signatures() -> None:
    function, traces = counted(lambda x, n: x * 10 if n is True else x * n)
    for constant, expected in ((1, 1), (True, 10), (1, 1)):
        np.testing.assert_array_equal(function(X, constant), np.asarray(X) * expected)
    assert len(traces) == 2


def test_floats_are_arguments() -> None:
    function, traces = counted(lambda x, rate: x * rate)
    for rate in (0.5, 0.25, np.float64(0.125), -0.0):
        np.testing.assert_array_equal(function(X, rate), np.asarray(X) * np.float32(rate))
    assert len(traces) <= 2
    for x in (X, X.to(lamina.float64), lamina.tensor([1, 2])):
        check_equal(np.asarray(function(x, 0.1)), np.asarray(x * 0.1))


def test_calls_of_many_kinds_by_turns() -> None:
    """Each call gets what its own arguments give, whichever came before."""

    def function(x: Any, n: Any, rate: Any = 2.0) -> Any:
        return (x * n + rate, x.sum()) if isinstance(n, int) else x * n * rate

    compiled = lamina.compile(function)
    wide, batch = X.to(lamina.float64), lamina.ones(5, 3)
    single = np.float32(0.5)
    calls: list[tuple[Any, ...]] = [
        (X, 2), (X, True), (batch, 2), (X, 2, 0.5), (X, 2, 1e300), (wide, 2, 0.1), (X, 0.25),
        (X, X, float("nan")), (np.asarray(X), 2), (X, 2, lamina.tensor(0.1)), (X, 2, single),
        (X, 2, np.float64(0.1)), (batch[:2], 2), (batch, 0.5, 1e-30),
    ]  # fmt: skip
    order = [0, 1, 0, 2, 3, 4, 3, 5, 6, 7, 8, 0, 9, 3, 10, 11, 3, 12, 2, 13, 6, 5]
    for number in (*order, *order[::-1]):
        got, want = compiled(*calls[number]), lamina.compile(function)(*calls[number])
        assert type(got) is type(want)
        for one, other in zip(leaves(got), leaves(want), strict=True):
            check_equal(np.asarray(one), np.asarray(other))


def test_arrays_of_any_layout() -> None:
    double = lamina.compile(lambda x: x * 2)
    a = np.arange(24, dtype=np.float32).reshape(4, 6)
    unaligned = np.frombuffer(b"\0" + a.tobytes(), np.float32, 24, 1).reshape(4, 6)
    views = [a.T, a[::-1], a[:, ::2], a[::2, ::-3], np.asfortranarray(a), unaligned]
    for view in [*views, np.broadcast_to(np.float32(3), (3, 4))]:
        before = view.copy()
        np.testing.assert_array_equal(double(view), view * 2)
        np.testing.assert_array_equal(view, before)


def test_refused_arguments() -> None:
    identity = lamina.compile(lambda x, *rest: x)
    with pytest.raises(DTypeError, match="complex64"):
        identity(np.zeros(3, np.complex64))
    for constant in (slice(0, 2), {1, 2}):
        with pytest.raises(ArgumentError, match="hashed"):
            identity(X, constant)
    with pytest.raises(TypeError):
        lamina.compile(lambda x: x)(X, X)
    with pytest.raises(LaminaError, match="shapes"):
        lamina.compile(lambda x, y: x + y)(X, lamina.ones(4))
    with pytest.raises(ArgumentError, match=r"loops.*'looops'"):
        identity.show("looops", X)  # type: ignore[arg-type]


# Results -----------------------------------------------------------------------------------------


def test_outputs_that_are_inputs_constants_or_duplicates() -> None:
    fixed = lamina.tensor([5, 6])

    def function(x: Tensor, y: Tensor) -> tuple[Any, ...]:
        z = x + y
        return x, z, x, z, y.reshape(1, 3), fixed, lamina.zeros(2, 2), z.detach()

    check_same(function, X, X * 2)
    results = lamina.compile(function)(X, X * 2)
    memory = [np.asarray(r) for r in results]
    for n, one in enumerate(memory):
        assert not any(np.shares_memory(one, other) for other in [*memory[:n], np.asarray(X)])


def test_results_outlive_later_calls() -> None:
    double = lamina.compile(lambda x: (x * 2, x))
    first = double(X)
    double(X * 100)
    np.testing.assert_array_equal(first[0], [2, -4, 6])
    np.testing.assert_array_equal(first[1], X)


def test_functions_without_inputs_or_outputs() -> None:
    check_same(lambda: lamina.ones(3) * 2)
    assert lamina.compile(lambda x: None)(X) is None
    assert lamina.compile(lambda x: (x.shape, "fixed"))(X) == ((3,), "fixed")


def test_empty_and_scalar_tensors() -> None:
    def function(x: Tensor) -> tuple[Tensor, ...]:
        return x * 2, x.sum(), x.sum(0), x @ x.T, lamina.cat([x, x]), x.reshape(-1), (x > 0)

    for shape in ((0, 3), (3, 0), (0, 0), (1, 1)):
        check_same(function, lamina.ones(*shape))
    check_same(lambda x: (x * x, x.reshape(1, 1), x > 0), lamina.tensor(3.0))


def test_special_values_and_signed_zeros() -> None:
    x = np.float32([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0])

    def function(x: Tensor) -> tuple[Tensor, ...]:
        return x / 0.0, x / -0.0, x + -0.0, x * -0.0, lamina.maximum(x, -x), x.amax(), -x

    got = lamina.compile(function)(x)
    for one, want in zip(got, function(lamina.tensor(x)), strict=True):
        check_equal(np.asarray(one), np.asarray(want))
        signs = [np.copysign(1, np.nan_to_num(np.asarray(v), nan=1.0)) for v in (one, want)]
        check_equal(*signs)


def test_integers_divide_as_in_numpy_and_never_trap() -> None:
    numbers = np.int64([1, 7, -7, -(2**63), 5])
    divisors = np.int64([0, 2, 2, -1, -3])
    got = lamina.compile(lambda a, b: (a // b, a % b))(numbers, divisors)
    with np.errstate(all="ignore"):
        check_equal(np.asarray(got[0]), numbers // divisors)
        check_equal(np.asarray(got[1]), numbers % divisors)


# Layouts: what a batch brings --------------------------------------------------------------------


@pytest.mark.parametrize("batch", [3, 32])
def test_layouts_meet(batch: int) -> None:
    """Constants, reshapes, outputs, sorts and random numbers beside the batch's own layout."""
    rng = np.random.default_rng(0)
    fixed = rng.normal(size=(batch, 3, 4, 4)).astype(np.float32)

    def function(x: Tensor, key: Tensor) -> tuple[Tensor, ...]:
        pooled = F.max_pool2d(x, 2)
        _, along = lamina.jvp(lambda t: F.max_pool2d(t, 2), (lamina.tensor(fixed),), (x,))
        _, pull = lamina.vjp(lambda t: F.max_pool2d(t, 2), lamina.tensor(fixed))
        flat = pooled.reshape(batch * 3, 4)
        noise = lamina.random.uniform(key, (batch, 12))
        return (
            *(pooled, along, pull(pooled)[0], pooled.reshape(-1), flat, flat.T),
            *(noise + pooled.flatten(1), noise.argsort(0), pooled.reshape(12, -1) * 2),
            *(lamina.cat([pooled, x[:, :, :2, :2]], 1), pooled.permute(3, 2, 0, 1) > 0),
            *(F.cross_entropy(flat.reshape(batch, 12), lamina.arange(batch) % 12), pooled.sum(0)),
        )

    check_same(function, fixed * 3 + 1, lamina.random.key(3), scale=10.0)


# Tracing and differentiation ---------------------------------------------------------------------


def test_control_flow_on_values_is_an_error() -> None:
    def branch(x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x

    for function in (branch, lambda x: float(x[0]), lambda x: x.tolist(), lambda x: np.sin(x)):
        with pytest.raises((TraceError, TypeError), match=r"traced|ufunc"):
            lamina.compile(function)(X)
    assert lamina.compile(lambda x: x if x.ndim == 1 else -x)(X).tolist() == X.tolist()


def test_errors_leave_nothing_behind() -> None:
    outcomes = iter([True, False])

    def fails_once(x: Tensor) -> Tensor:
        if next(outcomes):
            raise RuntimeError("first")
        return x * 2

    function = lamina.compile(fails_once)
    with pytest.raises(RuntimeError, match="first"):
        function(X)
    np.testing.assert_array_equal(function(X), [2, -4, 6])


def _cubes(x: Tensor) -> Tensor:
    return (x**3).sum()


def test_derivatives_inside() -> None:
    check_same(lamina.grad(_cubes), X)
    check_same(lamina.value_and_grad(_cubes), X)
    check_same(lamina.grad(lambda x: (lamina.grad(_cubes)(x) ** 2).sum()), X)
    check_same(lambda x: lamina.jvp(lamina.grad(_cubes), (x,), (x * 2,)), X)
    with lamina.no_grad():
        check_same(lamina.grad(_cubes), X)

    def inside_no_grad(x: Tensor) -> Tensor:
        with lamina.no_grad():
            scale = x.sum()
        return lamina.grad(lambda y: (y * y * scale).sum())(x)

    check_same(inside_no_grad, X)


def test_compiled_functions_are_part_of_other_functions() -> None:
    """Differentiated or traced from outside they count as what they compute, never as constants."""
    function = lamina.compile(_cubes)
    check_equal(np.asarray(lamina.grad(function)(X)), np.asarray(lamina.grad(_cubes)(X)))
    twice = lamina.grad(lambda x: lamina.grad(function)(x).sum())
    check_close(np.asarray(twice(X)), 6 * np.asarray(X))
    check_same(lambda x: function(x) * 2, X)
    assert "**" in str(lamina.trace(function, X)) or "^" in str(lamina.trace(function, X))


def test_parameters_are_values() -> None:
    weight = lamina.nn.Parameter(np.float32([1, 2, 3]))
    function = lamina.compile(lambda w: (w * w).sum())
    assert float(function(weight)) == 14.0
    weight.assign(weight.detach() * 2)
    assert float(function(weight)) == 56.0


# A whole training step ---------------------------------------------------------------------------


def _lenet(p: dict[str, Tensor], x: Tensor) -> Tensor:
    x = F.avg_pool2d(lamina.tanh(F.conv2d(x, p["c1"], p["b1"])), 2)
    x = F.avg_pool2d(lamina.tanh(F.conv2d(x, p["c3"], p["b3"])), 2)
    x = lamina.tanh(F.linear(x.flatten(1), p["c5"]))
    return F.linear(lamina.tanh(F.linear(x, p["f6"])), p["out"])


def _adam_step(p: Any, state: Any, x: Tensor, y: Tensor, rate: float, step: Tensor) -> Any:
    """One step of Adam (Kingma and Ba 2015, algorithm 1), as a pure function."""
    loss, g = lamina.value_and_grad(lambda q: F.cross_entropy(_lenet(q, x), y))(p)
    first = {k: 0.9 * state["first"][k] + 0.1 * g[k] for k in p}
    second = {k: 0.999 * state["second"][k] + 0.001 * g[k] ** 2 for k in p}
    low, high = 1 - 0.9**step, 1 - 0.999**step
    new = {k: p[k] - rate * (first[k] / low) / (lamina.sqrt(second[k] / high) + 1e-8) for k in p}
    return loss, new, {"first": first, "second": second}


def test_training_lenet() -> None:
    """Three steps with Adam give the same losses and weights on both engines."""
    rng = np.random.default_rng(3)
    shapes = {"c1": (6, 1, 5, 5), "b1": (6,), "c3": (16, 6, 5, 5), "b3": (16,)}
    shapes |= {"c5": (120, 400), "f6": (84, 120), "out": (10, 84)}
    start = {k: rng.normal(size=s).astype(np.float32) / 8 for k, s in shapes.items()}
    x, y = rng.normal(size=(18, 1, 32, 32)).astype(np.float32), rng.integers(0, 10, 18)
    results = []
    for run in (_adam_step, lamina.compile(_adam_step)):
        p = {k: lamina.tensor(v) for k, v in start.items()}
        state = {name: {k: v * 0 for k, v in p.items()} for name in ("first", "second")}
        for step in range(1, 4):
            given = lamina.tensor(x), lamina.tensor(y), 1e-3, lamina.tensor(float(step))
            loss, p, state = run(p, state, *given)
        results.append([loss, *p.values()])
    for want, got in zip(*results, strict=True):
        np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=1e-3, atol=2e-4)


# Showing -----------------------------------------------------------------------------------------


def test_show() -> None:
    function = lamina.compile(lambda x: lamina.tanh(x * 2).sum(0))
    x = lamina.ones(4, 3)
    shown = {s: function.show(s, x) for s in ("graph", "passes", "loops", "llvm", "asm")}  # type: ignore[arg-type]
    assert "tanh" in shown["graph"] and "return" in shown["graph"]
    assert "# traced" in shown["passes"]
    assert "kernel " in shown["loops"] and "for " in shown["loops"]
    assert "define void @" in shown["llvm"]
    assert "run:" in shown["asm"]
    assert len(function._made) == 1


# Threads, processes, memory ----------------------------------------------------------------------


def test_threads_share_a_compiled_function() -> None:
    """From the first call, which compiles, on: every thread gets its own arguments' results."""
    function = lamina.compile(lambda x, w: lamina.tanh(x @ w) @ w.T)
    rng = np.random.default_rng(1)
    w = rng.normal(size=(40, 30)).astype(np.float32)
    inputs = [rng.normal(size=(n, 40)).astype(np.float32) for n in (17, 17, 17, 5)]
    wanted = [np.tanh(x @ w) @ w.T for x in inputs]
    start = Barrier(len(inputs))

    def work(number: int) -> None:
        start.wait()
        for _ in range(200):
            got = np.asarray(function(inputs[number], w))
            np.testing.assert_allclose(got, wanted[number], rtol=1e-3, atol=1e-3)

    with ThreadPoolExecutor(len(inputs)) as pool:
        list(pool.map(work, range(len(inputs))))


def test_collected_functions_give_their_code_back() -> None:
    """Results of a function that is gone stay, and new code can take its place."""
    kept = []
    for n in range(20):
        function = lamina.compile(lambda x, n=n: x * (n + 1))
        kept.append(function(X))
        (executable, _), *_ = function._made.values()
        gone = weakref.ref(executable)
        del function, executable
        gc.collect()
        assert gone() is None
    for n, result in enumerate(kept):
        np.testing.assert_array_equal(result, np.asarray(X) * (n + 1))


FORKING = """
import os, warnings
import lamina, numpy as np
warnings.simplefilter("ignore", DeprecationWarning)
x = np.float32([1, 2, 3])
f = lamina.compile(lambda x: x @ x)
assert float(f(x)) == 14.0
child = os.fork()
if child == 0:
    again = float(f(x)) == 14.0
    fresh = float(lamina.compile(lambda x: (x * 3).sum())(x)) == 18.0
    os._exit(0 if again and fresh else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert float(f(x)) == 14.0
"""

LEAVING = """
import threading
import lamina, numpy as np
x = np.ones((64, 64), np.float32)
f = lamina.compile(lambda x: x @ x)
f(x)
def run():
    while True:
        f(x)
threading.Thread(target=run, daemon=True).start()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_fork() -> None:
    done = subprocess.run([sys.executable, "-c", FORKING], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_leaving_while_a_thread_computes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEAVING], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
