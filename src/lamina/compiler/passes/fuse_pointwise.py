"""Fuse pointwise functions: a tree of them over one shape becomes one function's formula.

A producer is taken into a consumer

- if that consumer is the only one, or
- if it is cheap (a few additions, comparisons, choices) and *every* consumer is pointwise and
  would read at most one array in its stead (broadcasts of smaller ones do not count): then
  it is repeated in each, and its array never stored.

Numbers repeated over an array become constants of the formula. A formula has one dtype
besides bool, so casts and comparisons of other dtypes end it, and formulas about bools with
constants (whose dtype is that of the formula) stay apart. The same functions are applied to
the same values: bit-identical.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lamina.compiler.passes.formulas import (
    applied,
    function_of,
    functions,
    has_number,
    named,
    occurrences,
    size,
)
from lamina.compiler.passes.formulas import (
    scalar_of as _scalar,
)
from lamina.compiler.passes.numbers import as_const
from lamina.compiler.passes.rewriting import Operands, consumers, made, rebuilt, rewrite
from lamina.compiler.passes.views import as_view
from lamina.core.node import Node
from lamina.core.program import Program
from lamina.core.types import DType, bool_, is_float
from lamina.ops.pointwise import Pointwise
from lamina.ops.scalar import Arg, Const, Expr

LONGEST = 96
"""The most calls of a fused formula: as many as still read (and compile) as one expression."""

MOST_OPERANDS = 12
"""The most arrays a fused formula reads: more pointers than that do not stay in registers."""

_CHEAP_CALLS = 3
_CHEAP = {
    *("add", "subtract", "multiply", "negative", "abs", "square", "relu", "maximum", "minimum"),
    *("where", "less", "less_equal", "greater", "greater_equal", "equal", "not_equal"),
    *("logical_and", "logical_or", "logical_xor", "logical_not"),
}


def fuse_pointwise(program: Program) -> Program:
    """Take pointwise producers and repeated numbers into their pointwise consumers."""
    readers = consumers(program)
    kept = {id(node) for node in program.outputs}

    def wanted(old: Node, new: Node, consumer: Node) -> bool:
        if id(old) in kept or not _is_pointwise(new):
            return False
        others = readers[id(old)].values()
        return len(others) == 1 or (_is_cheap(new) and all(_repeats(new, c) for c in others))

    def fuse(node: Node, operands: Operands) -> Node:
        if not isinstance(node.operation, Pointwise):
            return rebuilt(node, operands)
        chosen = [wanted(o, n, node) for o, n in zip(node.operands, operands, strict=True)]
        return _Formula(node, operands).fused(chosen)

    return rewrite(program, fuse)


def _is_pointwise(node: Node) -> bool:
    return node.value is None and isinstance(node.operation, Pointwise)


def _is_cheap(node: Node) -> bool:
    expr = function_of(node)
    return size(expr) <= _CHEAP_CALLS and functions(expr) <= _CHEAP


def _repeats(producer: Node, consumer: Node) -> bool:
    """Return whether the consumer can compute the producer for the read of one array."""
    mine = {id(o) for o in producer.operands if not _is_small(o)}
    fits = _is_pointwise(consumer) and _compatible(producer, _dtype(consumer), consumer)
    return fits and len(mine - {id(o) for o in consumer.operands}) <= 1


def _is_small(node: Node) -> bool:
    """Return whether reading the node costs little: a number, or a broadcast of a smaller array."""
    view = as_view(node)
    return as_const(node) is not None or (
        view is not None and node.operands[0].type.size < node.type.size
    )


def _dtype(node: Node) -> DType:
    """Return the dtype of the numbers in the node's formula; bool if there are none."""
    return next((o.dtype for o in node.operands if o.dtype != bool_), bool_)


def _compatible(producer: Node, dtype: DType, consumer: Node) -> bool:
    """Return whether both formulas are about one dtype, or one about bools without constants."""
    inner = _dtype(producer)
    logical = producer if inner == bool_ else consumer if dtype == bool_ else None
    return inner == dtype or (logical is not None and not has_number(function_of(logical)))


@dataclass
class _Formula:
    """A node's formula while producers and constants are put into it."""

    node: Node
    operands: Operands
    sources: list[Node] = field(default_factory=list)

    def fused(self, chosen: list[bool]) -> Node:
        """Return the node with the chosen operands taken in, as far as the limits allow."""
        taken = self._within_limits(chosen)
        arguments = self._arguments(taken)
        expr = applied(_scalar(self.node), arguments, any(is_float(s.dtype) for s in self.sources))
        if isinstance(expr, Arg):
            return self.sources[expr.index]
        operands = tuple(self.sources)
        if operands == self.operands or isinstance(expr, Const):
            return rebuilt(self.node, self.operands)
        return made(Pointwise(named(expr, operands, self.node.dtype)), operands, self.node)

    def _within_limits(self, chosen: list[bool]) -> list[bool]:
        """Choose in order while the formula is short enough and reads few enough arrays."""
        calls = size(function_of(self.node))
        arrays = {id(o) for o in self.operands if as_const(o) is None}
        taken: dict[int, bool] = {}
        for operand, wish in zip(self.operands, chosen, strict=True):
            if id(operand) in taken:
                continue
            taken[id(operand)] = wish and _compatible(operand, _dtype(self.node), self.node)
            if taken[id(operand)]:
                more = calls + self._mentions(operand) * size(function_of(operand))
                reads = arrays - {id(operand)} | {id(o) for o in operand.operands}
                taken[id(operand)] = more <= LONGEST and len(reads) <= MOST_OPERANDS
            if taken[id(operand)]:
                calls, arrays = more, reads
        return [taken[id(operand)] for operand in self.operands]

    def _mentions(self, operand: Node) -> int:
        """Return how often the formula mentions an operand, which may be several arguments."""
        expr = function_of(self.node)
        return sum(occurrences(expr, n) for n, o in enumerate(self.operands) if o is operand)

    def _arguments(self, taken: list[bool]) -> list[Expr]:
        """Return what stands for each operand: a formula, a constant or an argument."""
        found: dict[int, Expr] = {}
        for n, operand in enumerate(self.operands):
            if taken[n]:
                found[n] = self._inlined(operand)
            elif as_const(operand) is None:
                found[n] = self._argument(operand)
        for n, operand in enumerate(self.operands):
            if n not in found:
                found[n] = self._number(operand)
        return [found[n] for n in range(len(self.operands))]

    def _inlined(self, producer: Node) -> Expr:
        arguments = [self._argument(operand) for operand in producer.operands]
        floats = any(is_float(operand.dtype) for operand in producer.operands)
        return applied(_scalar(producer), arguments, floats)

    def _number(self, operand: Node) -> Expr:
        """Return the constant, unless no array would be left to give the formula its dtype."""
        const = as_const(operand)
        typed = any(source.dtype == operand.dtype for source in self.sources)
        return const if const is not None and typed else self._argument(operand)

    def _argument(self, operand: Node) -> Expr:
        if not any(operand is source for source in self.sources):
            self.sources.append(operand)
        return Arg(next(n for n, source in enumerate(self.sources) if source is operand))
