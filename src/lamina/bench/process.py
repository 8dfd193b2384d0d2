"""A worker as its parent sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from types import TracebackType
from typing import Any, Self

from lamina.bench.contenders import Contender
from lamina.core.errors import LaminaError

PATIENCE = 900.0  # seconds; compiling a network can take minutes
THREAD_SETTINGS = (
    "LAMINA_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)


class WorkerError(LaminaError, RuntimeError):
    """A contender cannot be started, failed, or did not answer in time."""


class WorkerProcess:
    """A contender at work in a process of its own; a context manager that ends it."""

    def __init__(
        self,
        contender: Contender,
        folder: Path,
        threads: int,
        settings: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.contender, self.patience = contender, patience
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        program = [sys.executable, "-m", "lamina.bench.worker"]
        self._process = subprocess.Popen(
            [*program, contender.module, contender.variant, str(folder), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment(contender, threads, settings or {}),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def wait_until_ready(self) -> None:
        """Wait for the framework to be imported and the network to be built."""
        self._answer()

    def ask(self, do: str, **details: Any) -> dict[str, Any]:
        """Give a command and return the answer (see `lamina.bench.worker`)."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **details}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._failure("ended") from error
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        pipe = self._process.stdout
        assert pipe is not None
        with DefaultSelector() as selector:
            selector.register(pipe, EVENT_READ)
            if not selector.select(self.patience):
                raise WorkerError(f"no answer in {self.patience:.0f} s")
        line = pipe.readline()
        if not line:
            raise self._failure("ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def _failure(self, what: str) -> WorkerError:
        """Return the error for a process that is gone, with the last line that it wrote."""
        code = self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return WorkerError(f"{what} with exit code {code}: {lines[-1] if lines else 'no message'}")


def environment(contender: Contender, threads: int, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a contender is started with."""
    numbers = dict.fromkeys(THREAD_SETTINGS, str(threads))
    return {**os.environ, **numbers, **contender.settings, **settings}
