"""Pictures of convolution: the kernel sliding, its matrix, filters, feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import ceil, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Array
from lamina.insight.convolution.feature_maps import FeatureMaps
from lamina.insight.convolution.filters import (
    Filter,
    apply_filter,
    filter_bank,
    frequency_response,
)
from lamina.insight.convolution.matrix import ConvolutionMatrix
from lamina.insight.convolution.sliding import Sliding, Step
from lamina.train.plots import new_figure, saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SPLIT = "RdBu_r"
"""Colours for values of both signs, white at zero."""


def draw_sliding(sliding: Sliding, steps: int = 4, path: str | Path | None = None) -> Figure:
    """Draw the kernel as given and as applied, and then the first steps as a strip of pictures.

    Each step shows the signal with its padding and the window on it, below the products of the
    window and the kernel, and below these the output so far.

    Raises `MissingExtraError` without matplotlib, `ArgumentError` if ``steps`` is below 1.
    """
    if steps < 1:
        raise ArgumentError(f"draw_sliding: steps must be 1 or more, got {steps}")
    shown = list(sliding)[:steps]
    signal, filled = _padded(sliding), np.full(sliding.output_shape, np.nan)
    lines = [_cells(signal), _cells(sliding.applied), _cells(filled)]
    figure, grid = _strip(len(shown) + 1, lines, sliding.applied)
    _draw_numbers(grid[0, 0], sliding.kernel, "kernel w")
    applied = "w flipped" if sliding.flip else "w"
    _draw_numbers(grid[1, 0], sliding.applied, applied)
    for column, step in enumerate(shown, 1):
        filled[step.place] = step.sum
        place = ", ".join(map(str, step.place))
        _draw_numbers(grid[0, column], signal, f"x, window of y[{place}]")
        _mark_window(grid[0, column], sliding, step)
        _draw_numbers(grid[1, column], step.products, "window ⊙ " + applied)
        _draw_numbers(grid[2, column], filled, f"their sum: y[{place}] = {step.sum:.4g}")
        _mark(grid[2, column], [(step.place, 1.0)], "C1")
    figure.suptitle(sliding.title, fontsize=11)
    return saved(figure, path)


def draw_matrix(matrix: ConvolutionMatrix, path: str | Path | None = None) -> Figure:
    """Draw C of y = C x and, beside it, Cᵀ of the transposed convolution.

    Raises `MissingExtraError` without matplotlib.
    """
    figure = new_figure(10, 4.8)
    figure.set_layout_engine("constrained", h_pad=0.1)
    limit = np.abs(matrix.C).max(initial=1e-12)
    pairs = [(matrix.C, "C: y = C x", ("x", "y")), (matrix.C.T, "Cᵀ: x' = Cᵀ y", ("y", "x'"))]
    for n, (values, title, (across, down)) in enumerate(pairs, 1):
        axes = figure.add_subplot(1, 2, n)
        image = axes.imshow(values, cmap=SPLIT, vmin=-limit, vmax=limit, interpolation="nearest")
        axes.set_title(f"{title}   ({values.shape[0]}×{values.shape[1]})", fontsize=10)
        axes.set_xlabel(f"element of {across}, row by row")
        axes.set_ylabel(f"element of {down}, row by row")
        if values.size <= 400:
            _write_numbers(axes, values, limit, nothing=0.0)
    figure.colorbar(image, ax=figure.axes, shrink=0.8, label="weight")
    return saved(figure, path)


def draw_filters(
    image: Any,
    filters: Sequence[Filter] | None = None,
    path: str | Path | None = None,
    columns: int = 5,
) -> Figure:
    """Draw for each filter its kernel, its frequency response and the filtered image (H, W).

    ``filters`` are those of `filter_bank` unless given.

    Raises `ShapeError` unless the image has two axes, `MissingExtraError` without matplotlib.
    """
    picture = np.asarray(image, float)
    if picture.ndim != 2:
        raise ShapeError(f"draw_filters: expected an image (H, W), got shape {picture.shape}")
    bank = filter_bank() if filters is None else tuple(filters)
    rows = ceil(len(bank) / columns)
    figure = new_figure(2.1 * columns, 5.6 * rows)
    grid = figure.subplots(3 * rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for n, each in enumerate(bank):
        row, column = divmod(n, columns)
        _draw_filter(list(grid[3 * row : 3 * row + 3, column]), each, picture)
    return saved(figure, path)


def draw_feature_maps(
    found: FeatureMaps, image: Any = None, sample: int = 0, path: str | Path | None = None
) -> Figure:
    """Draw the maps of one sample, and first the image (C, H, W) if it is given.

    Raises `ShapeError` unless maps have two spatial axes, `MissingExtraError` without matplotlib.
    """
    if found.maps.ndim != 4:
        raise ShapeError(
            f"draw_feature_maps: expected maps (N, C, H, W), got shape {found.maps.shape}"
        )
    maps = list(found.maps[sample])
    titles = [f"map {n}" for n in range(len(maps))]
    if image is not None:
        maps, titles = [np.asarray(image, float).mean(0), *maps], ["input", *titles]
    columns = ceil(sqrt(len(maps) * 1.6))
    rows = ceil(len(maps) / columns)
    figure = new_figure(1.5 * columns, 1.7 * rows + 0.4)
    for n, (values, title) in enumerate(zip(maps, titles, strict=True), 1):
        axes = figure.add_subplot(rows, columns, n)
        axes.imshow(values, cmap="gray" if title == "input" else "viridis")
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
    figure.suptitle(f"feature maps of layer {found.layer} ({found.type})", fontsize=11)
    return saved(figure, path)


def _draw_filter(column: Sequence[Axes], each: Filter, picture: Array) -> None:
    limit = np.abs(each.kernel).max()
    column[0].imshow(each.kernel, cmap=SPLIT, vmin=-limit, vmax=limit)
    column[0].set_title(f"{each.name}\nkernel {each.kernel.shape[0]}×{each.kernel.shape[1]}",
                        fontsize=9)  # fmt: skip
    response = frequency_response(each.kernel, 65)
    column[1].imshow(response.magnitude, cmap="magma", vmin=0, extent=(-0.5, 0.5, -0.5, 0.5))
    column[1].set_title(f"|H(f)|, 0 to {response.magnitude.max():.3g}", fontsize=8)
    filtered = apply_filter(picture, each.kernel)
    low, high = np.percentile(filtered, [0.5, 99.5])
    column[2].imshow(filtered, cmap="gray", vmin=low, vmax=high)
    column[2].set_title(f"y, {low:.2g} to {high:.2g}", fontsize=8)


def _padded(sliding: Sliding) -> Array:
    return np.pad(sliding.signal, [(w.before, w.after) for w in sliding.windows])


def _strip(panels: int, lines: Sequence[Array], kernel: Array) -> tuple[Figure, Any]:
    """Return a figure of lines of panels, in all of which a cell is as large."""
    shapes = [np.maximum(line.shape, _cells(kernel).shape) for line in lines]
    heights = [float(rows) for rows, _ in shapes]
    columns = max(float(columns) for _, columns in shapes)
    cell = max(0.3, 2.5 / max(columns, 5))
    figure = new_figure(cell * (columns + 0.6) * panels, cell * sum(heights) + 0.6 * len(lines))
    grid = figure.subplots(len(lines), panels, squeeze=False, height_ratios=heights)
    for axes_line, rows in zip(grid, heights, strict=True):
        for axes in axes_line:
            axes.set(xlim=(-0.6, columns - 0.4), ylim=(rows - 0.4, -0.6), aspect="equal")
            axes.set_axis_off()
    return figure, grid


def _cells(values: Array) -> Array:
    """Return a signal as one row."""
    return values if values.ndim == 2 else values[None]


def _draw_numbers(axes: Axes, values: Array, title: str) -> None:
    """Draw small cells with their numbers, and leave the axes' limits as they are."""
    cells = _cells(values)
    limit = 2 * float(np.nanmax(np.abs(cells), initial=1e-12))
    edges = [np.arange(n + 1) - 0.5 for n in reversed(cells.shape)]
    axes.pcolormesh(*edges, cells, cmap=SPLIT, vmin=-limit, vmax=limit)
    axes.vlines(edges[0], -0.5, edges[1][-1], color="0.7", lw=0.6)
    axes.hlines(edges[1], -0.5, edges[0][-1], color="0.7", lw=0.6)
    _write_numbers(axes, cells, limit)
    axes.set_title(title, fontsize=9, loc="left")


