"""Using a model: no gradients, evaluation mode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.types import Array
from lamina.data import Batches, Dataset, as_batches
from lamina.nn import Module
from lamina.nn.compiled import CompiledModule
from lamina.nn.modes import evaluation
from lamina.tensors import Tensor, no_grad
from lamina.train.diagnosis import finite
from lamina.train.engines import check_engine
from lamina.train.feeding import feed, float_dtype
from lamina.train.metrics import Metric, Totals
from lamina.train.objective import Objective


class Inference:
    """A model in evaluation mode: its outputs for batches, and how good they are.

    Native code does not look at values. Where an output is not finite, NumPy computes it again: it
    finds an index out of range and says where. Losses are computed by NumPy from the outputs.
    """

    def __init__(self, model: Module, engine: str) -> None:
        check_engine("predict", engine)
        self._model = model
        self._compiled = CompiledModule(model, [model]) if engine == "compiled" else None

    def evaluate(
        self, objective: Objective, metrics: tuple[Metric, ...], batches: Batches
    ) -> dict[str, Any]:
        """Mean loss and metrics over one epoch of `batches`, whose position stays as it is."""
        totals, dtype = Totals(metrics), float_dtype(self._model)
        position = batches.state_dict()
        with self._evaluating():
            for number, (inputs, targets) in enumerate(batches):
                outputs = self._outputs(feed("inputs", inputs, dtype, number))
                loss = objective(self._model, outputs, feed("targets", targets, dtype, number))
                totals.add(loss.item(), outputs.numpy(), targets)
        batches.load_state_dict(position)
        return totals.results()

    def predict(self, data: Any, batch_size: int) -> Array:
        """The outputs for the inputs of `data` (see `predict`)."""
        dtype = float_dtype(self._model)
        with self._evaluating():
            found = [
                self._outputs(feed("inputs", inputs, dtype, number)).numpy()
                for number, inputs in enumerate(_inputs(data, batch_size))
            ]
        if not found:
            raise ArgumentError("predict: the data hold no batch")
        return np.concatenate(found)

    def _outputs(self, inputs: Tensor) -> Any:
        if self._compiled is not None:
            outputs = self._compiled(inputs)
            if finite(outputs.value):
                return outputs
        return self._model(inputs)

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        with evaluation(self._model), no_grad():
            try:
                yield
            finally:
                if self._compiled is not None:  # or training steps would have to copy the weights
                    self._compiled.release()


def predict(model: Module, data: Any, batch_size: int = 256, engine: str = "compiled") -> Array:
    """The outputs ``[N, ...]`` of a model for inputs ``[N, ...]``, or for the inputs of a data set.

    `data` is an array or tensor of inputs, a `Dataset`, a loader, or an iterable of
    ``(inputs, targets)`` batches. The order is that of the data. `engine` is as in `Trainer`.
    """
    return Inference(model, engine).predict(data, batch_size)


def _inputs(data: Any, batch_size: int) -> Iterable[Array]:
    if isinstance(data, np.ndarray | Tensor):
        array = np.asarray(data)
        return (array[i : i + batch_size] for i in range(0, max(len(array), 1), batch_size))
    if isinstance(data, Dataset):
        return _inputs(data.inputs, batch_size)
    return (inputs for inputs, _ in as_batches(data, batch_size))
