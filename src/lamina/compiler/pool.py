"""Worker threads that do a kernel's chunks: parked natively, claimed one by one, never waited for.

A program's kernels come one after another, each divided into chunks with fixed borders. The thread
that calls the program *submits* each kernel: it publishes a **ticket**, one 64-bit word that holds
the phase's number, how many chunks there are, and how many are claimed from the front and from the
back. Everybody claims chunks by one atomic addition to that word, which tells the phase that the
claim is of too: a worker that was not running meanwhile claims from whatever phase is going on. The
submitter goes on when as many chunks are *finished* as there are: a worker that has claimed
nothing is never waited for, however late it is.

The submitter claims from the front and workers from the back, so that a thread finds in its own
cache much of what it wrote in the phase or the step before.

Workers without work spin for a while (the next kernel of a step follows in microseconds) and then
sleep in a futex; a submitter makes the system call that wakes them only if somebody sleeps. One
program at a time has the workers: a second Python thread that submits meanwhile does its chunks
itself, as does the child of a fork before workers of its own are made, and any system without
Linux's futex. Which thread computes what makes no difference to the results.

Threads are made when they are first needed, with all signals blocked, and leave when Python exits.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import platform
import sys
from functools import cache
from typing import Any

from lamina.compiler import llvm
from lamina.compiler.cache import kept
from lamina.compiler.machines import ALIASES
from lamina.core.errors import ArgumentError

SETTING = "LAMINA_THREADS"
MOST_THREADS = 256
FUTEX = {"x86_64": 202, "aarch64": 98}
"""The number of the system call on each architecture."""

PAUSE = {"x86_64": "llvm.x86.sse2.pause()", "aarch64": "llvm.aarch64.hint(i32 1)"}
SPINS = 2000
"""Pauses before a worker sleeps: about 50 µs, several kernels' length and a step's Python."""

YIELD_AFTER = 4000
"""Pauses before a submitter lets others run while the last chunks are being finished."""

_TEXT = """
%block = type {{ i64, [56 x i8] }}
@ticket = internal global %block zeroinitializer, align 64
@done = internal global %block zeroinitializer, align 64
@word = internal global %block zeroinitializer, align 64
@sleepers = internal global %block zeroinitializer, align 64
@busy = internal global %block zeroinitializer, align 64
@task = internal global ptr null
@pointers = internal global ptr null
@wanted = internal global i64 0
@started = internal global i64 0
@leave = internal global i64 0

declare i64 @syscall(i64, ...)
declare i32 @sched_yield()
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_attr_init(ptr)
declare i32 @pthread_attr_setdetachstate(ptr, i32)
declare i32 @pthread_attr_destroy(ptr)
declare i32 @sigfillset(ptr)
declare i32 @pthread_sigmask(i32, ptr, ptr)
{pause_declaration}

; Do every chunk that can be claimed, from the front (step 2^16) or the back (step 1).
define internal i64 @work(i64 %step) {{
entry:
  br label %look
look:
  %count = phi i64 [ 0, %entry ], [ %more, %claimed ]
  %seen = load atomic i64, ptr @ticket seq_cst, align 64
  %seen.open = call i1 @is_open(i64 %seen)
  br i1 %seen.open, label %claim, label %none
claim:
  %mine = atomicrmw add ptr @ticket, i64 %step seq_cst
  %mine.open = call i1 @is_open(i64 %mine)
  br i1 %mine.open, label %claimed, label %none
claimed:
  %task = load atomic ptr, ptr @task monotonic, align 8
  %pointers = load atomic ptr, ptr @pointers monotonic, align 8
  %chunk = call i64 @chunk(i64 %mine, i64 %step)
  call void %task(ptr %pointers, i64 %chunk)
  atomicrmw add ptr @done, i64 1 release
  %more = add i64 %count, 1
  br label %look
none:
  ret i64 %count
}}

; Whether fewer chunks are claimed from both ends than there are.
define internal i1 @is_open(i64 %ticket) alwaysinline {{
  %back = and i64 %ticket, {low}
  %front.high = lshr i64 %ticket, {bits}
  %front = and i64 %front.high, {low}
  %chunks.high = lshr i64 %ticket, {twice}
  %chunks = and i64 %chunks.high, {low}
  %claimed = add i64 %front, %back
  %open = icmp ult i64 %claimed, %chunks
  ret i1 %open
}}

