"""Writing a program for a machine: convolutions in tiles, samples in blocks."""

from __future__ import annotations

from collections.abc import Collection

from lamina.compiler.batching import Batch, find_batch
from lamina.compiler.blocking import block_batch, samples_together
from lamina.compiler.machines import Machine
from lamina.compiler.padding import pad_weights
from lamina.compiler.winograd.rewriting import use_winograd, use_winograd_in_batches
from lamina.compiler.winograd.sums import sum_beside
from lamina.core.program import Program


def arranged(
    program: Program, machine: Machine, weights: Collection[int], static: Collection[int]
) -> tuple[Program, Batch]:
    """Return a program that computes the same, and its batch.

    ``weights`` are the inputs (by number) that hold no samples, ``static`` those of them that are
    seldom different.
    """
    batch = find_batch(program, machine, weights)
    if not batch.length:
        padded = pad_weights(program, static, machine.lanes(4))
        return use_winograd(padded, static), batch
    samples, lanes = samples_together(batch, machine), machine.lanes(4)
    tiled = use_winograd_in_batches(program, batch, samples, lanes)
    if tiled is not program:
        program = sum_beside(tiled, samples)
        batch = find_batch(program, machine, weights)
    return block_batch(program, batch, machine)
