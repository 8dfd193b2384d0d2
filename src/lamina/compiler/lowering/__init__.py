"""From operations to loops: a function for each kind of operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lamina.compiler.ir import Buffer, Statement
from lamina.compiler.lowering.contraction import lower_contraction
from lamina.compiler.lowering.gather import lower_gather, lower_scatter_add
from lamina.compiler.lowering.pointwise import lower_cast, lower_pointwise
from lamina.compiler.lowering.random import lower_fold_in, lower_random_bits
from lamina.compiler.lowering.sort import lower_argsort
from lamina.compiler.lowering.structure import lower_concatenate, lower_copy
from lamina.compiler.lowering.window import (
    lower_argmax,
    lower_maximum,
    lower_select,
    lower_spread,
)
from lamina.compiler.lowering.winograd import (
    lower_factors,
    lower_joined,
    lower_row_sums,
    lower_tiled,
)
from lamina.compiler.lowering.winograd_batch import lower_convolved
from lamina.compiler.lowering.winograd_gradient import lower_correlated, lower_filter_gradient
from lamina.compiler.machines import Machine
from lamina.compiler.winograd.gradients import Correlated, FilterGradient
from lamina.compiler.winograd.operations import Convolved, Factors, Joined, RowSums, Tiled
from lamina.core.node import Operation
from lamina.ops.contraction import Contraction
from lamina.ops.gather import Gather, ScatterAdd
from lamina.ops.pointwise import Cast, Pointwise
from lamina.ops.random import FoldIn, RandomBits
from lamina.ops.structure import Alias, ArgSort, Concatenate, Detach, Reshape
from lamina.ops.window import WindowArgMax, WindowMax, WindowSelect, WindowSpread

Body = tuple[Statement, ...]
Lowering = Callable[[Any, Buffer, Sequence[Buffer], Machine], tuple[Body, int]]

LOWERINGS: dict[type[Operation], Lowering] = {
    Contraction: lower_contraction,
    Pointwise: lower_pointwise,
    Cast: lower_cast,
    WindowMax: lower_maximum,
    WindowArgMax: lower_argmax,
    WindowSelect: lower_select,
    WindowSpread: lower_spread,
    Gather: lower_gather,
    ScatterAdd: lower_scatter_add,
    Alias: lower_copy,
    Detach: lower_copy,
    Reshape: lower_copy,
    Concatenate: lower_concatenate,
    ArgSort: lower_argsort,
    RandomBits: lower_random_bits,
    FoldIn: lower_fold_in,
    Factors: lower_factors,
    Tiled: lower_tiled,
    Joined: lower_joined,
    RowSums: lower_row_sums,
    Convolved: lower_convolved,
    Correlated: lower_correlated,
    FilterGradient: lower_filter_gradient,
}


def lower(
    operation: Operation, out: Buffer, operands: Sequence[Buffer], machine: Machine
) -> tuple[Body, int]:
    """Return the loops that compute ``operation`` from ``operands`` into ``out``.

    The number says into how many chunks they are divided.
    """
    return LOWERINGS[type(operation)](operation, out, operands, machine)
