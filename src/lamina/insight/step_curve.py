"""The picture of a step curve: error of differences against their step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lamina.diff.numerical.curve import StepCurve
from lamina.train.plots import new_figure, saved

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FLOOR = 1e-17
"""Where an error of 0 is drawn."""


def draw_step_curve(curve: StepCurve, path: str | Path | None = None) -> Figure:
    """Draw the errors by method, both axes logarithmic, with the best step of each marked."""
    drawn = new_figure(6.4, 4.2)
    axes = drawn.subplots()
    for method, errors in curve.errors.items():
        (line,) = axes.loglog(curve.steps, errors.clip(FLOOR), label=method)
        step, error = curve.best(method)
        axes.plot([step], [max(error, FLOOR)], "o", color=line.get_color())
    axes.set_xlabel("step h")
    axes.set_ylabel("relative error of the derivative")
    axes.invert_xaxis()
    axes.legend()
    return saved(drawn, path)
