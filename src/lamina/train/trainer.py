"""`Trainer`: fits a model to data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

import lamina.random
from lamina.core import philox
from lamina.core.errors import ArgumentError, DataError
from lamina.core.types import Array
from lamina.data import Batches, DataLoader, Dataset, as_batches
from lamina.nn import Module
from lamina.optim import Optimizer
from lamina.tensors import Tensor, as_tensor
from lamina.train import metrics as measures
from lamina.train import storage
from lamina.train.callbacks import Callback
from lamina.train.engines import check_engine, runner
from lamina.train.feeding import is_array_pair, length
from lamina.train.history import History, Status
from lamina.train.inference import Inference
from lamina.train.objective import Loss, Objective, Penalty, resolve
from lamina.train.progress import Style
from lamina.train.run import Run
from lamina.train.step import Runner, TrainingStep

SHUFFLE = 2**63  # no step has this number, so shuffling has a stream of its own


class Trainer:
    """Minimises ``mean loss + penalty`` over batches, and measures how it goes.

    - `loss`: a name (``"cross_entropy"``, ``"mse"``, ``"bce_with_logits"``, …), a function of
      ``(outputs, targets)``, or a loss layer. It must be a mean over the batch.
    - `metrics`: names (``"accuracy"``, ``"top_5"``, …) or `Metric` records.
    - `schedule`: a learning-rate schedule of `lamina.optim`, advanced after every ``"epoch"`` or
      every ``"step"`` (`schedule_every`).
    - `seed` or `key`: the root of randomness. Step t draws from ``fold_in(key, t)``, so runs
      repeat, and resume, exactly.
    - `clip_norm`: the greatest Euclidean norm of all gradients together.
    - `penalty`: a function of the model to add to the loss.
    - `engine`: ``"compiled"`` makes one native program of a step; ``"dynamic"`` evaluates every
      operation by NumPy, so that Python code may depend on values (elsewhere that raises a
      `TraceError` with the line). The numbers agree to rounding; a run of either repeats, and
      resumes, exactly.

    >>> import lamina
    >>> from lamina import nn, optim
    >>> lamina.manual_seed(0)
    >>> model = nn.Linear(1, 1)
    >>> trainer = Trainer(model, "mse", optim.SGD(model.parameters(), lr=0.1))
    >>> x = np.linspace(-1, 1, 32, dtype=np.float32)[:, None]
    >>> history = trainer.fit((x, 3 * x), epochs=50, batch_size=8, progress="none")
    >>> history.last["loss"] < 1e-3
    True
    """

    def __init__(
        self,
        model: Module,
        loss: str | Loss,
        optimiser: Optimizer | None = None,
        metrics: Sequence[str | measures.Metric] = (),
        schedule: Any = None,
        *,
        optimizer: Optimizer | None = None,
        schedule_every: Literal["epoch", "step"] = "epoch",
        monitor: str | None = None,
        seed: int = 0,
        key: Any = None,
        clip_norm: float | None = None,
        penalty: Penalty | None = None,
        engine: str = "compiled",
    ) -> None:
        check_engine("Trainer", engine)
        _check_choice("schedule_every", schedule_every, ("epoch", "step"))
        if clip_norm is not None and not clip_norm > 0:
            raise ArgumentError(f"Trainer: clip_norm must be above 0, got {clip_norm}")
        self.model = model
        self.optimiser = _one_optimiser(optimiser, optimizer)
        _check_trains(self.optimiser, model)
        self.metrics = measures.resolve(metrics)
        self.schedule = schedule
        self.schedule_every = schedule_every
        self.monitor = monitor
        self.key = lamina.random.key(seed) if key is None else as_tensor(key)
        objective = Objective(resolve(loss), penalty)
        self.training_step = TrainingStep(model, objective, self.optimiser, clip_norm)
        self.run_step: Runner = runner(self.training_step, engine)
        self._inference = Inference(model, engine)
        self.epoch = 0
        self.step = 0
        self.epochs = 0
        self.stop_reason = ""
        self.stop_status: Status = "stopped"
        self.history = History()
        self.totals = measures.Totals(self.metrics)
        self.batches: Batches | None = None
        self.batch: tuple[Tensor, Tensor, Tensor] | None = None
        """Inputs, targets and key of the last step, for callbacks to look at (while `fit` runs)."""
        self.callbacks: dict[str, Callback] = {}
        self.own_folders: set[Path] = set()
        self._resumed: Mapping[str, Any] | None = None

    # Training ------------------------------------------------------------------------------

    def fit(
        self,
        train: Any,
        validation: Any = None,
        epochs: int = 1,
        callbacks: Iterable[Callback] = (),
        *,
        batch_size: int = 32,
        resume: str | Path | None = None,
        progress: Style = "auto",
    ) -> History:
        """Train until the model has seen `epochs` epochs in all, and return the history.

        `train` is a `DataLoader`, a `Dataset` or pair of arrays (cut into batches of `batch_size`,
        shuffled anew for every epoch), or an iterable of such batches. `resume` is a folder of
        checkpoints to go on from: the run then ends exactly as if it had not been interrupted.
        SIGINT (Ctrl-C) and SIGTERM end the run after the current step, with a checkpoint if a
        `Checkpoint` is among the callbacks, and the status ``"interrupted"``.

        Raises `NonFiniteError` naming the operation if loss or gradients stop being finite; the
        weights and the optimiser's state are then those before that step.
        """
        if epochs < 0:
            raise ArgumentError(f"fit: epochs must be 0 or more, got {epochs}")
        if resume is not None:
            self.resume(resume)
        self._begin()
        self.epochs = epochs
        self.batches = self._batches(train, batch_size)
        run = Run(self, self.batches, validation, batch_size, list(callbacks), progress)
        self.callbacks = run.named_callbacks
        if self._resumed is not None:
            self._resume_run(self._resumed)
        run.execute()
        return self.history

    def _begin(self) -> None:
        """Go on after an interruption in this process too; else start at the next epoch."""
        if self._resumed is not None:
            return
        self.stop("")
        if self.history.status == "interrupted":
            self._resumed = self.state_dict()
        else:
            self.totals = measures.Totals(self.metrics)

    def stop(self, reason: str, status: Status = "stopped") -> None:
        """End the run after the current epoch (for callbacks)."""
        self.stop_reason, self.stop_status = reason, status

    @property
    def position(self) -> tuple[int, int | None]:
        """The batches done in this epoch, and how many there are if that is known."""
        return (0, None) if self.batches is None else (self.batches.batch, length(self.batches))

    # Using ---------------------------------------------------------------------------------

    def evaluate(
        self, data: Any, batch_size: int = 256, *, engine: str | None = None
    ) -> dict[str, Any]:
        """Loss and metrics over `data`, with the model in evaluation mode."""
        inference = self._inference if engine is None else Inference(self.model, engine)
        objective = self.training_step.objective
        return inference.evaluate(objective, self.metrics, as_batches(data, batch_size))

    def predict(self, data: Any, batch_size: int = 256) -> Array:
        """The model's outputs ``[N, ...]`` for an array of inputs or for the inputs of `data`."""
        return self._inference.predict(data, batch_size)

    # State ---------------------------------------------------------------------------------

    def weights(self) -> dict[str, Array]:
        """A copy of the model's parameters and buffers."""
        return {name: np.array(value) for name, value in self.model.state_dict().items()}

    def load_weights(self, weights: Mapping[str, Any]) -> None:
        """Set the model's parameters and buffers."""
        self.model.load_state_dict(weights)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on, as plain data and arrays."""
        return {
            "model": self.weights(),
            "optimiser": {"class": type(self.optimiser).__name__, **self.optimiser.state_dict()},
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
            "key": np.array(self.key),
            "epoch": self.epoch,
            "step": self.step,
            "stop": {"reason": self.stop_reason, "status": self.stop_status},
            "totals": self.totals.state_dict(),
            "history": self.history.state_dict(),
            "data": None if self.batches is None else self.batches.state_dict(),
            "callbacks": {name: each.state_dict() for name, each in self.callbacks.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to a saved state; the position in the data and callbacks follow at the next `fit`.

        Raises `ArgumentError` if the state is of another model, optimiser or schedule.
        """
        self._check_kinds(state)
        self.load_weights(state["model"])
        self.optimiser.load_state_dict(_optimiser_state(state["optimiser"]))
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
        self.key = as_tensor(state["key"])
        self.epoch, self.step = state["epoch"], state["step"]
        self.totals.load_state_dict(state["totals"])
        self.history.load_state_dict(state["history"])
        # A run that a callback stopped is over; one that a signal stopped goes on.
        over = state["stop"]["status"] == "stopped"
        self.stop(state["stop"]["reason"] if over else "")
        self._resumed = state

    def resume(self, folder: str | Path) -> None:
        """Go to the last complete checkpoint in `folder`; `fit` goes on from there.

        Raises `DataError` naming the file and the damage if there is no usable checkpoint.
        """
        path = Path(folder).resolve()
        try:
            self.load_state_dict(storage.load_checkpoint(path))
        except (KeyError, TypeError) as error:
            raise DataError(f"{path}: the checkpoint lacks a part of the state: {error}") from error
        self.own_folders |= {path, *path.parents[:2]}

    def _check_kinds(self, state: Mapping[str, Any]) -> None:
        saved, own = state["optimiser"]["class"], type(self.optimiser).__name__
        if saved != own:
            raise ArgumentError(f"resume: the run used optimiser {saved}, this trainer has {own}")
        if (state["schedule"] is None) != (self.schedule is None):
            with_one = "this trainer" if state["schedule"] is None else "the saved run"
            raise ArgumentError(f"resume: only {with_one} has a learning-rate schedule")

    def _resume_run(self, state: Mapping[str, Any]) -> None:
        """The part of a saved state that belongs to data and callbacks."""
        if self.batches is not None and state["data"] is not None:
            self.batches.load_state_dict(state["data"])
        for name, callback in self.callbacks.items():
            if name in state["callbacks"]:
                callback.load_state_dict(state["callbacks"][name])
        self._resumed = None

    def _batches(self, train: Any, batch_size: int) -> Batches:
        if not isinstance(train, Dataset) and not is_array_pair(train):
            return as_batches(train)
        key = philox.fold_in(self.key.numpy(), SHUFFLE)
        loader = DataLoader(train, batch_size, shuffle=True, key=key)
        loader.epoch = self.epoch
        return loader


