"""Which elements of a result depend on which elements of the input, read from the graph."""

from __future__ import annotations

from lamina.core.program import Program
from lamina.ops.pointwise import Cast
from lamina.ops.pointwise import Pointwise as PointwiseOperation
from lamina.ops.structure import Alias


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
