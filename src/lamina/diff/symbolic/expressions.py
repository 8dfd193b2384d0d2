"""A program's outputs as SymPy expressions in symbols for the elements of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
import sympy

from lamina.core.errors import ArgumentError
from lamina.core.node import Node
from lamina.core.program import Program
from lamina.core.types import Shape, is_float
from lamina.diff.symbolic.scalars import to_sympy
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction
from lamina.ops.gather import Gather
from lamina.ops.pointwise import Cast, Pointwise
from lamina.ops.structure import Alias, Concatenate, Reshape
from lamina.ops.window import WindowMax

Expressions = np.ndarray[Any, np.dtype[Any]]
"""An array of objects: SymPy expressions."""

MOST_TERMS = 20_000
"""Products that a contraction may have when it is written out."""

MOVES = (Alias, Reshape, Concatenate, Gather)


def symbols_for(name: str, shape: Shape) -> Expressions:
    """Return real symbols for an array's elements, numbered from 1 as in the book.

    >>> symbols_for("w", (2,)).tolist(), symbols_for("x", ()).item()
    ([w_1, w_2], x)
    """
    found = np.empty(shape, object)
    for place in np.ndindex(*shape):
        number = "".join(f"_{index + 1}" for index in place)
        found[place] = sympy.Symbol(f"{name}{number}", real=True)
    return found


def expressions(program: Program, *inputs: Expressions) -> list[Expressions]:
    """Return the outputs for expressions (or numbers) in the place of the inputs' elements.

    Errors: `ArgumentError` for inputs of other shapes, for a program that is too large to be
    written out, and for operations without a formula (sorting, random numbers).

    >>> import lamina
    >>> program = lamina.trace(lambda w, x: lamina.exp(w @ x), lamina.zeros(2), lamina.zeros(2))
    >>> expressions(program, symbols_for("w", (2,)), symbols_for("x", (2,)))[0].item()
    exp(w_1*x_1 + w_2*x_2)
    """
    shapes = [node.shape for node in program.inputs]
    if [given.shape for given in inputs] != shapes:
        got = [given.shape for given in inputs]
        raise ArgumentError(f"expressions: expected inputs of shapes {shapes}, got {got}")
    values = {id(node): given for node, given in zip(program.inputs, inputs, strict=True)}
    for node in program.nodes:
        if id(node) not in values:
            operands = [values[id(operand)] for operand in _operands(node)]
            values[id(node)] = _value(node, operands)
    return [values[id(node)] for node in program.outputs]


def _operands(node: Node) -> Sequence[Node]:
    return node.operands if node.value is None else ()


def _value(node: Node, operands: list[Expressions]) -> Expressions:
    operation = node.operation
    if node.value is not None:
        return _objects(node.value)
    if isinstance(operation, Pointwise):
        return _elementwise(lambda *args: to_sympy(operation.function, *args), operands)
    if isinstance(operation, Cast) and is_float(operation.dtype):
        return operands[0]
    if isinstance(operation, Contraction):
        return _contracted(operation, operands)
    if isinstance(operation, WindowMax):
        return _reduced(operation.window, operands, lambda terms: sympy.Max(*terms))
    if isinstance(operation, MOVES):
        return _moved(operation, operands)
    raise ArgumentError(
        f"symbolic: {operation.name} has no formula that could be written out; differentiate this "
        "function in forward or reverse mode"
    )


def _objects(value: np.ndarray[Any, Any]) -> Expressions:
    """Return numbers as exact expressions where they are whole, as floats else."""
    exact = {"f": _number, "b": lambda v: sympy.true if v else sympy.false}
    convert = exact.get(value.dtype.kind, lambda v: sympy.Integer(int(v)))
    return _elementwise(convert, [value])


def _number(value: Any) -> Any:
    number = float(value)
    return sympy.Integer(int(number)) if number.is_integer() else sympy.Float(number, 17)


def _elementwise(function: Callable[..., Any], operands: Sequence[Any]) -> Expressions:
    found = np.empty(np.shape(operands[0]), object)
    for place in np.ndindex(*found.shape):
        found[place] = function(*(operand[place] for operand in operands))
    return found


def _moved(operation: Any, operands: list[Expressions]) -> Expressions:
    if isinstance(operation, Gather):
        indices = operands[1:]
        if not all(isinstance(i, sympy.Integer) for each in indices for i in each.ravel()):
            raise ArgumentError("symbolic: an index that depends on an input cannot be written out")
        operands = [operands[0], *(each.astype(np.int64) for each in indices)]
    found: Expressions = operation.evaluate(*operands)
    return found


def _contracted(operation: Contraction, operands: list[Expressions]) -> Expressions:
    return _reduced(operation, operands, lambda terms: sympy.Add(*terms))


def _reduced(
    operation: Contraction, operands: list[Expressions], together: Callable[[list[Any]], Any]
) -> Expressions:
    """Return what becomes of the products (or elements) that belong to each place."""
    if prod(operation.extents) > MOST_TERMS:
        raise ArgumentError(
            f"symbolic: {prod(operation.extents)} products are too many to be written out (at most "
            f"{MOST_TERMS}); take a smaller example, or forward or reverse mode"
        )
    terms: dict[tuple[int, ...], list[Any]] = {}
    for loops in np.ndindex(*operation.extents):
        factors = list(_factors(operation, operands, loops))
        if None not in factors:
            place = loops[: operation.out_rank]
            terms.setdefault(place, []).append(sympy.Mul(*factors))
    found = np.empty(operation.out_shape, object)
    for place in np.ndindex(*operation.out_shape):
        found[place] = together(terms.get(place, []))
    return found


def _factors(
    operation: Contraction, operands: list[Expressions], loops: tuple[int, ...]
) -> Iterator[Any]:
    """Yield what each operand contributes; None for what lies outside."""
    for guard in operation.guards:
        if _place(guard.index, loops, guard.size) is None:
            yield None
    for read, operand in zip(operation.reads, operands, strict=True):
        places = [_place(i, loops, n) for i, n in zip(read.indices, read.shape, strict=True)]
        yield None if None in places else operand[tuple(places)]


def _place(index: AffineIndex, loops: tuple[int, ...], size: int) -> int | None:
    total = index.constant + sum(c * n for c, n in zip(index.coefficients, loops, strict=True))
    place, rest = divmod(total, index.divisor)
    return None if rest or not 0 <= place < size else place
