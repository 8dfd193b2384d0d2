"""The computational graph of a function: a value at every node, a slope at every edge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from lamina.core.node import Node, apply, constant
from lamina.core.printer import names as node_names
from lamina.core.program import Program
from lamina.core.types import Array, is_float
from lamina.diff.automatic import Reverse
from lamina.insight.graph.model import ComputationalGraph, Edge, Vertex
from lamina.nn import Module
from lamina.nn.pure_call import functional_call
from lamina.tensors import Tensor, as_tensor, tensor, trace
from lamina.tensors.tree import leaves, map_tree

LARGEST = 4096
"""Entries of a local Jacobian that is still computed."""


def computational_graph(
    f: Callable[..., Any], *args: Any, names: Sequence[str] | None = None
) -> ComputationalGraph:
    """Return the graph of ``f(*args)``: a vertex for each operation, an edge for each operand.

    Args:
        f: a function of tensors.
        args: where it is evaluated; tensors or containers of them.
        names: of the tensors among the arguments, in their order.

    Vertices have their values, edges the local derivatives ∂(vertex)/∂(operand): a number between
    scalars, a Jacobian matrix between small arrays. A module's parameters are inputs as well.
    (nndl, section 4.5.3, figure 4.9.)

    Errors: `ArgumentError` for a wrong number of names, `TraceError` where f asks for values.

    >>> import lamina
    >>> graph = computational_graph(lambda w, x: lamina.exp(w * x), 2.0, 0.5, names=["w", "x"])
    >>> print(graph)
    w = 2
    x = 0.5
    v1 = w · x = 1              ∂v1/∂w = 0.5, ∂v1/∂x = 2
    v2 = exp(v1) = 2.71828      ∂v2/∂v1 = 2.71828
    """
    if isinstance(f, Module):
        return _of_module(f, args, names)
    given = [as_tensor(leaf).double() for leaf in leaves(args)]
    program = trace(f, *_doubled(args), names=None if names is None else list(names))
    values = _values(program, [t.numpy() for t in given])
    called = node_names(program, own=program.inputs)
    vertices = tuple(_vertex(node, called, values) for node in program.nodes)
    numbers = {id(node): n for n, node in enumerate(program.nodes)}
    edges = [
        Edge(numbers[id(operand)], numbers[id(node)], _slope(node, place, values))
        for node in program.nodes
        if node.value is None
        for place, operand in enumerate(node.operands)
    ]
    ends = tuple(numbers[id(node)] for node in program.outputs)
    return ComputationalGraph(vertices, tuple(edges), ends)


def _of_module(
    module: Module, args: tuple[Any, ...], names: Sequence[str] | None
) -> ComputationalGraph:
    double = deepcopy(module).double()
    parameters = {name: p.detach() for name, p in double.named_parameters()}
    given = names or [f"x{n + 1}" for n in range(len(leaves(args)))]

    def call(values: Any, *inputs: Any) -> Any:
        return functional_call(double, values, *inputs)

    return computational_graph(call, parameters, *args, names=[*parameters, *given])


def _doubled(args: tuple[Any, ...]) -> list[Any]:
    """Return the arguments with floats in float64."""

    def double(leaf: Any) -> Tensor:
        given = as_tensor(leaf)
        return given.double() if is_float(given.dtype) else given

    return [map_tree(double, each) for each in args]


def _values(program: Program, given: Sequence[Array]) -> dict[int, Array]:
    values = {id(n): v for n, v in zip(program.inputs, given, strict=True)}
    for node in program.nodes:
        if node.value is not None:
            values[id(node)] = node.value
        elif id(node) not in values:
            operands = [values[id(operand)] for operand in node.operands]
            values[id(node)] = node.operation.evaluate(*operands)
    return values


def _vertex(node: Node, names: dict[int, str], values: dict[int, Array]) -> Vertex:
    name = names[id(node)]
    if not node.operands or node.value is not None:
        return Vertex(name, "", values[id(node)], "input" if node.value is None else "constant")
    line = node.operation.render([names[id(o)] for o in node.operands], name)
    formula = line.split(" = ", 1)[-1]
    frame = node.frame.path if node.frame else ""
    return Vertex(name, formula, values[id(node)], "operation", frame)


def _slope(node: Node, place: int, values: dict[int, Array]) -> Array | None:
    """Return ∂(node)/∂(operand) where both are floats and not too large."""
    operands = [values[id(operand)] for operand in node.operands]
    x, out = operands[place], values[id(node)]
    if not (is_float(x.dtype) and is_float(out.dtype)) or x.size * out.size > LARGEST:
        return None

    def local(operand: Tensor) -> Tensor:
        nodes = [constant(value) for value in operands]
        nodes[place] = operand.node
        return Tensor(apply(node.operation, *nodes))

    return Reverse().jacobian(local, tensor(np.asarray(x))).jacobian
