"""Progress of a run: a bar on a terminal, a line an epoch elsewhere. Both go to stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal

from lamina.core.errors import ArgumentError
from lamina.train.callbacks import Callback

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from lamina.train.trainer import Trainer

Style = Literal["auto", "bar", "lines", "none"]
STYLES = ("auto", "bar", "lines", "none")


def progress_callback(style: Style) -> Callback:
    """The callback for a style; ``"auto"`` is a bar if stderr is a terminal, else lines."""
    if style not in STYLES:
        raise ArgumentError(f"progress: expected one of {', '.join(STYLES)}, got {style!r}")
    if style == "none":
        return Callback()
    bar = style == "bar" or (style == "auto" and sys.stderr.isatty())
    return ProgressBar() if bar else EpochLines()


def describe(trainer: Trainer) -> str:
    """One line on the last epoch."""
    last = {**trainer.history.last, "epoch": None}
    numbers = [(name, value) for name, value in last.items() if isinstance(value, int | float)]
    shown = "  ".join(f"{name} {value:.4g}" for name, value in numbers)
    return f"epoch {trainer.epoch}/{trainer.epochs}  {shown}"


def closing(trainer: Trainer) -> str:
    """What to say at the end, if it came early; else nothing."""
    reason = trainer.stop_reason
    return f"{trainer.history.status} after step {trainer.step}: {reason}" if reason else ""


class EpochLines(Callback):
    """Print one line after every epoch."""

    def on_epoch_end(self, trainer: Trainer) -> None:
        print(describe(trainer), file=sys.stderr, flush=True)

    def on_fit_end(self, trainer: Trainer) -> None:
        if closing(trainer):
            print(closing(trainer), file=sys.stderr, flush=True)


class ProgressBar(Callback):
    """Show a bar for the epoch under way, with the loss, and a line for every one before."""

    def __init__(self) -> None:
        self.display: Progress | None = None
        self.task: TaskID | None = None

    def on_fit_start(self, trainer: Trainer) -> None:
        self.display = _display()
        self.display.start()
        self._begin(trainer)

    def on_step_end(self, trainer: Trainer) -> None:
        self._update(advance=1, loss=f"{trainer.history.step_losses[-1]:.4g}")

    def on_epoch_end(self, trainer: Trainer) -> None:
        if self.display is not None:
            self.display.console.print(describe(trainer), highlight=False, soft_wrap=True)
            self._begin(trainer)

    def on_fit_end(self, trainer: Trainer) -> None:
        if self.display is not None and closing(trainer):
            self.display.console.print(closing(trainer), highlight=False, soft_wrap=True)

    def close(self) -> None:
        if self.display is not None:
            self.display.stop()
            self.display = None

    def _begin(self, trainer: Trainer) -> None:
        """Start the next epoch's bar, or remove the bar after the last."""
        assert self.display is not None
        if self.task is not None:
            self.display.remove_task(self.task)
            self.task = None
        if trainer.epoch < trainer.epochs and not trainer.stop_reason:
            title = f"epoch {trainer.epoch + 1}/{trainer.epochs}"
            done, total = trainer.position
            self.task = self.display.add_task(title, total=total, completed=done, loss="")

    def _update(self, **fields: Any) -> None:
        if self.display is not None and self.task is not None:
            self.display.update(self.task, **fields)


def _display() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TextColumn("loss {task.fields[loss]}"), Remaining())  # fmt: skip
    return Progress(*columns, console=Console(stderr=True), transient=True)
