"""Where a NaN or an infinity came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from lamina.core.errors import NonFiniteError
from lamina.core.graph import topological
from lamina.core.node import Node
from lamina.core.types import Array, is_float
from lamina.tensors import Tensor
from lamina.train.step import TrainingStep

ADVICE = "lower the learning rate, clip gradients (clip_norm), or check the data and the loss"


def finite(array: Array) -> bool:
    """Whether every element is finite (integers are)."""
    return not is_float(array.dtype) or bool(np.isfinite(array).all())


def diagnose(
    step: TrainingStep, inputs: Tensor, targets: Tensor, key: Tensor, where: str
) -> NonFiniteError:
    """The error for a step whose loss or gradients are not finite.

    The step's weights must be those before its update. It is run again with everything recorded,
    first forward and then, if the loss is finite, backward.
    """
    names = {id(p.node): f"parameter {name!r}" for name, p in step.model.named_parameters()}
    if is_float(inputs.dtype):
        inputs = inputs.detach().requires_grad_()
        names[id(inputs.node)] = "the inputs"
    loss = step.forward(inputs, targets, key).loss
    if not finite(loss.numpy()):
        origin = _origin([loss.node], names)
        return NonFiniteError(f"{where}: the loss is {loss.item()}: {origin}; {ADVICE}")
    return _diagnose_backward(step, loss, names, where)


def _diagnose_backward(
    step: TrainingStep, loss: Tensor, names: Mapping[int, str], where: str
) -> NonFiniteError:
    for parameter in step.model.parameters():
        parameter.grad = None
    loss.backward(create_graph=True)
    gradients = {n: p.grad for n, p in step.model.named_parameters() if p.grad is not None}
    for parameter in step.model.parameters():
        parameter.grad = None
    bad = {name: g for name, g in gradients.items() if not finite(g.numpy())}
    if not bad:
        return NonFiniteError(
            f"{where}: the loss and its gradients are finite, but {_changed(step)}; {ADVICE}"
        )
    origin = _origin([g.node for g in bad.values()], names)
    return NonFiniteError(
        f"{where}: the loss is {loss.item():.6g}, but the gradient of {next(iter(bad))!r} is not "
        f"finite: in the backward pass, {origin}; {ADVICE}"
    )


def _changed(step: TrainingStep) -> str:
    """What else a step changes: buffers in the forward pass, parameters in the update."""
    for name, buffer in step.model.named_buffers():
        if not finite(buffer.numpy()):
            return f"buffer {name!r} then contains {_place(buffer.numpy())}"
    return "a parameter is not after the update"


def _origin(outputs: Iterable[Node], names: Mapping[int, str]) -> str:
    """The first node, in the order of computation, that is not finite though its operands are."""
    order = topological(outputs)
    for node in order:
        if node.value is None or finite(node.value) or not _operands_finite(node):
            continue
        place = _place(node.value)
        if id(node) in names:
            return f"{names[id(node)]} contains {place}"
        if node.operands:
            return f"{_operation(node)} is the first to give {place}"
        reader = next((each for each in order if node in each.operands), node)
        return f"a constant that {_operation(reader)} reads contains {place}"
    raise AssertionError("a non-finite value has a first non-finite node behind it")


def _operands_finite(node: Node) -> bool:
    return all(operand.value is None or finite(operand.value) for operand in node.operands)


def _place(value: Array) -> str:
    """The first element that is not finite, and its index."""
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(value))[0])
    return f"{value[index]} at {list(index)}" if index else f"{value.item()}"


def _operation(node: Node) -> str:
    where = "" if node.frame is None else f" in {node.frame.path}"
    return f"operation {node.operation.name}{where}"