; Which chunk a claim is.
define internal i64 @chunk(i64 %ticket, i64 %step) alwaysinline {{
  %back = and i64 %ticket, {low}
  %front.high = lshr i64 %ticket, {bits}
  %front = and i64 %front.high, {low}
  %chunks.high = lshr i64 %ticket, {twice}
  %chunks = and i64 %chunks.high, {low}
  %last = sub i64 %chunks, 1
  %from.back = sub i64 %last, %back
  %is.back = icmp eq i64 %step, 1
  %chunk = select i1 %is.back, i64 %from.back, i64 %front
  ret i64 %chunk
}}

define internal ptr @worker(ptr %unused) {{
entry:
  br label %again
again:
  %left = load atomic i64, ptr @leave monotonic, align 8
  %leaves = icmp ne i64 %left, 0
  br i1 %leaves, label %end, label %turn
turn:
  %did = call i64 @work(i64 1)
  %busy = icmp ne i64 %did, 0
  br i1 %busy, label %again, label %spin
spin:
  %spins = phi i64 [ 0, %turn ], [ %spins.next, %pause ]
  %seen = load atomic i64, ptr @ticket monotonic, align 64
  %open = call i1 @is_open(i64 %seen)
  br i1 %open, label %again, label %pause
pause:
  {pause}
  %spins.next = add i64 %spins, 1
  %on = icmp ult i64 %spins.next, {spins}
  br i1 %on, label %spin, label %sleep
sleep:
  %word = load atomic i32, ptr @word seq_cst, align 64
  atomicrmw add ptr @sleepers, i64 1 seq_cst
  %last = load atomic i64, ptr @ticket seq_cst, align 64
  %last.open = call i1 @is_open(i64 %last)
  %last.left = load atomic i64, ptr @leave seq_cst, align 8
  %last.leaves = icmp ne i64 %last.left, 0
  %awake = or i1 %last.open, %last.leaves
  br i1 %awake, label %woken, label %wait
wait:
  call i64 (i64, ...) @syscall(i64 {futex}, ptr @word, i64 {futex_wait}, i32 %word, ptr null)
  br label %woken
woken:
  atomicrmw sub ptr @sleepers, i64 1 seq_cst
  br label %again
end:
  atomicrmw sub ptr @started, i64 1 seq_cst
  ret ptr null
}}

; Wake all workers that sleep.
define internal void @wake() {{
  atomicrmw add ptr @word, i32 1 seq_cst
  call i64 (i64, ...) @syscall(i64 {futex}, ptr @word, i64 {futex_wake}, i64 {most})
  ret void
}}

; Make the threads that are wanted beside the submitter's; none of them takes signals.
define internal void @start() noinline {{
entry:
  %attributes = alloca [128 x i8], align 16
  %all = alloca [128 x i8], align 16
  %old = alloca [128 x i8], align 16
  %thread = alloca i64
  call i32 @sigfillset(ptr %all)
  call i32 @pthread_sigmask(i32 2, ptr %all, ptr %old)
  call i32 @pthread_attr_init(ptr %attributes)
  call i32 @pthread_attr_setdetachstate(ptr %attributes, i32 1)
  br label %head
head:
  %wanted = load atomic i64, ptr @wanted monotonic, align 8
  %started = load atomic i64, ptr @started monotonic, align 8
  %more = icmp slt i64 %started, %wanted
  br i1 %more, label %make, label %done
make:
  %failed = call i32 @pthread_create(ptr %thread, ptr %attributes, ptr @worker, ptr null)
  %ok = icmp eq i32 %failed, 0
  br i1 %ok, label %made, label %short
made:
  atomicrmw add ptr @started, i64 1 seq_cst
  br label %head
short:
  store atomic i64 %started, ptr @wanted monotonic, align 8
  br label %done
done:
  call i32 @pthread_attr_destroy(ptr %attributes)
  call i32 @pthread_sigmask(i32 2, ptr %old, ptr null)
  ret void
}}

