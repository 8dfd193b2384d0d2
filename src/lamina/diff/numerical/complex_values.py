"""A traced program evaluated with complex numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

import numpy as np

from lamina.core.node import Node, Operation
from lamina.core.program import Program
from lamina.core.types import Array, is_float
from lamina.diff.numerical import complex_scalars
from lamina.diff.numerical.complex_scalars import not_analytic
from lamina.ops.contraction import Contraction
from lamina.ops.kinds import LinearInFirst
from lamina.ops.pointwise import Cast, Pointwise
from lamina.ops.structure import Alias, ArgSort, Concatenate
from lamina.ops.window import WindowArgMax, WindowMax, WindowSelect


def complex_values(program: Program, *arguments: Array) -> list[Array]:
    """Return the outputs' values for complex inputs.

    What depends on no complex input is evaluated as ever. Raises `NotAnalyticError`, which names
    the operation that cannot be continued off the real axis.
    """
    return program.evaluate_by(_value, arguments)


def _value(node: Node, operands: Sequence[Array]) -> Array:
    if any(map(np.iscomplexobj, operands)):
        return np.asarray(_apply(node.operation, operands))
    return node.operation.evaluate(*operands)


@singledispatch
def _apply(operation: Operation, operands: Sequence[Array]) -> Array:
    raise not_analytic(operation.name, "has no rule for complex numbers")


@_apply.register
def _(operation: Contraction, operands: Sequence[Array]) -> Array:
    return operation.evaluate(*[operand.astype(np.complex128) for operand in operands])


@_apply.register
def _(operation: Pointwise, operands: Sequence[Array]) -> Array:
    return complex_scalars.evaluate(operation.function, operands)


@_apply.register(LinearInFirst)
@_apply.register(Concatenate)
@_apply.register(Alias)
def _(operation: Operation, operands: Sequence[Array]) -> Array:
    return operation.evaluate(*operands)


@_apply.register
def _(operation: Cast, operands: Sequence[Array]) -> Array:
    """Cast; another precision is not a function of its own, so everything stays in double."""
    (z,) = operands
    return z if is_float(operation.dtype) else z.real.astype(operation.dtype)


# Choices by size: the real part chooses ------------------------------------------------------


def _ranks(z: Array, sign: int) -> Array:
    """Return the elements' places in order of the real part, ties by the imaginary part."""
    order = np.lexsort((sign * z.imag.ravel(), z.real.ravel()))
    ranks = np.empty(z.size, np.float64)
    ranks[order] = np.arange(z.size)
    return ranks.reshape(z.shape)


@_apply.register
def _(operation: WindowMax, operands: Sequence[Array]) -> Array:
    place = _apply(WindowArgMax(operation.window), operands)
    return WindowSelect(operation.window).evaluate(operands[0], place)


@_apply.register
def _(operation: WindowArgMax, operands: Sequence[Array]) -> Array:
    (z,) = operands
    select = WindowSelect(operation.window)
    most, least = (select.evaluate(z.imag, operation.evaluate(_ranks(z, sign))) for sign in (1, -1))
    if (most != least).any():
        raise not_analytic("max", "is not analytic at this point: the window has two maxima")
    return operation.evaluate(z.real)


@_apply.register
def _(operation: ArgSort, operands: Sequence[Array]) -> Array:
    (z,) = operands
    rising, falling = (
        np.take_along_axis(z.imag, operation.evaluate(_ranks(z, sign)), operation.axis)
        for sign in (1, -1)
    )
    if (rising != falling).any():
        raise not_analytic("argsort", "is not analytic at this point: equal elements would part")
    return operation.evaluate(z.real)
