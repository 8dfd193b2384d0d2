"""The loss of a model with other weights, many times over: native code for a whole slice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lamina.core.types import Array
from lamina.nn import Module, functional_call
from lamina.nn.modes import evaluation
from lamina.tensors import Tensor, as_tensor, compile
from lamina.train.engines import check_engine
from lamina.train.feeding import feed, float_dtype
from lamina.train.objective import Loss, resolve

Values = Mapping[str, Array]


class LossOfWeights:
    """The mean loss over a data set, as a function of weights = origin + Σ c_k · direction_k.

    The model is evaluated in evaluation mode and stays as it is.

    Args:
        model, x, y, loss: as for `lamina.insight.gradient_health`; the loss must be a mean.
        engine: ``"compiled"`` makes native code of origin, directions and model together;
            ``"dynamic"`` evaluates by NumPy.
        batch_size: how many samples are evaluated at once.
    """

    def __init__(
        self,
        model: Module,
        x: Any,
        y: Any,
        loss: str | Loss,
        engine: str = "compiled",
        batch_size: int = 256,
    ) -> None:
        check_engine("loss surface", engine)
        self.model = model
        self._loss = resolve(loss)
        dtype = float_dtype(model)
        inputs = feed("inputs", as_tensor(x).numpy(), dtype, 0).numpy()
        targets = feed("targets", as_tensor(y).numpy(), dtype, 0).numpy()
        self._batches = [
            (as_tensor(inputs[n : n + batch_size]), as_tensor(targets[n : n + batch_size]))
            for n in range(0, len(inputs), batch_size)
        ]
        self._dtype = dtype
        self._at: Callable[..., Tensor] = (
            compile(self._moved) if engine == "compiled" else self._moved
        )

    def __call__(self, origin: Values, directions: Sequence[Values], coordinates: Array) -> Array:
        """Return the loss at every row of ``coordinates`` ``[K, len(directions)]``, in float64."""
        start = {name: as_tensor(np.asarray(value)) for name, value in self._state(origin).items()}
        moves = [{k: as_tensor(v).to(start[k].dtype) for k, v in d.items()} for d in directions]
        with evaluation(self.model):
            points = np.asarray(coordinates, self._dtype)
            return np.array([self._mean(start, moves, as_tensor(point)) for point in points])

    def _state(self, origin: Values) -> dict[str, Any]:
        """Parameters and buffers, those of ``origin`` before the model's own."""
        own = {**dict(self.model.named_parameters()), **dict(self.model.named_buffers())}
        return {**own, **origin}

    def _mean(self, start: Any, moves: Any, point: Tensor) -> float:
        total = count = 0.0
        for x, y in self._batches:
            total += len(x) * float(self._at(point, start, moves, x, y).item())
            count += len(x)
        return total / count

    def _moved(self, point: Tensor, start: Any, moves: Any, x: Tensor, y: Tensor) -> Tensor:
        values = dict(start)
        for number, direction in enumerate(moves):
            for name, step in direction.items():
                values[name] = values[name] + point[number] * step
        return self._loss(functional_call(self.model, values, x), y)
