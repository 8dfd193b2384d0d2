"""Pictures of a network's health. What they show is all in `HealthReport` and `HealthHistory`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.types import Array
from lamina.insight.health.distribution import Distribution
from lamina.insight.health.history import HealthHistory
from lamina.insight.health.report import HealthReport, LayerHealth
from lamina.train.plots import new_figure, saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS = {"z": "net input z", "a": "activation a", "delta": "error term δ", "gradient": "∂L/∂W"}
COLOURS = {"z": "C0", "a": "C2", "delta": "C3", "gradient": "C1"}


def draw_distributions(report: HealthReport, path: str | Path | None = None) -> Figure:
    """Draw the histograms of z, a, δ and ∂L/∂W, a row of diagrams for each layer.

    Raises `MissingExtraError` without matplotlib.
    """
    figure = new_figure(11, 1.6 * len(report.rows) + 0.8)
    grid = figure.subplots(len(report.rows), len(PARTS), squeeze=False)
    for row, line in zip(report.rows, grid, strict=True):
        for part, axes in zip(PARTS, line, strict=True):
            _draw_histogram(axes, getattr(row, part), COLOURS[part])
        line[0].set_ylabel(_label(row), fontsize=9)
    for part, axes in zip(PARTS, grid[0], strict=True):
        axes.set_title(PARTS[part], fontsize=11)
    figure.supylabel("counts (logarithmic) by layer", fontsize=9)
    return saved(figure, path)


def _label(row: LayerHealth) -> str:
    family = (row.activation or "").partition("(")[0]
    return f"{row.number}: {row.name}\n{family}".strip()


def _draw_histogram(axes: Axes, shown: Distribution, colour: str) -> None:
    axes.stairs(shown.counts, shown.edges, fill=True, color=colour, alpha=0.8)
    axes.set_yscale("symlog")
    axes.set_yticks([])
    axes.set_yticks([], minor=True)
    axes.set_ylim(0, 8 * max(1, shown.counts.max(initial=0)))  # room for the number
    axes.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3), useMathText=True)
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(labelsize=7)
    axes.xaxis.get_offset_text().set_fontsize(7)
    axes.text(0.98, 0.95, f"rms {shown.rms:.2g}", transform=axes.transAxes, fontsize=7, ha="right",
              va="top")  # fmt: skip


def draw_flow(report: HealthReport, path: str | Path | None = None) -> Figure:
    """Draw ‖δ‖ and ‖∂L/∂W‖ by layer, on a logarithmic scale (exact zeros are left out)."""
    figure = new_figure(1.5 + 0.9 * max(len(report.rows), 4), 3.5)
    axes = figure.add_subplot()
    numbers = [row.number for row in report.rows]
    for part, label in (("delta", "‖δ‖"), ("gradient", "‖∂L/∂W‖")):
        norms = np.array([getattr(row, part).norm for row in report.rows])
        axes.plot(numbers, _positive(norms), "o-", color=COLOURS[part], label=label)
    axes.set_yscale("log")
    axes.set_xticks(numbers, [f"{row.number}\n{row.name}" for row in report.rows], fontsize=8)
    axes.set_xlabel("layer")
    axes.legend()
    axes.grid(alpha=0.3)
    return saved(figure, path)


def draw_history(
    history: HealthHistory,
    names: tuple[str, ...] = ("gradient.norm", "update_ratio", "derivative", "saturated", "dead"),
    path: str | Path | None = None,
) -> Figure:
    """Draw numbers of `HealthHistory` over the steps of training, a line a layer.

    Those of ``names`` that were never measured are left out. Raises `ArgumentError` if nothing was.
    """
    shown = [name for name in names if name in history.names]
    if not shown:
        measured = ", ".join(history.names) or "nothing yet"
        raise ArgumentError(f"draw_history: none of {', '.join(names)} is measured, but {measured}")
    figure = new_figure(4.2 * len(shown) + 1, 3.4)
    for position, name in enumerate(shown, 1):
        axes = figure.add_subplot(1, len(shown), position)
        _draw_lines(axes, history, name)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", title="layer")
    return saved(figure, path)


def draw_quantiles(
    history: HealthHistory, part: str = "z", path: str | Path | None = None
) -> Figure:
    """Draw how a distribution moves in training: a diagram a layer, over the steps.

    The median is a line; half of the values lie in the dark band, nine tenths in the light one.
    ``part`` is ``"z"``, ``"a"``, ``"delta"``, ``"gradient"`` or ``"weight"``.
    """
    known = [*PARTS, "weight"]
    if part not in known:
        raise ArgumentError(f"draw_quantiles: part must be one of {', '.join(known)}, got {part!r}")
    quantiles = [history[f"{part}.{name}"] for name in ("q05", "q25", "q50", "q75", "q95")]
    figure = new_figure(2.6 * max(len(history.layers), 2), 2.8)
    colour = COLOURS.get(part, "C4")
    for number, layer in enumerate(history.layers):
        axes = figure.add_subplot(1, len(history.layers), number + 1)
        low, lower, middle, upper, high = (values[:, number] for values in quantiles)
        axes.fill_between(history.steps, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.fill_between(history.steps, lower, upper, color=colour, alpha=0.35, linewidth=0)
        axes.plot(history.steps, middle, color=colour)
        axes.set_title(f"{number + 1}: {layer}", fontsize=10)
        axes.set_xlabel("step", fontsize=9)
        axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
    figure.supylabel(PARTS.get(part, "weight W"), fontsize=10)
    return saved(figure, path)


TITLES = {"gradient.norm": "‖∂L/∂W‖", "delta.norm": "‖δ‖", "update_ratio": "‖ΔW‖ / ‖W‖",
          "derivative": "mean |f'(z)|", "dead": "dead units", "saturated": "saturated share",
          "weight.norm": "‖W‖"}  # fmt: skip


def _draw_lines(axes: Axes, history: HealthHistory, name: str) -> None:
    values = history[name]
    spread = name.endswith(".norm") or name == "update_ratio"
    for number, layer in enumerate(history.layers):
        column = _positive(values[:, number]) if spread else values[:, number]
        axes.plot(history.steps, column, ".-", markersize=4, label=f"{number + 1}: {layer}")
    if spread:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0, top=1.05 * max(1.0, np.nanmax(values)))
    axes.set_xlabel("step")
    axes.set_title(TITLES.get(name, name))
    axes.grid(alpha=0.3)


def _positive(values: Array) -> Array:
    """Values for a logarithmic scale: NaN where not above zero."""
    return np.where(values > 0, values, np.nan)
