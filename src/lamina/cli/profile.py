"""``lamina profile``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import numpy as np

from lamina.cli.layers import unknown
from lamina.cli.options import completed, output_options
from lamina.cli.output import emit_json, emit_table
from lamina.nn import models

if TYPE_CHECKING:
    from lamina.compiler.profiling import Line, Profile
    from lamina.train.compiled import CompiledStep

CLASSES = 10


@click.command()
@click.argument("model", **completed(models.names))
@click.option("--batch", type=click.IntRange(min=1), default=64, show_default=True,
              help="Samples in a batch.")  # fmt: skip
@click.option("--inference", is_flag=True, help="Only the forward pass, in evaluation mode.")
@click.option("--rounds", type=click.IntRange(min=1), default=10, show_default=True,
              help="Times that each call is measured; the median counts.")  # fmt: skip
@click.option("--lines", type=click.IntRange(min=1), default=20, show_default=True,
              help="How many of the longest calls to show.")  # fmt: skip
@output_options
def profile(
    model: str, batch: int, inference: bool, rounds: int, lines: int, as_json: bool
) -> None:
    """Show where the time of a compiled step of MODEL goes, kernel by kernel.

    The step is one of training (forward, backward, SGD with momentum) on random data. A kernel's
    GFLOP/s stand beside the most that this machine was seen to do in a product of matrices.
    """
    if model not in models.names():
        raise unknown("model", model, models.names())
    measured = _measured(model, batch, inference, rounds)
    found = sorted(measured, key=lambda x: -x.seconds)
    peak = _peak()
    total = sum(line.seconds for line in found)
    if as_json:
        calls = [_record(x) for x in found]
        arena = measured.arena_bytes
        emit_json({"seconds": total, "peak_gflops": peak, "arena_bytes": arena, "calls": calls})
        return
    title = (
        f"{model}, batch {batch}: {total * 1e3:.3f} ms in {len(found)} calls of kernels, "
        f"{measured.arena_bytes / 2**20:.1f} MiB for what lies between"
    )
    emit_table(COLUMNS, [_row(line, total, peak) for line in found[:lines]], title)


COLUMNS = ("where", "kernel", "ms", "share", "GFLOP/s", "of peak", "GB/s")


def _row(line: Line, total: float, peak: float) -> tuple[str, ...]:
    counted = line.flops > 0
    return (
        line.place,
        line.kernel,
        f"{line.seconds * 1e3:.4f}",
        f"{line.seconds / total:.1%}",
        f"{line.gigaflops:.1f}" if counted else "",
        f"{line.gigaflops / peak:.0%}" if counted else "",
        f"{line.gigabytes:.1f}",
    )


def _record(line: Line) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(line), "gflops": line.gigaflops, "gbytes": line.gigabytes}


def _measured(name: str, batch: int, inference: bool, rounds: int) -> Profile:
    """Run one step whole, then call by call."""
    from lamina import compile, random, tensor

    random.manual_seed(0)
    rng = np.random.default_rng(0)
    shape = (batch, *models.input_shape(name))
    inputs = tensor(rng.normal(size=shape).astype(np.float32))
    if inference:
        return compile(models.create(name).eval()).profile(inputs, rounds=rounds)
    labels = tensor(rng.integers(0, CLASSES, batch))
    return _step(name).profile(inputs, labels, random.key(0), rounds)


def _step(name: str) -> CompiledStep:
    from lamina import optim
    from lamina.train.compiled import CompiledStep
    from lamina.train.objective import Objective, resolve
    from lamina.train.step import TrainingStep

    model = models.create(name)
    optimiser = optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    objective = Objective(resolve("cross_entropy"))
    return CompiledStep(TrainingStep(model, objective, optimiser), outputs=False)


def _peak() -> float:
    """Return the GFLOP/s of a product of matrices that fit the caches, on all threads."""
    from lamina import compile, ones

    square = ones(768, 768)
    lines = compile(lambda a, b: a @ b).profile(square, square, rounds=30)
    return max(line.gigaflops for line in lines)
