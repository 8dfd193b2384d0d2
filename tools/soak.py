"""A soak: compiled training steps of changing batch sizes from several Python threads at once.

    python tools/soak.py --minutes 60

Every thread trains a network of its own, over and over from the same start, and all call one
shared compiled function between runs. At the end of a run of steps the weights must be the
reference's (the dynamic engine from the same start, to rounding) and the very bits of the thread's
first run. Memory, threads and open files are sampled; once every thread has finished some runs,
they must stay where they are.
"""

from __future__ import annotations

import argparse
import resource
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import lamina
from lamina import nn, optim
from lamina.random import fold_in, key
from lamina.train.compiled import CompiledStep
from lamina.train.objective import Objective, resolve
from lamina.train.step import TrainingStep

SIZES = (32, 1, 7, 64, 17, 33, 16, 48, 3, 32)
"""Batch sizes of a run's steps."""

WARM_UP = 5
"""Runs of every thread after which memory must have reached its size."""

LONGEST_WARM_UP = 600
"""Seconds after which a warm-up has failed."""

ALLOWED_MIB = 8.0
Step = Callable[[lamina.Tensor, lamina.Tensor, lamina.Tensor], object]


def network(seed: int) -> nn.Module:
    lamina.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(2, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),  # in tiles
        nn.Conv2d(16, 9, 3, padding=1), nn.Tanh(),
        nn.Conv2d(9, 16, 3, stride=2, padding=1), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Dropout(0.1), nn.Linear(64, 10),
    )  # fmt: skip


def training(seed: int) -> TrainingStep:
    model = network(seed)
    optimiser = optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    return TrainingStep(model, Objective(resolve("cross_entropy")), optimiser)


def run_of_steps(step: Step, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for number, size in enumerate(SIZES):
        images = lamina.tensor(rng.normal(size=(size, 2, 8, 8)).astype(np.float32))
        labels = lamina.tensor(rng.integers(0, 10, size))
        step(images, labels, fold_in(key(seed), number))


def values(step: TrainingStep) -> list[np.ndarray]:
    return [np.array(handle) for handle in (*step.model.parameters(), *step.model.buffers())]


@dataclass
class Worker:
    """One thread's training, and what it must come to."""

    seed: int
    shared: Callable[[lamina.Tensor], lamina.Tensor]
    stop: threading.Event
    runs: int = 0
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        reference = training(self.seed)
        run_of_steps(reference, self.seed)
        self.wanted = values(reference)
        self.step = training(self.seed)
        self.start = {n: np.array(v) for n, v in self.step.model.state_dict().items()}
        self.native = CompiledStep(self.step)
        self.first: list[np.ndarray] | None = None

    def work(self) -> None:
        try:
            while not self.stop.is_set():
                self._one_run()
        except Exception as error:  # a thread's error must end the soak
            self.errors.append(f"thread {self.seed}: {error!r}")
            self.stop.set()

    def _one_run(self) -> None:
        self.step.model.load_state_dict(self.start)
        for slots in self.step.optimiser.state.values():
            for name, value in slots.items():
                if isinstance(value, lamina.Tensor):
                    slots[name] = lamina.zeros(*value.shape)
        run_of_steps(self.native, self.seed)
        self._check(values(self.step))
        x = lamina.tensor(np.full((24, 24), self.seed + 1.0, np.float32))
        if not np.array_equal(self.shared(x), np.full((24, 24), 24 * (self.seed + 1.0) ** 2)):
            raise AssertionError("the shared function gave a wrong result")
        self.runs += 1

    def _check(self, found: list[np.ndarray]) -> None:
        if self.first is None:
            self.first = found
        for got, bits, want in zip(found, self.first, self.wanted, strict=True):
            np.testing.assert_array_equal(got, bits, "other bits than in the first run")
            np.testing.assert_allclose(got, want, rtol=2e-3, atol=2e-4)


@dataclass(frozen=True)
class Sample:
    """What the process holds."""

    mebibytes: float
    threads: int
    files: int


def sample() -> Sample:
    status = Path("/proc/self/status")
    if not status.exists():
        return Sample(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 0, 0)
    fields = dict(line.split(":", 1) for line in status.read_text("utf-8").splitlines())
    resident = float(fields["VmRSS"].split()[0]) / 1024
    return Sample(resident, int(fields["Threads"]), len(list(Path("/proc/self/fd").iterdir())))


def soak(minutes: float, threads: int) -> int:
    stop = threading.Event()
    shared = lamina.compile(lambda x: x @ x)
    workers = [Worker(seed, shared, stop) for seed in range(threads)]
    running = [threading.Thread(target=worker.work, daemon=True) for worker in workers]
    for thread in running:
        thread.start()
    samples = watched(minutes * 60, stop, workers)
    stop.set()
    for thread in running:
        thread.join()
    return report(samples, workers)


def watched(seconds: float, stop: threading.Event, workers: list[Worker]) -> list[Sample]:
    """Wait for the warm-up, then sample for so many seconds."""
    deadline = time.monotonic() + LONGEST_WARM_UP
    while any(worker.runs < WARM_UP for worker in workers):
        if stop.wait(0.1) or time.monotonic() > deadline:
            return []
    samples: list[Sample] = []
    due = time.monotonic()
    end = due + seconds
    while time.monotonic() < end and not stop.wait(min(seconds / 60, 30)):
        samples.append(sample())
        if time.monotonic() > due:
            print(f"{samples[-1]}, runs {[w.runs for w in workers]}", flush=True)
            due += seconds / 10
    return samples


def report(settled: list[Sample], workers: list[Worker]) -> int:
    errors = [error for worker in workers for error in worker.errors]
    if not settled:
        print("\n".join(["error: the warm-up did not end", *errors]), file=sys.stderr)
        return 1
    growth = max(s.mebibytes for s in settled) - settled[0].mebibytes
    if growth > ALLOWED_MIB:
        errors.append(f"memory grew by {growth:.1f} MiB")
    if len({s.threads for s in settled}) > 1 or len({s.files for s in settled}) > 1:
        errors.append("threads or open files changed")
    steps = sum(worker.runs for worker in workers) * len(SIZES)
    print(f"{steps} steps in {len(workers)} threads, memory {settled[0].mebibytes:.1f} MiB "
          f"+ {growth:.1f}, {len(errors)} errors")  # fmt: skip
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    return int(bool(errors))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    sys.exit(soak(options.minutes, options.threads))
