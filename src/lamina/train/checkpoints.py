"""The callback that saves checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.core.errors import ArgumentError
from lamina.train import storage
from lamina.train.callbacks import Best, Callback, Mode, monitored

if TYPE_CHECKING:
    from lamina.train.trainer import Trainer

BEST = "best"


class Checkpoint(Callback):
    """Save the whole state of training in `folder`, to go on with ``fit(..., resume=folder)``.

    A checkpoint is saved after every `every_epochs` epochs, every `every_steps` steps, and at the
    end of the run or on an interruption; the last `keep` are kept (all, if None). After each epoch
    that is the best so far by `best` (a measure such as ``"validation_accuracy"``; True stands for
    the validation loss, or the loss), the state is also saved in ``folder/best``.

    Needs the extra ``lamina[train]``. Raises `MissingExtraError` at the start of the run without
    it, and `ArgumentError` if the folder holds checkpoints of another run.
    """

    order = 100  # a checkpoint holds what the other callbacks have just noted

    def __init__(
        self,
        folder: str | Path,
        every_epochs: int | None = 1,
        every_steps: int | None = None,
        keep: int | None = 3,
        best: str | bool = False,
        mode: Mode | None = None,
    ) -> None:
        for name, value in (("every_epochs", every_epochs), ("every_steps", every_steps),
                            ("keep", keep)):  # fmt: skip
            if value is not None and value < 1:
                raise ArgumentError(f"Checkpoint: {name} must be 1 or more, or None, got {value}")
        self.folder = Path(folder)
        self.every_epochs = every_epochs
        self.every_steps = every_steps
        self.keep = keep
        self.monitor = best
        self.best = Best(mode)

    def on_fit_start(self, trainer: Trainer) -> None:
        storage.require_safetensors()
        own = self.folder.resolve() in trainer.own_folders
        if not own and storage.checkpoints(self.folder):
            raise ArgumentError(
                f"Checkpoint: {self.folder} holds checkpoints of another run; pass resume= to go "
                "on with that run, or give another folder"
            )
        trainer.own_folders.add(self.folder.resolve())
        for folder in (self.folder, self.folder / BEST):
            storage.remove_incomplete(folder)

    def on_step_end(self, trainer: Trainer) -> None:
        if self.every_steps and trainer.step % self.every_steps == 0:
            self._save(trainer)

    def on_epoch_end(self, trainer: Trainer) -> None:
        if self.monitor:
            name = None if self.monitor is True else self.monitor
            if self.best.improve(*monitored(trainer, name)):
                storage.save(self.folder / BEST, trainer.step, trainer.state_dict(), keep=1)
        if self.every_epochs and trainer.epoch % self.every_epochs == 0:
            self._save(trainer)

    def on_fit_end(self, trainer: Trainer) -> None:
        self._save(trainer)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best.value}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.best.value = state["best"]

    def _save(self, trainer: Trainer) -> None:
        storage.save(self.folder, trainer.step, trainer.state_dict(), self.keep)
