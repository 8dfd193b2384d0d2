"""Pictures of receptive fields."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Array
from lamina.insight.fields.box import Box
from lamina.insight.fields.table import ReceptiveFields
from lamina.train.plots import new_figure, saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("C0", "C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9")


def draw_receptive_field(
    fields: ReceptiveFields,
    layer: str,
    unit: int | Sequence[int],
    image: Any,
    strength: Array | None = None,
    path: str | Path | None = None,
) -> Figure:
    """Draw the box that a unit sees on an image (C, H, W), and beside it how much it sees where.

    ``strength`` (H, W) is what `effective_field` or `measured_field` gives for that unit.
    Signals with one spatial axis are drawn as a curve.

    Errors: `ShapeError` if the image is not of the model's input shape; `ArgumentError` for three
    spatial axes; `MissingExtraError` without matplotlib.
    """
    picture = np.asarray(image)
    box = fields.of(layer, unit)
    _check(fields, picture)
    panels = 1 if strength is None else 2
    figure = new_figure(4.6 * panels, 4.6 if picture.ndim == 3 else 2.8)
    figure.set_layout_engine("constrained", h_pad=0.1)
    shown = [_intensities(picture)] if strength is None else [_intensities(picture), strength]
    titles = [f"unit {_place(unit)} of layer {layer or fields.model}", "how much it sees where"]
    for n, (values, title) in enumerate(zip(shown, titles, strict=False), 1):
        axes = figure.add_subplot(1, panels, n)
        _draw_panel(axes, values, box, "gray" if n == 1 else "magma")
        axes.set_title(title, fontsize=10)
    return saved(figure, path)


def draw_growth(
    fields: ReceptiveFields,
    image: Any,
    layers: Sequence[str] = (),
    path: str | Path | None = None,
) -> Figure:
    """Draw on an image (C, H, W) what the middle unit of each layer sees, box in box.

    ``layers`` are all whose fields are known unless given. Errors: as `draw_receptive_field`.
    """
    picture = np.asarray(image)
    _check(fields, picture)
    names = layers or [layer.name for layer in fields if layer.known]
    figure = new_figure(6.4, 4.6 if picture.ndim == 3 else 3.2)
    figure.set_layout_engine("constrained", h_pad=0.1)
    axes = figure.add_subplot()
    _draw_values(axes, _intensities(picture), "gray")
    for n, name in enumerate(names):
        box = fields.of(name, fields[name].middle())
        size = "×".join(map(str, box.shape))
        _outline(axes, box, COLOURS[n % len(COLOURS)], f"{name or fields.model}: {size}", n)
    axes.set_title(f"what the middle unit of each layer of {fields.model} sees", fontsize=10)
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=9, frameon=False)
    return saved(figure, path)


def _check(fields: ReceptiveFields, image: Array) -> None:
    if image.shape != fields.input_shape:
        raise ShapeError(
            f"drawing a receptive field: expected an image of the model's input shape "
            f"{fields.input_shape}, got {image.shape}"
        )
    if image.ndim > 3:
        raise ArgumentError(
            f"drawing a receptive field: an image of one or two spatial axes can be drawn, "
            f"not {image.shape}; cut a plane out"
        )


def _intensities(image: Array) -> Array:
    """Return the mean over channels, or colours in 0…1 of three."""
    if image.ndim == 3 and len(image) == 3:
        low, high = image.min(), image.max()
        return np.moveaxis((image - low) / max(high - low, 1e-12), 0, -1)
    return np.asarray(image.mean(0))


def _draw_panel(axes: Axes, values: Array, box: Box, colours: str) -> None:
    _draw_values(axes, values, colours)
    _outline(axes, box, "C1", str(box), 0)
    axes.legend(loc="upper right", fontsize=8)


def _draw_values(axes: Axes, values: Array, colours: str) -> None:
    if values.ndim == 1:
        axes.bar(range(len(values)), values, color="0.6", width=0.8)
        axes.set_xlabel("position")
        axes.set_ylabel("value")
        return
    axes.imshow(values, cmap=colours, interpolation="nearest")
    axes.set_xlabel("column")
    axes.set_ylabel("row")


def _outline(axes: Axes, box: Box, colour: str, label: str, number: int) -> None:
    """Draw the box's border, a little inside the last one so that equal boxes are told apart."""
    from matplotlib.patches import Rectangle

    inset = 0.08 * number
    if len(box.shape) == 1:
        axes.axvspan(box.start[0] - 0.5, box.stop[0] - 0.5, color=colour, alpha=0.25, label=label)
        return
    (top, left), (rows, columns) = box.start, box.shape
    corner = (left - 0.5 + inset, top - 0.5 + inset)
    size = (columns - 2 * inset, rows - 2 * inset)
    axes.add_patch(Rectangle(corner, *size, fill=False, color=colour, lw=2.2, label=label))


def _place(unit: int | Sequence[int]) -> str:
    return f"({', '.join(map(str, unit))})" if isinstance(unit, Sequence) else str(unit)
