"""Pictures of universal approximation. What they show is all in the data classes beside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lamina.insight.approximation.blocks import (
    Interval,
    OneHiddenLayer,
    Target,
    bump,
    construct,
    step,
)
from lamina.insight.approximation.fitting import WidthCurve
from lamina.train.plots import new_figure, saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_construction(
    f: Target, interval: Interval, count: int = 12, path: str | Path | None = None
) -> Figure:
    """Draw the proof in three diagrams: sigmoids become a step, two steps a bump, bumps f.

    Raises `MissingExtraError` without matplotlib.
    """
    figure = new_figure(13, 3.6)
    first, second, third = figure.subplots(1, 3)
    for axes in (first, second):
        axes.set_xticks([-1, -0.5, 0, 0.5, 1])
    _draw_steps(first)
    _draw_bump(second)
    _draw_sum(third, f, interval, count)
    return saved(figure, path)


def _draw_steps(axes: Axes) -> None:
    x = np.linspace(-1, 1, 801)
    for number, steepness in enumerate((3, 10, 30, 300)):
        axes.plot(x, step(0, steepness)(x), color=f"C{number}", label=f"σ({steepness} x)")
    axes.set_title("a steep sigmoid is a step")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)


def _draw_bump(axes: Axes) -> None:
    x = np.linspace(-1, 1, 801)
    axes.plot(x, step(-0.4, 40)(x), "--", color="C0", label="step up")
    axes.plot(x, step(0.3, 40, -1.0)(x), "--", color="C3", label="step down")
    axes.plot(x, bump(-0.4, 0.3, 1.0, 40)(x), color="C2", linewidth=2, label="their sum")
    axes.set_title("two steps are a bump")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)


def _draw_sum(axes: Axes, f: Target, interval: Interval, count: int) -> None:
    found = construct(f, interval, count)
    x = np.linspace(*interval, 1601)
    for each in found.bumps():
        axes.fill_between(x, each(x), color="C2", alpha=0.2, linewidth=0)
    axes.plot(x, f(x), color="C0", label="f")
    axes.plot(x, found.network(x), color="C2", label=f"{count} bumps")
    axes.set_title(f"error {found.max_error:.2g} ≤ bound {found.bound:.2g}")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)


def draw_fit(
    f: Target, network: OneHiddenLayer, interval: Interval, path: str | Path | None = None
) -> Figure:
    """Draw a function, the network fitted to it, and their difference below."""
    figure = new_figure(6, 4.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    x = np.linspace(*interval, 1601)
    above.plot(x, f(x), color="C0", linewidth=3, alpha=0.5, label="f")
    above.plot(x, network(x), color="C3", linewidth=1, label=f"{network.width} hidden units")
    above.legend()
    below.plot(x, network(x) - f(x), color="C3")
    below.set_ylabel("difference")
    below.set_xlabel("x")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    return saved(figure, path)


def draw_width_curve(*curves: WidthCurve, path: str | Path | None = None) -> Figure:
    """Draw errors against width, both logarithmic: solid the greatest, dashed the L2 error."""
    figure = new_figure(6, 4)
    axes = figure.add_subplot()
    for number, curve in enumerate(curves):
        name = curve.way.replace("_", " ")
        colour = f"C{number}"
        axes.plot(curve.widths, curve.max_error, "o-", color=colour, label=f"{name}: max")
        axes.plot(curve.widths, curve.l2_error, "s--", color=colour, label=f"{name}: L2")
        if curve.bounds is not None:
            axes.plot(curve.widths, curve.bounds, ":", color=colour, label=f"{name}: bound")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel("hidden units")
    axes.set_ylabel("error")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    return saved(figure, path)
