"""One forward and backward pass of a model with every layer's z, a and δ kept.

The model stays as it is: parameters are replaced by variables of the same values for the time of
the pass, and buffers that it would change (running statistics) are discarded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.core.context import Recorder, record
from lamina.core.errors import ArgumentError
from lamina.core.node import Node
from lamina.core.types import Array, is_float
from lamina.nn import Module, functional_call
from lamina.nn.calling import Call, record_calls
from lamina.ops.pointwise import Pointwise
from lamina.ops.scalar import Const, Scalar
from lamina.ops.scalar_calculus import evaluate, product_with_partial
from lamina.random import key as make_key
from lamina.random import use_keys
from lamina.tensors import Tensor, as_tensor
from lamina.train.feeding import feed, float_dtype
from lamina.train.objective import Loss, resolve


@dataclass(frozen=True, eq=False)
class Activated:
    """An activation function's place: name, output a, f' at the input, f'(0), and ∂L/∂a."""

    name: str
    output: Array
    derivative: Array
    slope: float
    cotangent: Array | None


@dataclass(frozen=True, eq=False)
class Observed:
    """A layer with parameters in one pass: net input z, error term δ = ∂L/∂z, its activation.

    ``weight`` and ``gradient`` are the layer's main parameter (of that name) and ∂L/∂W.
    """

    name: str
    kind: str
    parameter: str
    z: Array
    delta: Array
    weight: Array
    gradient: Array
    activation: Activated | None


@dataclass(frozen=True, eq=False)
class Pass:
    """What one pass gave: the loss and the layers in order of computation."""

    loss: float
    layers: tuple[Observed, ...]


def observe(model: Module, x: Any, y: Any, loss: str | Loss, key: Tensor | None = None) -> Pass:
    """Run a batch forward and backward, and return what every layer saw.

    ``loss`` is a name that `Trainer` knows or a function of ``(outputs, targets)``. Random layers
    in training mode draw from ``key``.
    """
    variables = {name: p.detach().requires_grad_() for name, p in model.named_parameters()}
    inputs, targets = _batch(model, x, y)
    key = make_key(0) if key is None else key
    with record() as recorder, record_calls() as calls, use_keys(key):
        outputs = functional_call(model, variables, inputs)
        forward = len(recorder.nodes)
        risk = resolve(loss)(outputs, targets)
        risk.backward()
    layers = _layers(model, calls)
    if not layers:
        raise ArgumentError("observe: the model called no layer that has parameters")
    activations = _activations(recorder, forward, [call.output.node for call, _, _ in layers])
    seen = [
        _observed(label, call, parameter, variables[parameter], recorder, activations)
        for call, label, parameter in layers
    ]
    return Pass(risk.item(), tuple(seen))


def _batch(model: Module, x: Any, y: Any) -> tuple[Tensor, Tensor]:
    dtype = float_dtype(model)
    inputs = feed("inputs", as_tensor(x).numpy(), dtype, 0).detach()
    if is_float(inputs.dtype):
        inputs.requires_grad_()  # or what frozen layers compute would forget where it came from
    return inputs, feed("targets", as_tensor(y).numpy(), dtype, 0)


def _layers(model: Module, calls: Sequence[Call]) -> list[tuple[Call, str, str]]:
    """Calls of layers with parameters of their own: the call, its label, the main parameter."""
    names = {id(p): name for name, p in model.named_parameters()}
    found, counts = [], Counter[str]()
    for call in calls:
        own = dict(call.module.named_parameters(recurse=False))
        if not own or not isinstance(call.output, Tensor):
            continue
        main = own.get("weight", next(iter(own.values())))
        label = call.name or type(call.module).__name__
        counts[label] += 1
        label = label if counts[label] == 1 else f"{label}#{counts[label]}"
        found.append((call, label, names[id(main)]))
    return sorted(found, key=lambda entry: entry[0].output.node.serial)


def _activations(recorder: Recorder, forward: int, outputs: Sequence[Node]) -> dict[int, Activated]:
    """The first activation after each layer's output, by the ``id`` of that output."""
    sources = {id(node): node for node in outputs}
    owner: dict[int, int] = {}
    found: dict[int, Activated] = {}
    for node in recorder.nodes[:forward]:
        behind = [owner[id(o)] for o in node.operands if id(o) in owner]
        if behind:
            owner[id(node)] = latest = max(behind, key=lambda k: sources[k].serial)
            if latest not in found and _is_activation(node):
                found[latest] = _activated(node, recorder)
        if id(node) in sources:
            owner[id(node)] = id(node)
    return found


def _is_activation(node: Node) -> bool:
    """Whether a node is a nonlinear function of one number, and no part of a larger function."""
    operation = node.operation
    if not isinstance(operation, Pointwise):
        return False
    function = operation.function
    inside = node.frame is not None and node.frame.kind == "function"
    if function.name != "prelu" and (function.arity != 1 or inside):
        return False
    floats = is_float(node.dtype) and is_float(node.operands[0].dtype)
    return floats and not isinstance(function.partial(0), Const)


def _activated(node: Node, recorder: Recorder) -> Activated:
    operation, gradient = node.operation, recorder.cotangents.get(id(node))
    assert isinstance(operation, Pointwise)
    operands = [_value(operand) for operand in node.operands]
    zeros = [np.zeros((), operand.dtype) for operand in operands]
    return Activated(
        operation.name,
        _value(node),
        derivative_at(operation.function, operands),
        float(derivative_at(operation.function, zeros)),
        None if gradient is None else _value(gradient),
    )


def derivative_at(function: Scalar, operands: Sequence[Array]) -> Array:
    """∂f/∂(first argument) of a scalar function, element by element."""
    product, inputs = product_with_partial(function, 0)
    with np.errstate(all="ignore"):
        out = evaluate(function, operands)
        given = [out if i is None else operands[i] for i in inputs]
        return np.broadcast_to(evaluate(product, [*given, np.ones_like(out)]), out.shape)


def _observed(
    label: str,
    call: Call,
    parameter: str,
    variable: Tensor,
    recorder: Recorder,
    activations: dict[int, Activated],
) -> Observed:
    z = call.output.node
    delta = recorder.cotangents.get(id(z))
    gradient = variable.grad
    return Observed(
        label,
        type(call.module).__name__,
        parameter,
        _value(z),
        np.zeros_like(_value(z)) if delta is None else _value(delta),
        variable.numpy(),
        np.zeros_like(variable.numpy()) if gradient is None else gradient.numpy(),
        activations.get(id(z)),
    )


def _value(node: Node) -> Array:
    assert node.value is not None, "the pass is dynamic"
    return node.value