define void @run(ptr %task, ptr %pointers, i64 %chunks) {{
entry:
  %wanted = load atomic i64, ptr @wanted monotonic, align 8
  %alone = icmp eq i64 %wanted, 0
  %many = icmp ugt i64 %chunks, {most_chunks}
  %self = or i1 %alone, %many
  br i1 %self, label %serial, label %take
take:
  %taken = cmpxchg ptr @busy, i64 0, i64 1 seq_cst seq_cst
  %free = extractvalue {{ i64, i1 }} %taken, 1
  br i1 %free, label %check, label %serial
check:
  %started = load atomic i64, ptr @started monotonic, align 8
  %lacking = icmp slt i64 %started, %wanted
  br i1 %lacking, label %create, label %publish
create:
  call void @start()
  br label %publish
publish:
  store atomic ptr %task, ptr @task monotonic, align 8
  store atomic ptr %pointers, ptr @pointers monotonic, align 8
  store atomic i64 0, ptr @done monotonic, align 64
  %old = load atomic i64, ptr @ticket monotonic, align 64
  %phase = lshr i64 %old, {thrice}
  %phase.next = add i64 %phase, 1
  %high = shl i64 %phase.next, {thrice}
  %middle = shl i64 %chunks, {twice}
  %new = or i64 %high, %middle
  store atomic i64 %new, ptr @ticket seq_cst, align 64
  %sleeping = load atomic i64, ptr @sleepers seq_cst, align 64
  %asleep = icmp ne i64 %sleeping, 0
  br i1 %asleep, label %rouse, label %help
rouse:
  call void @wake()
  br label %help
help:
  call i64 @work(i64 {front})
  br label %wait
wait:
  %spins = phi i64 [ 0, %help ], [ %spins.next, %waited ]
  %done = load atomic i64, ptr @done acquire, align 64
  %all = icmp eq i64 %done, %chunks
  br i1 %all, label %release, label %idle
idle:
  {pause}
  %spins.next = add i64 %spins, 1
  %long = icmp ugt i64 %spins.next, {yield_after}
  br i1 %long, label %give, label %waited
give:
  call i32 @sched_yield()
  br label %waited
waited:
  br label %wait
release:
  store atomic i64 0, ptr @busy release, align 64
  ret void
serial:
  br label %head
head:
  %chunk = phi i64 [ 0, %serial ], [ %chunk.next, %body ]
  %more = icmp slt i64 %chunk, %chunks
  br i1 %more, label %body, label %end
body:
  call void %task(ptr %pointers, i64 %chunk)
  %chunk.next = add i64 %chunk, 1
  br label %head
end:
  ret void
}}

; How many threads there shall be beside the submitter's.
define void @set_wanted(i64 %wanted) {{
  store atomic i64 %wanted, ptr @wanted seq_cst, align 8
  ret void
}}

; Send all workers away.
define void @dismiss() {{
  store atomic i64 0, ptr @wanted seq_cst, align 8
  store atomic i64 1, ptr @leave seq_cst, align 8
  call void @wake()
  ret void
}}

define void @welcome() {{
  store atomic i64 0, ptr @leave seq_cst, align 8
  ret void
}}

define i64 @count() {{
  %started = load atomic i64, ptr @started seq_cst, align 8
  ret i64 %started
}}

; After a fork: there are no workers, and no phase is going on.
define void @forget() {{
  store atomic i64 0, ptr @started seq_cst, align 8
  store atomic i64 0, ptr @sleepers seq_cst, align 64
  store atomic i64 0, ptr @ticket seq_cst, align 64
  store atomic i64 0, ptr @busy seq_cst, align 64
  ret void
}}
@calls = constant [5 x ptr] [ptr @set_wanted, ptr @dismiss, ptr @welcome, ptr @count, ptr @forget]
"""

_BITS = 16
"""Of the number of chunks, and of the claims from each end."""
_WAIT_PRIVATE, _WAKE_PRIVATE = 128, 129


def text(architecture: str) -> str:
    """Return the pool in LLVM's language for Linux on an architecture."""
    pause = PAUSE[architecture]
    name, argument = pause.rstrip(")").split("(")
    kind = "i32" if argument else ""
    return _TEXT.format(
        bits=_BITS,
        twice=2 * _BITS,
        thrice=3 * _BITS,
        front=1 << _BITS,
        low=(1 << _BITS) - 1,
        most_chunks=(1 << (_BITS - 1)) - 1,
        most=MOST_THREADS,
        futex=FUTEX[architecture],
        futex_wait=_WAIT_PRIVATE,
        futex_wake=_WAKE_PRIVATE,
        spins=SPINS,
        yield_after=YIELD_AFTER,
        pause=f"call void @{name}({argument})",
        pause_declaration=f"declare void @{name}({kind})",
    )


