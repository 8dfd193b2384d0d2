"""Using a model: no gradients, evaluation mode."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.types import Array
from lamina.data import Batches, Dataset, as_batches
from lamina.nn import Module
from lamina.nn.compiled import CompiledModule
from lamina.tensors import Tensor, no_grad
from lamina.train.diagnosis import finite
from lamina.train.engines import check_engine
from lamina.train.feeding import feed, float_dtype
from lamina.train.metrics import Metric, Totals
from lamina.train.objective import Objective

Measured = tuple[Tensor, Tensor]


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """Inside the block, the model is in evaluation mode and nothing is recorded."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


class Inference:
    """A model in evaluation mode: its outputs for batches, and how good they are.

    Native code does not look at values. Where something is not finite, NumPy computes it again: it
    finds a label out of range, and tells the operation.
    """

    def __init__(self, model: Module, objective: Objective | None, engine: str) -> None:
        check_engine("predict", engine)
        self._model, self._objective = model, objective
        loss = objective.loss if objective else None
        parts = [model, *([loss] if isinstance(loss, Module) else [])]
        self._dynamic: list[Callable[..., Any]] = [self._outputs, self._measured]
        self._compiled = [CompiledModule(f, parts) for f in self._dynamic]
        self._functions = self._compiled if engine == "compiled" else self._dynamic

    def by(self, engine: str) -> Inference:
        """Return the same by another engine."""
        return Inference(self._model, self._objective, engine)

    def evaluate(self, metrics: tuple[Metric, ...], batches: Batches) -> dict[str, Any]:
        """Mean loss and metrics over one epoch of `batches`, whose position stays as it is."""
        totals, dtype = Totals(metrics), float_dtype(self._model)
        position = batches.state_dict()
        with self._evaluating():
            for number, (inputs, targets) in enumerate(batches):
                given = (
                    feed("inputs", inputs, dtype, number),
                    feed("targets", targets, dtype, number),
                )
                loss, outputs = self._apply(1, *given)
                totals.add(loss.item(), outputs.numpy(), targets)
        batches.load_state_dict(position)
        return totals.results()

    def predict(self, data: Any, batch_size: int) -> Array:
        """The outputs for the inputs of `data` (see `predict`)."""
        dtype = float_dtype(self._model)
        with self._evaluating():
            found = [
                self._apply(0, feed("inputs", inputs, dtype, number))[0].numpy()
                for number, inputs in enumerate(_inputs(data, batch_size))
            ]
        if not found:
            raise ArgumentError("predict: the data hold no batch")
        return np.concatenate(found)

    def _outputs(self, inputs: Tensor) -> tuple[Tensor]:
        return (self._model(inputs),)

    def _measured(self, inputs: Tensor, targets: Tensor) -> Measured:
        assert self._objective is not None
        outputs = self._model(inputs)
        return self._objective(self._model, outputs, targets), outputs

    def _apply(self, which: int, *given: Tensor) -> Any:
        found = self._functions[which](*given)
        if all(finite(tensor.value) for tensor in found):
            return found
        return self._dynamic[which](*given)

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        with evaluating(self._model):
            try:
                yield
            finally:
                for function in self._compiled:
                    function.release()  # or a step of training would have to copy the weights


def predict(model: Module, data: Any, batch_size: int = 256, engine: str = "compiled") -> Array:
    """The outputs ``[N, ...]`` of a model for inputs ``[N, ...]``, or for the inputs of a data set.

    `data` is an array or tensor of inputs, a `Dataset`, a loader, or an iterable of
    ``(inputs, targets)`` batches. The order is that of the data. `engine` is as in `Trainer`.
    """
    return Inference(model, None, engine).predict(data, batch_size)


def _inputs(data: Any, batch_size: int) -> Iterable[Array]:
    if isinstance(data, np.ndarray | Tensor):
        array = np.asarray(data)
        return (array[i : i + batch_size] for i in range(0, max(len(array), 1), batch_size))
    if isinstance(data, Dataset):
        return _inputs(data.inputs, batch_size)
    return (inputs for inputs, _ in as_batches(data, batch_size))