def _write_numbers(axes: Axes, cells: Array, limit: float, nothing: float | None = None) -> None:
    size = 9 if max(cells.shape) <= 8 else 6
    for (row, column), value in np.ndenumerate(cells):
        if np.isfinite(value) and value != nothing:
            colour = "white" if abs(value) > 0.6 * limit else "black"
            style: dict[str, Any] = {
                "ha": "center",
                "va": "center",
                "fontsize": size,
                "color": colour,
            }
            axes.text(column, row, f"{value:.3g}", **style)


def _mark_window(axes: Axes, sliding: Sliding, step: Step) -> None:
    """Outline the elements under the kernel, in the coordinates of the padded signal."""
    lines = [
        window.positions()[place] + window.before
        for window, place in zip(sliding.windows, step.place, strict=True)
    ]
    cells = product(*[line.tolist() for line in lines])
    _mark(axes, [(cell, 0.9) for cell in cells], "C2")


def _mark(axes: Axes, cells: Sequence[tuple[tuple[int, ...], float]], colour: str) -> None:
    from matplotlib.patches import Rectangle

    for cell, size in cells:
        row, column = cell if len(cell) == 2 else (0, *cell)
        corner = (column - size / 2, row - size / 2)
        axes.add_patch(Rectangle(corner, size, size, fill=False, color=colour, lw=2))
