"""Which elements of a result depend on which elements of the input, read from the graph."""

from __future__ import annotations

import numpy as np

from lamina.core.program import Program
from lamina.core.types import Array
from lamina.diff.automatic.dependence import dependence
from lamina.diff.automatic.recording import graph
from lamina.diff.interface import Function
from lamina.ops.pointwise import Cast
from lamina.ops.pointwise import Pointwise as PointwiseOperation
from lamina.ops.structure import Alias
from lamina.tensors import Tensor


def is_pointwise(program: Program) -> bool:
    """Return whether element i of the one output depends on element i of the one input only.

    >>> import lamina
    >>> is_pointwise(lamina.trace(lambda x: lamina.tanh(x) * x, lamina.zeros(3)))
    True
    >>> is_pointwise(lamina.trace(lambda x: x - x.sum(), lamina.zeros(3)))
    False
    """
    (given,), (output,) = program.inputs, program.outputs
    if output.shape != given.shape:
        return False
    depends = {id(given)}
    for node in program.nodes:
        if not any(id(operand) in depends for operand in node.operands) or node.value is not None:
            continue
        elementwise = isinstance(node.operation, PointwiseOperation | Cast | Alias)
        if not elementwise or node.shape != given.shape:
            return False
        depends.add(id(node))
    return True


def jacobian_sparsity(f: Function, x: Tensor) -> Array:
    """Return where the Jacobian of f may be other than zero, read from f's graph.

    Booleans of shape ``(*f(x).shape, *x.shape)``; see `lamina.diff.automatic.dependence`.

    >>> import lamina
    >>> jacobian_sparsity(lambda x: x[1:] - x[:-1], lamina.zeros(4)).astype(int)
    array([[1, 1, 0, 0],
           [0, 1, 1, 0],
           [0, 0, 1, 1]])
    """
    program = graph(f, x)
    return pattern(program).reshape(*program.outputs[0].shape, *x.shape)


def pattern(program: Program) -> Array:
    """Return which elements of a program's output may depend on which of its one input's: [m, n].

    >>> import lamina
    >>> pattern(lamina.trace(lambda x: x.flip(0), lamina.zeros(2))).astype(int)
    array([[0, 1],
           [1, 0]])
    """
    (given,), (output,) = program.inputs, program.outputs
    n = given.type.size
    start = np.eye(n, dtype=bool).reshape(*given.shape, n)
    return dependence(program, start).reshape(output.type.size, n)


def pattern_size(program: Program) -> int:
    """Return how many booleans the largest pattern of a program's values has."""
    largest = max((node.type.size for node in program.nodes), default=0)
    return largest * program.inputs[0].type.size