def _one_optimiser(british: Optimizer | None, american: Optimizer | None) -> Optimizer:
    if (british is None) == (american is None):
        raise ArgumentError("Trainer: give one optimiser (as optimiser=, or optimizer=)")
    found = british or american
    if not isinstance(found, Optimizer):
        raise ArgumentError(
            f"Trainer: optimiser must be one of lamina.optim, got {found!r}; such as "
            "optim.SGD(model.parameters(), lr=0.1)"
        )
    return found


def _check_trains(optimiser: Optimizer, model: Module) -> None:
    """Raise if the optimiser would leave the model as it is."""
    own = {id(parameter) for parameter in model.parameters()}
    held = {id(p) for group in optimiser.param_groups for p in group["params"]}
    if not own & held:
        raise ArgumentError(
            "Trainer: the optimiser holds no parameter of the model; make it with "
            "model.parameters(), after the last change of the model's layers"
        )


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ArgumentError(f"Trainer: {name} must be one of {', '.join(choices)}, got {value!r}")


def _optimiser_state(saved: Mapping[str, Any]) -> dict[str, Any]:
    """The optimiser's own part; hyperparameters that were tensors come back as arrays."""
    groups = [
        {k: as_tensor(v) if isinstance(v, np.ndarray) else v for k, v in group.items()}
        for group in saved["param_groups"]
    ]
    return {"state": saved["state"], "param_groups": groups}
