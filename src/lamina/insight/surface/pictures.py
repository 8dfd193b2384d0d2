"""Pictures of loss surfaces. What they show is all in `Slice` and `Surface`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.types import Array
from lamina.insight.surface.slices import Chord, Slice, Surface
from lamina.train.plots import new_figure, saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Kind = Literal["contour", "3d", "both"]


def draw_slice(line: Slice, path: str | Path | None = None, chord: Chord | None = None) -> Figure:
    """Draw a loss on a line, with a chord that proves it non-convex if one is given."""
    figure = new_figure(5.5, 3.6)
    axes = figure.add_subplot()
    axes.plot(line.positions, line.values, color="C0")
    if chord is not None:
        ends = ([chord.start[0], chord.end[0]], [chord.at_start, chord.at_end])
        axes.plot(*ends, "o--", color="C3", label="chord")
        axes.plot(chord.midpoint[0], chord.at_midpoint, "s", color="C3", label="halfway")
        axes.legend()
    axes.set_xlabel(line.label)
    axes.set_ylabel("loss")
    axes.grid(alpha=0.3)
    return saved(figure, path)


def draw_surface(
    surface: Surface,
    path: str | Path | None = None,
    kind: Kind = "both",
    chord: Chord | None = None,
    logarithmic: bool = False,
) -> Figure:
    """Draw a loss on a plane as contours, in three dimensions, or both, with the optimiser's path.

    Raises `MissingExtraError` without matplotlib.
    """
    if kind not in ("contour", "3d", "both"):
        raise ArgumentError(f"draw_surface: kind must be 'contour', '3d' or 'both', got {kind!r}")
    figure = new_figure(11 if kind == "both" else 5.8, 4.6)
    shown = ("contour", "3d") if kind == "both" else (kind,)
    for position, each in enumerate(shown, 1):
        if each == "contour":
            axes = figure.add_subplot(1, len(shown), position)
            _draw_contours(figure, axes, surface, chord, logarithmic)
        else:
            axes = figure.add_subplot(1, len(shown), position, projection="3d")
            _draw_relief(axes, surface, chord, logarithmic)
        axes.set_xlabel(surface.labels[0], fontsize=9)
        axes.set_ylabel(surface.labels[1], fontsize=9)
    return saved(figure, path)


def _draw_contours(
    figure: Figure, axes: Axes, surface: Surface, chord: Chord | None, logarithmic: bool
) -> None:
    height = _height(surface.values, logarithmic)
    filled = axes.contourf(surface.x, surface.y, height, levels=24, cmap="viridis")
    axes.contour(surface.x, surface.y, height, levels=24, colors="white", linewidths=0.3)
    figure.colorbar(filled, ax=axes, label="log₁₀ loss" if logarithmic else "loss")
    if surface.trajectory is not None:
        axes.plot(*surface.trajectory.T, ".-", color="C1", markersize=4, linewidth=1)
        axes.plot(*surface.trajectory[0], "o", color="white", markeredgecolor="C1", label="start")
        axes.plot(*surface.trajectory[-1], "*", color="C1", markersize=12, label="end")
    if chord is not None:
        axes.plot(*zip(chord.start, chord.end, strict=True), "o--", color="C3", label="chord",
                  clip_on=False)  # fmt: skip
        axes.plot(*chord.midpoint, "s", color="C3", label="halfway")
    if surface.trajectory is not None or chord is not None:
        axes.legend(fontsize=8)


def _draw_relief(axes: Any, surface: Surface, chord: Chord | None, logarithmic: bool) -> None:
    height = _height(surface.values, logarithmic)
    grid = np.meshgrid(surface.x, surface.y)
    axes.plot_surface(*grid, height, cmap="viridis", alpha=0.85, rcount=60, ccount=60)
    if surface.trajectory is not None and surface.trajectory_values is not None:
        line = _height(surface.trajectory_values, logarithmic)
        axes.plot(*surface.trajectory.T, line, ".-", color="C1", markersize=4, zorder=10)
    if chord is not None:
        ends = np.array([chord.start, chord.end])
        tops = _height(np.array([chord.at_start, chord.at_end]), logarithmic)
        axes.plot(*ends.T, tops, "o--", color="C3", zorder=10)
        rise = np.array([tops.mean(), *_height(np.array([chord.at_midpoint]), logarithmic)])
        axes.plot(*np.array([chord.midpoint] * 2).T, rise, ":", color="C3", zorder=10)
        axes.plot(*np.array([chord.midpoint]).T, rise[1:], "s", color="C3", zorder=10)
    axes.set_title("log₁₀ loss" if logarithmic else "loss", fontsize=10, y=1.02)
    axes.locator_params(nbins=5)
    axes.tick_params(labelsize=8, pad=1)
    axes.set_box_aspect(None, zoom=1.0)


def _height(values: Array, logarithmic: bool) -> Array:
    return np.log10(np.maximum(values, 1e-300)) if logarithmic else values
