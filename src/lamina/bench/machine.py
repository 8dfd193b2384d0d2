"""The machine that the benchmark runs on, in words and in two measured numbers."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lamina.bench.process import THREAD_SETTINGS
from lamina.compiler import llvm

CPUINFO = Path("/proc/cpuinfo")
GIGA = 1e9

# The best of several products of matrices that fit the second cache.
PRODUCT = """
import numpy as np
from time import perf_counter
n = 768
a = np.ones((n, n), np.float32)
out = np.empty_like(a)
best = 0.0
for _ in range(60):
    start = perf_counter()
    np.matmul(a, a, out=out)
    best = max(best, 2 * n**3 / (perf_counter() - start))
print(best)
"""

# Bytes read and written in copying an array that fits no cache; NumPy copies without Python's lock.
COPY = """
import sys
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
import numpy as np
threads, length = int(sys.argv[1]), 2**25
pairs = [(np.zeros(length, np.float32), np.ones(length, np.float32)) for _ in range(threads)]
best = 0.0
with ThreadPoolExecutor(threads) as pool:
    for _ in range(8):
        start = perf_counter()
        list(pool.map(lambda pair: np.copyto(*pair), pairs))
        best = max(best, threads * 8 * length / (perf_counter() - start))
print(best)
"""


@dataclass(frozen=True)
class MachineDescription:
    """A processor and what it was seen to reach, by number of threads."""

    processor: str
    cores: int
    instructions: str
    system: str
    python: str
    gigaflops: dict[int, float]
    bandwidth: dict[int, float]


def describe(threads: tuple[int, ...]) -> MachineDescription:
    """Describe this machine; the two measurements take some seconds."""
    return MachineDescription(
        processor=_processor(),
        cores=usable_cores(),
        instructions=llvm.machine().name,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        gigaflops={count: _measured(PRODUCT, count) for count in threads},
        bandwidth={count: _measured(COPY, count) for count in threads},
    )


def usable_cores() -> int:
    """Return the number of processors that this process may run on.

    >>> usable_cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    if CPUINFO.exists():
        for line in CPUINFO.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _measured(program: str, threads: int) -> float:
    """Run a measurement in a process with so many threads; its result is in units of 10⁹."""
    settings = {**os.environ, **dict.fromkeys(THREAD_SETTINGS, str(threads))}
    command = [sys.executable, "-c", program, str(threads)]
    run = subprocess.run(command, env=settings, capture_output=True, text=True, check=True)
    return float(run.stdout) / GIGA
