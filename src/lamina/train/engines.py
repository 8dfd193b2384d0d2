"""The two ways to compute: native code, and NumPy, operation by operation."""

from __future__ import annotations

from lamina.core.errors import ArgumentError
from lamina.train.compiled import CompiledStep
from lamina.train.dynamic import DynamicStep
from lamina.train.step import Runner, TrainingStep

ENGINES = ("compiled", "dynamic")


def check_engine(owner: str, engine: str) -> None:
    """Raise `ArgumentError` unless there is such an engine."""
    if engine not in ENGINES:
        raise ArgumentError(f"{owner}: engine must be one of {', '.join(ENGINES)}, got {engine!r}")


def runner(step: TrainingStep, engine: str) -> Runner:
    """Return what runs a training step."""
    return CompiledStep(step, guarded=True) if engine == "compiled" else DynamicStep(step)
