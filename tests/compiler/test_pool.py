"""The pool of native threads: every chunk once, whoever does it and whatever else goes on."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import lamina
from lamina.compiler import llvm, pool
from lamina.compiler.memory import address
from lamina.core.errors import ArgumentError
from lamina.core.types import Array

COUNT = """
define void @run(ptr %pointers, i64 %chunk) {
entry:
  %counts = load ptr, ptr %pointers
  %turns.at = getelementptr ptr, ptr %pointers, i64 1
  %turns = load i64, ptr %turns.at
  br label %head
head:
  %turn = phi i64 [ 0, %entry ], [ %next, %head ]
  %next = add i64 %turn, 1
  call void asm sideeffect "", ""()
  %more = icmp slt i64 %next, %turns
  br i1 %more, label %head, label %done
done:
  %at = getelementptr i64, ptr %counts, i64 %chunk
  %old = load i64, ptr %at
  %new = add i64 %old, 1
  store i64 %new, ptr %at
  ret void
}
@calls = constant [1 x ptr] [ptr @run]
"""
"""A task that works for some turns and then adds 1 to its chunk's own count."""

Submit = Callable[[int, int, int], None]
needs_threads = pytest.mark.skipif(not pool.is_supported(), reason="no worker threads here")


@pytest.fixture(scope="module")
def task() -> Iterator[int]:
    module = llvm.NativeModule(llvm.object_code(COUNT))
    yield ctypes.cast(module.run, ctypes.c_void_p).value or 0


@pytest.fixture(params=[1, 2, 5])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = pool.get_num_threads()
    pool.set_num_threads(request.param)
    yield request.param
    pool.set_num_threads(before)


def submit() -> Submit:
    """Return the pool's function; ctypes lets other Python threads run meanwhile."""
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    return kind(pool.submit_address())


def counted(task: int, chunks: int, turns: int = 1, times: int = 1) -> Array:
    """Return how often each chunk was done."""
    counts = np.zeros(max(chunks, 1), np.int64)
    pointers = np.array([address(counts), turns], np.int64)
    share = submit()
    for _ in range(times):
        share(task, address(pointers), chunks)
    return counts[:chunks]


def test_every_chunk_is_done_once(task: int, threads: int) -> None:
    rng = np.random.default_rng(threads)
    for chunks in (0, 1, 2, 3, 31, 32, 33, 32767, 32768, *rng.integers(1, 60, 3000)):
        np.testing.assert_array_equal(counted(task, int(chunks)), 1)


def test_long_chunks(task: int, threads: int) -> None:
    np.testing.assert_array_equal(counted(task, 24, turns=20_000, times=200), 200)


def test_several_python_threads_at_once(task: int, threads: int) -> None:
    found: list[Array] = []

    def run() -> None:
        found.append(counted(task, 16, turns=300, times=2000))

    running = [threading.Thread(target=run) for _ in range(4)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    assert len(found) == 4
    for counts in found:
        np.testing.assert_array_equal(counts, 2000)


@needs_threads
def test_idle_workers_sleep(task: int) -> None:
    before = pool.get_num_threads()
    pool.set_num_threads(4)
    counted(task, 8, turns=1000)
    time.sleep(0.05)
    start = time.process_time()
    time.sleep(0.5)
    used = time.process_time() - start
    pool.set_num_threads(before)
    assert used < 0.25  # three spinning workers would use 1.5 s


RUN = """
import os, signal, sys, threading
import numpy as np
import lamina
f = lamina.compile(lambda x: lamina.tanh(x @ x).sum(0))
x = np.random.default_rng(0).normal(size=(512, 512)).astype("float32")
want = f(x).numpy().copy()
def same():
    return np.array_equal(f(x).numpy(), want)
"""


def run(code: str, threads: int = 3) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, with so many threads."""
    environment = {**os.environ, pool.SETTING: str(threads)}
    command = [sys.executable, "-c", RUN + code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def check(code: str) -> None:
    done = run(code)
    assert done.returncode == 0, done.stderr


def test_results_are_the_same_bits_with_any_number_of_threads() -> None:
    code = "import hashlib; print(hashlib.sha256(want.tobytes()).hexdigest())"
    digests = {run(code, threads).stdout for threads in (1, 2, 3, 7)}
    assert len(digests) == 1


def test_exit_with_workers() -> None:
    check("")


def test_exit_while_a_thread_computes() -> None:
    check("threading.Thread(target=lambda: [f(x) for _ in range(200)], daemon=True).start(); f(x)")


FORKS = """
for turn in range(20):
    child = os.fork()
    if not child:
        os._exit(0 if all(same() for _ in range(5)) else 1)
    assert os.waitpid(child, 0)[1] == 0 and same()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork() -> None:
    check(FORKS)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork_while_another_thread_computes() -> None:
    busy = """
import warnings
warnings.simplefilter("ignore")  # forking with threads is what is tried here
stop = []
other = threading.Thread(target=lambda: [f(x) for _ in iter(lambda: bool(stop), True)])
other.start()
"""
    check(busy + FORKS + "stop.append(1); other.join(); assert same()")


def test_spawn() -> None:
    done = run("assert same()")
    assert done.returncode == 0, done.stderr


@needs_threads
def test_workers_take_no_signals() -> None:
    check("""
seen = []
signal.signal(signal.SIGUSR1, lambda *_: seen.append(threading.current_thread()))
for _ in range(50):
    os.kill(os.getpid(), signal.SIGUSR1)
    assert same()
assert len(seen) >= 1 and set(seen) == {threading.main_thread()}
""")


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "", "100000"])
def test_a_wrong_setting_is_an_error(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(pool.SETTING, value)
    with pytest.raises(ArgumentError, match="LAMINA_THREADS: expected a whole number from 1"):
        pool.from_environment()
    with pytest.raises(ArgumentError, match="set_num_threads: expected"):
        lamina.set_num_threads(value)  # type: ignore[arg-type]


def test_the_setting_is_followed() -> None:
    assert run("print(lamina.get_num_threads())", 5).stdout == "5\n"


def test_systems_without_a_futex_do_chunks_in_order(
    task: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_pool", lambda: None)
    np.testing.assert_array_equal(counted(task, 9), 1)
