"""One run of training: epochs, steps, validation, callbacks, and a clean end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lamina.core.errors import NonFiniteError
from lamina.core.types import Array
from lamina.data import Batches, as_batches
from lamina.optim.lr_scheduler import ReduceLROnPlateau
from lamina.random import fold_in
from lamina.tensors import Tensor
from lamina.train.callbacks import Callback, monitored
from lamina.train.diagnosis import diagnose
from lamina.train.feeding import feed, float_dtype
from lamina.train.interrupts import Interrupts, deferred_interrupts
from lamina.train.progress import Style, progress_callback

if TYPE_CHECKING:
    from lamina.train.trainer import Trainer


class Run:
    """What `Trainer.fit` does, with the trainer's state."""

    def __init__(
        self,
        trainer: Trainer,
        batches: Batches,
        validation: Any,
        batch_size: int,
        callbacks: Sequence[Callback],
        progress: Style,
    ) -> None:
        self.trainer = trainer
        self.batches = batches
        self.validation = None if validation is None else as_batches(validation, batch_size)
        self.named_callbacks = _named(callbacks)
        ordered = sorted(callbacks, key=lambda callback: callback.order)
        self.callbacks = [progress_callback(progress), *ordered]
        self.dtype = float_dtype(trainer.model)

    def execute(self) -> None:
        """Train to the end, or to the first signal or stop."""
        trainer = self.trainer
        try:
            with deferred_interrupts() as interrupts:
                trainer.history.status = "running"
                self._tell("on_fit_start")
                while trainer.epoch < trainer.epochs and not trainer.stop_reason:
                    self._epoch(interrupts)
                trainer.history.status = trainer.stop_status if trainer.stop_reason else "finished"
                self._tell("on_fit_end")
        finally:
            trainer.model.eval()
            trainer.batch = None
            for callback in self.callbacks:
                callback.close()

    def _epoch(self, interrupts: Interrupts) -> None:
        """The rest of an epoch; a signal ends it after the current step."""
        trainer = self.trainer
        trainer.model.train()
        for inputs, targets in self.batches:
            self._step(inputs, targets)
            self._tell("on_step_end")
            if self._interrupted(interrupts):
                return
        trainer.history.epochs.append(self._measure())
        trainer.totals = type(trainer.totals)(trainer.metrics)
        trainer.epoch += 1
        if trainer.schedule is not None and trainer.schedule_every == "epoch":
            self._advance_schedule()
        self._tell("on_epoch_end")
        if trainer.epoch < trainer.epochs:
            self._interrupted(interrupts)

    def _interrupted(self, interrupts: Interrupts) -> bool:
        if interrupts.received is None or self.trainer.stop_reason:
            return False
        self.trainer.stop(f"received {interrupts.received.name}", "interrupted")
        return True

    def _step(self, inputs: Array, targets: Array) -> None:
        trainer, number = self.trainer, self.batches.batch - 1
        x = feed("inputs", inputs, self.dtype, number)
        y = feed("targets", targets, self.dtype, number)
        key = fold_in(trainer.key, trainer.step)
        result = trainer.run_step(x, y, key)
        if not trainer.run_step.finite():
            raise self._diagnosed(x, y, key, number)
        loss = result.loss.item()
        trainer.batch = (x, y, key)
        trainer.step += 1
        trainer.history.step_losses.append(loss)
        assert result.outputs is not None
        trainer.totals.add(loss, result.outputs.numpy(), targets)
        if trainer.schedule is not None and trainer.schedule_every == "step":
            self._advance_schedule()

    def _measure(self) -> dict[str, Any]:
        """Everything to be noted of the epoch that has just ended."""
        trainer = self.trainer
        record = {"epoch": trainer.epoch + 1, **trainer.totals.results()}
        if self.validation is not None:
            found = trainer.evaluate(self.validation)
            record |= {f"validation_{name}": value for name, value in found.items()}
        return {**record, "lr": float(trainer.optimiser.param_groups[0]["lr"])}

    def _advance_schedule(self) -> None:
        schedule = self.trainer.schedule
        if isinstance(schedule, ReduceLROnPlateau):
            schedule.step(monitored(self.trainer, self.trainer.monitor)[1])
        else:
            schedule.step()

    def _diagnosed(self, x: Tensor, y: Tensor, key: Tensor, batch: int) -> NonFiniteError:
        """The error for a step, after it was undone."""
        trainer = self.trainer
        undone = trainer.run_step.undo()
        handles = trainer.training_step.handles()
        nodes = [handle.node for handle in handles]
        where = f"step {trainer.step}, epoch {trainer.epoch}, batch {batch} (from 0)"
        error = diagnose(trainer.training_step, x, y, key, where)
        for handle, node in zip(handles, nodes, strict=True):
            handle.node = node  # buffers change in the forward pass
        if not undone:
            error.add_note(
                "The weights are those of some steps before: batches were changed in place after "
                "they had been used."
            )
        return error

    def _tell(self, event: str) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self.trainer)


def _named(callbacks: Sequence[Callback]) -> dict[str, Callback]:
    """Callbacks by class and number, so that each finds its state in a checkpoint again."""
    named: dict[str, Callback] = {}
    for callback in callbacks:
        kind = type(callback).__name__
        number = sum(name.partition(".")[0] == kind for name in named)
        named[f"{kind}.{number}"] = callback
    return named
