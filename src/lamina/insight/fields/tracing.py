"""The outputs of a model's layers in the graph of one call, without computing anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lamina import random
from lamina.core.node import Node, placeholder
from lamina.core.types import Shape, Type, float32
from lamina.nn import functional_call
from lamina.nn.calling import Call, record_calls
from lamina.nn.modes import evaluation
from lamina.nn.module import Module
from lamina.tensors import Tensor, no_grad
from lamina.tensors.tree import leaves


@dataclass(frozen=True, eq=False)
class TracedLayer:
    """A layer's last call: the shapes of its inputs, without the batch, and its output."""

    name: str
    input_shapes: tuple[Shape, ...]
    output: Node


@dataclass(frozen=True, eq=False)
class Traced:
    """The input and the layers, in the order of their first calls."""

    source: Node
    layers: tuple[TracedLayer, ...]


def trace_layers(model: Module, shape: Shape) -> Traced:
    """Trace one call on a sample of that shape, with parameters of unknown value."""
    source = placeholder(Type((1, *shape), float32))
    learned = {
        name: Tensor(placeholder(Type(parameter.shape, parameter.dtype)))
        for name, parameter in model.named_parameters()
    }
    with evaluation(model), random.use_keys(random.key(0)), no_grad(), record_calls() as calls:
        functional_call(model, learned, Tensor(source))
    return Traced(source, tuple(_layers(calls)))


def output_of(call: Call) -> Tensor | None:
    """Return a call's output, the first tensor if there are several."""
    found = [leaf for leaf in leaves(call.output) if isinstance(leaf, Tensor)]
    return found[0] if found else None


def _layers(calls: list[Call]) -> Iterator[TracedLayer]:
    for name, call in {call.name: call for call in calls}.items():
        output = output_of(call)
        if output is not None:
            inputs = [leaf for leaf in leaves(call.inputs) if isinstance(leaf, Tensor)]
            yield TracedLayer(name, tuple(leaf.shape[1:] for leaf in inputs), output.node)
