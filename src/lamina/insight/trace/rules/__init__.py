"""One rule for each kind of unit: its equations, and what NumPy makes of them."""

from __future__ import annotations

from collections.abc import Callable

from lamina import nn
from lamina.insight.trace.rules.activation import (
    Elementwise,
    LogSoftmax,
    Softmax,
    is_elementwise,
)
from lamina.insight.trace.rules.base import Claim, Rule, View
from lamina.insight.trace.rules.convolution import (
    ConnectionTable,
    Convolution,
    convolves_zeros,
)
from lamina.insight.trace.rules.dense import Dense, RadialBasis
from lamina.insight.trace.rules.joining import Rearrangement, Sum, is_rearrangement, is_sum
from lamina.insight.trace.rules.normalisation import BatchNormalisation
from lamina.insight.trace.rules.pooling import (
    MaxPooling,
    MeanPooling,
    Subsampling,
    pools_plainly,
)
from lamina.insight.trace.rules.transposed import TransposedConvolution
from lamina.insight.trace.units import Unit
from lamina.nn import Module

__all__ = ["RULED", "Claim", "Rule", "View", "rule_of"]

Condition = Callable[[Module], bool]

_TABLE: list[tuple[tuple[type[Module], ...], Condition, Rule]] = [
    ((nn.Linear,), lambda _: True, Dense()),
    ((nn.RBFOutput,), lambda _: True, RadialBasis()),
    ((nn.Conv1d, nn.Conv2d, nn.Conv3d), convolves_zeros, Convolution()),
    (
        (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
        lambda _: True,
        TransposedConvolution(),
    ),
    ((nn.ConnectionTableConv2d,), lambda _: True, ConnectionTable()),
    ((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d), pools_plainly, MaxPooling()),
    ((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), pools_plainly, MeanPooling()),
    ((nn.Subsample2d,), lambda _: True, Subsampling()),
    ((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), lambda _: True, BatchNormalisation()),
    ((nn.Softmax, nn.Softmax2d), lambda _: True, Softmax()),
    ((nn.LogSoftmax,), lambda _: True, LogSoftmax()),
]
RULED: tuple[type[Module], ...] = tuple(kind for kinds, _, _ in _TABLE for kind in kinds)


def rule_of(unit: Unit) -> Rule:
    """Return the rule that knows a unit; the general one if none does."""
    if unit.module is not None:
        for kinds, holds, rule in _TABLE:
            if isinstance(unit.module, kinds):
                return rule if holds(unit.module) else Rule()
    if is_rearrangement(unit):
        return Rearrangement()
    if is_sum(unit):
        return Sum()
    return Elementwise() if is_elementwise(unit) else Rule()
