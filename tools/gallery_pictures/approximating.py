"""Universal approximation, and differences as approximations of derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina
from lamina.diff.numerical import step_curve
from lamina.insight import approximation
from lamina.insight.step_curve import draw_step_curve

TITLE = "Approximation"
INTERVAL = (0.0, 6.0)


def wave(x: Any) -> Any:
    return np.sin(x) + 0.3 * np.cos(5 * x)


def proof() -> Any:
    return approximation.draw_construction(wave, INTERVAL, 16)


def widths() -> Any:
    ways = ("least_squares", "construction")
    curves = [approximation.width_curve(wave, INTERVAL, (4, 8, 16, 32, 64), way=w) for w in ways]
    return approximation.draw_width_curve(*curves)


def differences() -> Any:
    return draw_step_curve(step_curve(lamina.exp, lamina.tensor(1.0, dtype="float64")))


PICTURES = [
    ("approximation_proof.png", "The proof in three steps: sigmoids, bumps, a function. "
     "`approximation.draw_construction(f, interval, 16)`", proof),
    ("approximation_widths.png", "The error falls with the width. "
     "`approximation.draw_width_curve(*curves)`", widths),
    ("step_curve.png", "The error of differences: truncation falls with the step, rounding grows; "
     "the complex step has no rounding. `draw_step_curve(step_curve(lamina.exp, x))`", differences),
]  # fmt: skip
