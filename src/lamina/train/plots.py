"""Pictures of a run, and what every picture is drawn in: matplotlib without a display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lamina.core.errors import ArgumentError, ShapeError, missing_extra
from lamina.core.types import Array
from lamina.train.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def learning_curves(history: History, path: str | Path) -> Path:
    """Draw loss and every other number measured, by epoch, into the picture `path`.

    Raises `MissingExtraError` without matplotlib, `ArgumentError` if no epoch is over.
    """
    names = _curves(history)
    figure = new_figure(4.5 * len(names), 3.5)
    for position, name in enumerate(names, 1):
        _draw_curve(figure.add_subplot(1, len(names), position), history, name)
    saved(figure, path)
    return Path(path)


def misclassified(
    images: Array,
    targets: Array,
    outputs: Array,
    path: str | Path,
    classes: Sequence[str] = (),
    count: int = 24,
) -> Path:
    """Draw the images ``[N, C, H, W]`` that `outputs` ``[N, K]`` got most surely wrong.

    Each is titled with the true class and the predicted one, the surest mistake (by difference of
    outputs) first. Raises `MissingExtraError` without matplotlib.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ShapeError(f"misclassified: expected images [N, 1 or 3, H, W], got {images.shape}")
    names = classes or [str(k) for k in range(outputs.shape[1])]
    wrong = surest_mistakes(targets, outputs)
    chosen = wrong[:count]
    columns = min(8, max(len(chosen), 4))
    rows = max(1, -(-len(chosen) // columns))
    figure = new_figure(1.2 * columns, 1.5 * rows + 0.5)
    figure.suptitle(f"{len(wrong)} of {len(targets)} misclassified: true → predicted")
    for position, index in enumerate(chosen, 1):
        axes = figure.add_subplot(rows, columns, position)
        title = f"{names[targets[index]]} → {names[outputs[index].argmax()]}"
        _draw_image(axes, images[index], title)
    saved(figure, path)
    return Path(path)


def surest_mistakes(targets: Array, outputs: Array) -> Array:
    """Indices of misclassified examples, the largest excess over the true class's output first.

    >>> surest_mistakes(np.array([0, 1, 0]), np.array([[1.0, 2.0], [0.0, 1.0], [1.0, 5.0]]))
    array([2, 0])
    """
    excess = outputs.max(1) - outputs[np.arange(len(targets)), targets]
    wrong = np.flatnonzero(outputs.argmax(1) != targets)
    return wrong[np.argsort(-excess[wrong], kind="stable")]


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of that size in inches, drawn without a display.

    Raises `MissingExtraError` without matplotlib.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing_extra("matplotlib", "plot", "drawing pictures") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def saved(figure: Figure, path: str | Path | None) -> Figure:
    """Write the figure to ``path``, if there is one, and return it."""
    if path is not None:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(target, dpi=120)
    return figure


def _curves(history: History) -> list[str]:
    """The measures to draw; those of training and validation share one diagram."""
    last = history.last
    names = [n for n, v in last.items() if isinstance(v, int | float) and n not in ("epoch", "lr")]
    shown = list(dict.fromkeys(name.removeprefix("validation_") for name in names))
    if not shown:
        raise ArgumentError("learning_curves: the history holds no epoch yet; train one first")
    return shown


def _draw_curve(axes: Axes, history: History, name: str) -> None:
    for key, label in ((name, "training"), (f"validation_{name}", "validation")):
        if key in history.names:
            values = history[key]
            axes.plot(range(1, len(values) + 1), values, marker=".", label=label)
    axes.set_xlabel("epoch")
    axes.set_title(name.replace("_", " "))
    axes.legend()
    axes.grid(alpha=0.3)


def _draw_image(axes: Axes, image: Array, title: str) -> None:
    picture = image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)
    axes.imshow(picture, cmap="gray_r" if len(image) == 1 else None)
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()
