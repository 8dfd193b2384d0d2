"""One forward and one backward pass with everything kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.autodiff import pullback
from lamina.autodiff.levels import TAPE, over
from lamina.core.context import Frame, frame, suppress
from lamina.core.errors import GradientError, ShapeError
from lamina.core.graph import topological
from lamina.core.node import Node, constant
from lamina.core.types import Array, is_float
from lamina.nn import Module
from lamina.nn.calling import Call, record_calls
from lamina.tensors import Tensor, as_tensor, enable_grad
from lamina.train.objective import resolve

Loss = str | Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Capture:
    """What a forward and a backward pass made.

    Attributes:
        model: the network.
        loss_function: what was minimised, as it was given.
        inputs: x.
        targets: y.
        outputs: the network's output.
        loss: L.
        calls: the calls of modules, in the order in which they ended.
        loss_frame: the frame of what the loss made.
        parameters: the parameters' values, by name, as they were.
        cotangents: ∂L/∂(node) by ``id`` of node.
    """

    model: Module
    loss_function: Loss
    inputs: Tensor
    targets: Tensor
    outputs: Tensor
    loss: Tensor
    calls: list[Call]
    loss_frame: Frame
    parameters: dict[str, Node]
    cotangents: dict[int, Node]

    def gradient(self, node: Node) -> Array:
        """Return ∂L/∂(node) as reverse mode found it; zeros where L does not depend on it."""
        found = self.cotangents.get(id(node))
        if found is None or found.value is None:
            return np.zeros(node.shape, node.dtype)
        return found.value


def capture(model: Module, x: Any, y: Any, loss: Loss) -> Capture:
    """Run the model on x, the loss on its output and y, and reverse mode from the loss.

    Gradients that the model's parameters hold and its buffers stay as they are.
    """
    inputs, targets = _variable(x), as_tensor(y)
    function = resolve(loss)
    with _buffers_kept(model), enable_grad():
        with frame("insight", "model"), record_calls() as calls:
            outputs = model(inputs)
        with frame("insight", "loss") as loss_frame:
            value = function(outputs, targets)
    _check(value)
    found = _backward(value)
    parameters = {name: parameter.node for name, parameter in model.named_parameters()}
    made = (inputs, targets, outputs, value, calls, loss_frame, parameters, found)
    return Capture(model, loss, *made)


def _variable(x: Any) -> Tensor:
    given = as_tensor(x).detach()
    return given.requires_grad_() if is_float(given.dtype) else given


def _check(loss: Tensor) -> None:
    if loss.numel() != 1:
        raise ShapeError(
            f"trace: the loss must be a scalar, got shape {loss.shape}; use reduction='mean'"
        )
    if not loss.requires_grad:
        raise GradientError("trace: the loss depends on no parameter and on no input of floats")


def _backward(loss: Tensor) -> dict[int, Node]:
    found: dict[int, Node] = {}
    start = constant(np.ones(loss.shape, loss.dtype))
    variables = _leaves(loss.node)
    with suppress(TAPE | over()):
        pullback([loss.node], [start], variables, TAPE, found)
    return found


def _leaves(output: Node) -> list[Node]:
    return [node for node in topological([output]) if not node.operands and node.tracks & TAPE]


@contextmanager
def _buffers_kept(model: Module) -> Iterator[None]:
    """Undo what a forward pass in training mode does to running statistics."""
    before = [(buffer, buffer.node) for _, buffer in model.named_buffers()]
    try:
        yield
    finally:
        for buffer, node in before:
            buffer.node = node
