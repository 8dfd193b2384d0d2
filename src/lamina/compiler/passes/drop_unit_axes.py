"""Drop axes of length 1 from what is computed; reshapes put them back where others need them.

Means that keep their axes, biases of shape (C, 1, 1) and their gradients then meet in one
shape, so that fewer and plainer loops remain. Bit-identical.
"""

from __future__ import annotations

from lamina.compiler.passes.numbers import is_uniform, repeated
from lamina.compiler.passes.rewriting import Operands, known, made, rebuilt, rewrite
from lamina.compiler.passes.views import squeezed
from lamina.core.node import Node, Operation
from lamina.core.program import Program
from lamina.core.types import Shape
from lamina.ops.contraction import Contraction
from lamina.ops.pointwise import Cast, Pointwise
from lamina.ops.structure import Reshape


def drop_unit_axes(program: Program) -> Program:
    """Compute contractions, pointwise functions and casts without axes of length 1."""
    return rewrite(program, _drop)


def _drop(node: Node, operands: Operands) -> Node:
    operation = node.operation
    shape = tuple(n for n in node.shape if n != 1)
    if shape == node.shape:
        return rebuilt(node, operands)
    if isinstance(operation, Pointwise | Cast):
        return _reshaped(operation, tuple(_squeezed(o, shape) for o in operands), node)
    if isinstance(operation, Contraction):
        return _reshaped(squeezed(operation), operands, node)
    return rebuilt(node, operands)


def _reshaped(operation: Operation, operands: Operands, node: Node) -> Node:
    return made(Reshape(node.shape), (made(operation, operands, node),), node)


def _squeezed(node: Node, shape: Shape) -> Node:
    """Return the node in the shape without axes of length 1, through one reshape at most."""
    if node.value is not None:
        whole = repeated(node.value.flat[0], node.dtype, shape) if is_uniform(node.value) else None
        return known(node.value.reshape(shape) if whole is None else whole, node)
    if isinstance(node.operation, Reshape):
        (node,) = node.operands
    return node if node.shape == shape else made(Reshape(shape), (node,), node)
