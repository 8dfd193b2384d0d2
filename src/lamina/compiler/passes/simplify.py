"""Simplify: take out operations that give back one of their operands, and merge reshapes."""

from __future__ import annotations

from dataclasses import replace

from lamina.compiler.passes.formulas import applied
from lamina.compiler.passes.numbers import as_const, number, repeated
from lamina.compiler.passes.rewriting import Operands, consumers, known, made, rebuilt, rewrite
from lamina.compiler.passes.views import is_whole, normal
from lamina.core.node import Node
from lamina.core.program import Program
from lamina.core.types import Shape, is_float
from lamina.ops.contraction import Contraction, Read
from lamina.ops.pointwise import Cast, Pointwise
from lamina.ops.scalar import Arg
from lamina.ops.structure import Alias, Concatenate, Reshape


def remove_identities(program: Program) -> Program:
    """Remove what gives back its operand; write views in row-major order as reshapes.

    Results are bit-identical (a contraction that sums a single -0 may give 0).
    """
    return rewrite(program, _simplified)


def _simplified(node: Node, operands: Operands) -> Node:
    operation = node.operation
    if isinstance(operation, Pointwise):
        return _pointwise(operation, node, operands)
    if isinstance(operation, Contraction):
        return _contraction(operation, node, operands)
    if isinstance(operation, Reshape):
        return _reshape(node.shape, node, operands[0])
    if _is_identity(node, operands):
        return operands[0]
    return rebuilt(node, operands)


def _is_identity(node: Node, operands: Operands) -> bool:
    operation = node.operation
    if isinstance(operation, Cast):
        return operands[0].dtype == node.dtype
    return isinstance(operation, Alias) or (
        isinstance(operation, Concatenate) and len(operands) == 1
    )


def _reshape(shape: Shape, node: Node, operand: Node) -> Node:
    """Return ``operand`` in another shape, by one reshape at most."""
    while operand.value is None and isinstance(operand.operation, Reshape):
        operand = operand.operands[0]
    if operand.shape == shape:
        return operand
    same = operand is node.operands[0] and isinstance(node.operation, Reshape)
    return node if same else made(Reshape(shape), (operand,), node)


def _contraction(operation: Contraction, node: Node, operands: Operands) -> Node:
    """Take out factors that are 1, and the whole contraction if it is the operand itself."""
    kept = _without_ones(operation, operands)
    factors = tuple(operands[n] for n in kept)
    plain = normal(replace(operation, reads=tuple(operation.reads[n] for n in kept)))
    if is_whole(plain):
        return _reshape(node.shape, node, factors[0])
    return rebuilt(node, operands) if plain == operation else made(plain, factors, node)


def _without_ones(operation: Contraction, operands: Operands) -> list[int]:
    """Return the operands that are not 1 wherever they are read; the first if all are."""

    def is_one(read: Read, operand: Node) -> bool:
        inside = zip(read.indices, read.shape, strict=True)
        return number(operand) == 1 and all(
            index.stays_inside(operation.extents, length) for index, length in inside
        )

    pairs = enumerate(zip(operation.reads, operands, strict=True))
    return [n for n, pair in pairs if not is_one(*pair)] or [0]


def _pointwise(operation: Pointwise, node: Node, operands: Operands) -> Node:
    """Return the operand that is the result whatever its value: x for x · 1."""
    floats = any(is_float(operand.dtype) for operand in operands)
    expr = applied(
        operation.function,
        [as_const(operand) or Arg(n) for n, operand in enumerate(operands)],
        floats,
    )
    return operands[expr.index] if isinstance(expr, Arg) else rebuilt(node, operands)


# Reshapes ------------------------------------------------------------------------------------


def sink_reshapes(program: Program) -> Program:
    """Reshape after pointwise functions instead of before them, where none is added by it.

    f(reshape(a), reshape(b), 2) becomes reshape(f(a, b, 2)) if a and b have one shape, and at
    least one of the reshapes has no other use. Chains of pointwise functions then meet in one
    shape, and reshapes meet each other. Bit-identical.
    """
    readers = consumers(program)
    kept = {id(node) for node in program.outputs}

    def sink(node: Node, operands: Operands) -> Node:
        shape = _source_shape(operands)
        vanishing = any(
            _is_reshape(new) and len(readers[id(old)]) == 1 and id(old) not in kept
            for old, new in zip(node.operands, operands, strict=True)
        )
        if not isinstance(node.operation, Pointwise | Cast) or shape is None or not vanishing:
            return rebuilt(node, operands)
        inner = made(node.operation, tuple(_before(o, shape) for o in operands), node)
        return made(Reshape(node.shape), (inner,), node)

    return rewrite(program, sink)


def _is_reshape(node: Node) -> bool:
    return node.value is None and isinstance(node.operation, Reshape)


def _source_shape(operands: Operands) -> Shape | None:
    """Return the shape that all operands but repeated numbers have before they are reshaped.

    None where they differ, or where it has axes of length 1, which `drop_unit_axes` takes out.
    """
    others = [operand for operand in operands if number(operand) is None]
    if not others or not all(map(_is_reshape, others)):
        return None
    shapes = {operand.operands[0].shape for operand in others}
    return shapes.pop() if len(shapes) == 1 and not any(1 in shape for shape in shapes) else None


def _before(operand: Node, shape: Shape) -> Node:
    if _is_reshape(operand):
        return operand.operands[0]
    return known(repeated(number(operand), operand.dtype, shape), operand)  # type: ignore[arg-type]
