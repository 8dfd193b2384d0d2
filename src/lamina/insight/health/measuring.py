"""`gradient_health`: one batch through a model, measured layer by layer and judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina.core.types import Array
from lamina.insight.health.distribution import distribution
from lamina.insight.health.findings import Thresholds, diagnosis
from lamina.insight.health.observing import Observed, observe
from lamina.insight.health.report import HealthReport, LayerHealth
from lamina.insight.health.units import by_unit, dead_units, identical_units
from lamina.nn import Module
from lamina.tensors import Tensor
from lamina.train.objective import Loss

RECTIFIERS = ("relu", "relu6", "threshold", "hardshrink", "softshrink", "hardswish")
SQUASHING = ("logistic", "tanh", "scaled_tanh", "softsign", "erf", "hardtanh", "hardsigmoid")


def gradient_health(
    model: Module,
    x: Any,
    y: Any,
    loss: str | Loss,
    *,
    before: Mapping[str, Any] | None = None,
    key: Tensor | None = None,
    thresholds: Thresholds | None = None,
) -> HealthReport:
    """Return what one batch says of a model's health, by layer, with a diagnosis in words.

    For every layer with parameters: the distributions of z, a = f(z), δ = ∂L/∂z, ∂L/∂W and W, the
    share of saturated places, the dead units, units that are copies of one another.

    Args:
        model: it is run in the mode it is in, and stays as it is.
        x, y: a batch of inputs and targets.
        loss: a name that `Trainer` knows (``"cross_entropy"``, …) or a function of outputs and
            targets that gives a scalar.
        before: parameters by name before the last update, for ‖ΔW‖/‖W‖.
        key: what random layers in training mode draw from.
        thresholds: from where on a number counts as a fault.

    Errors: `ArgumentError` if no layer has parameters; `NonFiniteError` if the batch holds a NaN.

    >>> import lamina
    >>> from lamina import nn
    >>> lamina.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> _ = nn.init.constant_(model[0].bias, -8.0)
    >>> report = gradient_health(model, lamina.randn(20, 2), lamina.zeros(20, 1), "mse")
    >>> [(found.kind, found.layers) for found in report.diagnosis]
    [('dead ReLU', ('0',))]

    Source: nndl §4.6.2; Glorot and Bengio 2010.
    """
    limits = thresholds or Thresholds()
    seen = observe(model, x, y, loss, key)
    rows = [
        _row(number, layer, None if before is None else before.get(layer.parameter), limits)
        for number, layer in enumerate(seen.layers, 1)
    ]
    return HealthReport(seen.loss, tuple(rows), diagnosis(rows, limits))


def _row(number: int, seen: Observed, before: Any, limits: Thresholds) -> LayerHealth:
    f = seen.activation
    cotangent = None if f is None else f.cotangent
    return LayerHealth(
        number=number,
        name=seen.name,
        kind=seen.kind,
        parameter=seen.parameter,
        activation=None if f is None else f.name,
        z=distribution(seen.z),
        a=distribution(seen.z if f is None else f.output),
        delta=distribution(seen.delta),
        gradient=distribution(seen.gradient),
        weight=distribution(seen.weight),
        weight_shape=seen.weight.shape,
        backward_norm=None if cotangent is None else distribution(cotangent, 1).norm,
        derivative=None if f is None else float(np.abs(f.derivative).mean()),
        saturated=_saturated(seen, limits),
        dead=_dead(seen),
        units=by_unit(seen.z, seen.kind).shape[1],
        identical=identical_units(seen.z, seen.delta, seen.weight, seen.kind),
        update_ratio=None if before is None else update_ratio(np.asarray(before), seen.weight),
    )


def update_ratio(before: Array, after: Array) -> float | None:
    """‖ΔW‖ / ‖W‖, W before the update; None for W = 0."""
    size = float(np.linalg.norm(before))
    return float(np.linalg.norm(np.asarray(after) - before)) / size if size else None


def _saturated(seen: Observed, limits: Thresholds) -> float | None:
    """The share of places where a squashing function's |f'(z)| is small beside f'(0)."""
    f = seen.activation
    if f is None or _family(f.name) not in SQUASHING:
        return None
    return float((np.abs(f.derivative) < limits.derivative * abs(f.slope)).mean())


def _dead(seen: Observed) -> Array | None:
    f = seen.activation
    if f is None or _family(f.name) not in RECTIFIERS:
        return None
    return dead_units(f.derivative, seen.kind)


def _family(name: str) -> str:
    """A function's name without its parameters (``hardtanh(-1, 1)``)."""
    return name.partition("(")[0]
