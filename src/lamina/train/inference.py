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
from lamina.tensors import Tensor, no_grad
from lamina.train.feeding import feed, float_dtype
from lamina.train.metrics import Metric, Totals
from lamina.train.objective import Objective


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


def evaluate(
    model: Module, objective: Objective, metrics: tuple[Metric, ...], batches: Batches
) -> dict[str, Any]:
    """Mean loss and metrics over one epoch of `batches`, whose position stays as it is."""
    totals, dtype = Totals(metrics), float_dtype(model)
    position = batches.state_dict()
    with evaluating(model):
        for number, (inputs, targets) in enumerate(batches):
            outputs = model(feed("inputs", inputs, dtype, number))
            loss = objective(model, outputs, feed("targets", targets, dtype, number))
            totals.add(loss.item(), outputs.numpy(), targets)
    batches.load_state_dict(position)
    return totals.results()


def predict(model: Module, data: Any, batch_size: int = 256) -> Array:
    """The outputs ``[N, ...]`` of a model for inputs ``[N, ...]``, or for the inputs of a data set.

    `data` is an array or tensor of inputs, a `Dataset`, a loader, or an iterable of
    ``(inputs, targets)`` batches. The order is that of the data.
    """
    dtype = float_dtype(model)
    with evaluating(model):
        found = [
            model(feed("inputs", inputs, dtype, number)).numpy()
            for number, inputs in enumerate(_inputs(data, batch_size))
        ]
    if not found:
        raise ArgumentError("predict: the data hold no batch")
    return np.concatenate(found)


def _inputs(data: Any, batch_size: int) -> Iterable[Array]:
    if isinstance(data, np.ndarray | Tensor):
        array = np.asarray(data)
        return (array[i : i + batch_size] for i in range(0, max(len(array), 1), batch_size))
    if isinstance(data, Dataset):
        return _inputs(data.inputs, batch_size)
    return (inputs for inputs, _ in as_batches(data, batch_size))
