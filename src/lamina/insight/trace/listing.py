"""A trace as a table: a row a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lamina.core.text import aligned
from lamina.core.types import Array

if TYPE_CHECKING:
    from lamina.insight.trace.tracing import Trace

HEADINGS = ("l", "layer", "z", "‖z‖", "‖a‖", "‖f′(z)‖", "‖δ‖", "∂L/∂W", "‖∂L/∂W‖", "‖∂L/∂b‖")


def listing(trace: Trace) -> str:
    """Return shapes and norms of every layer's quantities, and the loss."""
    rows: list[tuple[str, ...]] = [HEADINGS]
    for layer in trace.layers:
        shape = "" if layer.dW is None else _shape(layer.dW)
        norms = [_norm(v) for v in (layer.z, layer.a, layer.f_prime, layer.delta)]
        ends = [_norm(layer.dW), _norm(layer.db)]
        rows.append((str(layer.number), layer.name, _shape(layer.z), *norms, shape, *ends))
    return "\n".join([*aligned(rows, left=range(len(HEADINGS))), f"L = {trace.loss:.6g}"])


def _shape(value: Array) -> str:
    return "×".join(map(str, value.shape))


def _norm(value: Array | None) -> str:
    return "" if value is None else f"{np.linalg.norm(value.reshape(-1)):.4g}"
