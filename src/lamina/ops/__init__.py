"""Operation records. `REGISTRY` lists every kind; adding one means adding a line here."""

from __future__ import annotations

from lamina.core.node import Operation
from lamina.ops import activations, scalars
from lamina.ops.contraction import Contraction
from lamina.ops.gather import Gather, ScatterAdd
from lamina.ops.pointwise import Cast, Pointwise
from lamina.ops.random import FoldIn, RandomBits
from lamina.ops.scalar import SCALARS
from lamina.ops.structure import Alias, ArgSort, Concatenate, Detach, Reshape
from lamina.ops.window import WindowArgMax, WindowMax, WindowSelect, WindowSpread

REGISTRY: tuple[type[Operation], ...] = (
    Contraction,
    Pointwise,
    Cast,
    WindowMax,
    WindowArgMax,
    WindowSelect,
    WindowSpread,
    Gather,
    ScatterAdd,
    Alias,
    Detach,
    Reshape,
    Concatenate,
    ArgSort,
    RandomBits,
    FoldIn,
)

__all__ = ["REGISTRY", "SCALARS", "activations", "scalars"]