class _Pool:
    """The pool's native functions."""

    def __init__(self) -> None:
        written = text(_architecture())
        code = kept((*llvm.identity(), written), lambda: llvm.object_code(written))
        self.module = llvm.NativeModule(code)
        addresses = ctypes.cast(self.module.calls, ctypes.POINTER(ctypes.c_void_p))
        wanted, *others = (addresses[n] or 0 for n in range(5))
        self.set_wanted = ctypes.CFUNCTYPE(None, ctypes.c_int64)(wanted)
        self.dismiss, self.welcome, count, self.forget = (
            ctypes.CFUNCTYPE(None)(address) for address in others
        )
        self.count = ctypes.CFUNCTYPE(ctypes.c_int64)(
            ctypes.cast(count, ctypes.c_void_p).value or 0
        )
        self.submit = ctypes.cast(self.module.run, ctypes.c_void_p).value or 0


def _architecture() -> str:
    name = platform.machine().lower()
    return ALIASES.get(name, name)


def is_supported() -> bool:
    """Return whether there can be worker threads here: on Linux, for known architectures."""
    return sys.platform == "linux" and _architecture() in FUTEX


@cache
def _pool() -> _Pool | None:
    if not is_supported():
        return None
    pool = _Pool()
    # Workers run the pool's code until the process ends: it must never be taken away.
    for kept_for_ever in (pool, llvm.jit()):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept_for_ever))
    os.register_at_fork(after_in_child=pool.forget)
    atexit.register(pool.dismiss)
    pool.set_wanted(_threads() - 1)
    return pool


_chosen: list[int] = []


def _threads() -> int:
    return _chosen[-1] if _chosen else from_environment()


def from_environment() -> int:
    """Return how many threads ``LAMINA_THREADS`` asks for, or as many as there are processors.

    Raises `ArgumentError` if it is no whole number from 1 on.
    """
    setting = os.environ.get(SETTING)
    if setting is None:
        return usable()
    return _checked(setting, SETTING)


def usable() -> int:
    """Return how many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), MOST_THREADS)
    return min(os.cpu_count() or 1, MOST_THREADS)


def _checked(value: Any, name: str) -> int:
    text = str(value).strip()
    if not text.isdigit() or not 1 <= int(text) <= MOST_THREADS:
        raise ArgumentError(
            f"{name}: expected a whole number from 1 to {MOST_THREADS}, got {value!r}"
        )
    return int(text)


def get_num_threads() -> int:
    """Return how many threads compiled code runs on, the calling one included.

    >>> import lamina
    >>> lamina.get_num_threads() >= 1
    True
    """
    return _threads()


def set_num_threads(number: int) -> None:
    """Let compiled code run on that many threads, the calling one included.

    The default is ``LAMINA_THREADS``, or as many as there are processors to run on. Results
    do not depend on it. Errors: `ArgumentError` unless it is a whole number from 1 on.

    >>> import lamina
    >>> before = lamina.get_num_threads()
    >>> lamina.set_num_threads(1)
    >>> lamina.get_num_threads()
    1
    >>> lamina.set_num_threads(before)
    """
    _chosen[:] = [_checked(number, "set_num_threads")]
    pool = _pool()
    if pool is not None:
        pool.set_wanted(_chosen[0] - 1)


def submit_address() -> int:
    """Return the address of ``submit(task, pointers, chunks)``, which does all chunks."""
    pool = _pool()
    return llvm.serial_submit() if pool is None else pool.submit
