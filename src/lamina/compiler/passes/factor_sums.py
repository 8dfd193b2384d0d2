"""Take out of sums what is the same for all terms: Σ (x · c) = c · Σ x, Σ (x - c) = Σ x - n · c.

What remains is often summed elsewhere already (batch normalisation's gradients are all made
of Σ δ and Σ δ (x - μ)), and then costs no pass over memory. The factors and terms taken out
are read where the sum has its result. Results are equal to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from lamina.compiler.passes.formulas import function_of, named
from lamina.compiler.passes.rewriting import Operands, made, rebuilt, rewrite
from lamina.compiler.passes.sums import is_sum, loops_of
from lamina.compiler.passes.views import as_view
from lamina.core.node import Node
from lamina.core.program import Program
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction, Read
from lamina.ops.pointwise import Pointwise
from lamina.ops.scalar import SCALARS, Arg, Call, Const, Expr


def factor_sums(program: Program) -> Program:
    """Move factors and terms that do not vary in a sum out of it."""
    return rewrite(program, _factored)


def _factored(node: Node, operands: Operands) -> Node:
    same = rebuilt(node, operands)
    if not is_sum(same) or not isinstance(operands[0].operation, Pointwise):
        return same
    inner = operands[0]
    if inner.value is not None or node.dtype.kind != "f":
        return same
    if any(operand.dtype != node.dtype for operand in inner.operands):
        return same
    return _Sum(same, inner).factored()


@dataclass
class _Sum:
    """A sum of a pointwise function, while what does not vary is taken out."""

    node: Node
    inner: Node

    def __post_init__(self) -> None:
        assert isinstance(self.node.operation, Contraction)
        self.spec = self.node.operation
        self.loops = loops_of(self.spec)
        self.fixed = {n for n, o in enumerate(self.inner.operands) if self._is_fixed(o)}

    def _is_fixed(self, operand: Node) -> bool:
        """Return whether an operand repeats something along all summed loops."""
        view = as_view(operand)
        if view is None or not isinstance(operand.operation, Contraction):
            return False
        used = {n for i in view.reads[0].indices for n, c in enumerate(i.coefficients) if c}
        return all(self.loops[axis] < self.spec.out_rank for axis in used)

    def factored(self) -> Node:
        """Return what replaces the sum: itself, if all of it varies."""
        varying: list[Expr] = []
        taken: list[Expr] = []
        self._split(function_of(self.inner), varying, taken)
        if len(varying) == 1 and not taken:
            return self._without_terms(varying[0])
        if not varying or not taken:
            return self.node
        rest = self._sum(_product(varying))
        rest = self._again(rest)
        return self._result(rest, _product([Arg(-1), *taken]))

    def _again(self, rest: Node) -> Node:
        """Take terms out of what is left, if it is a difference."""
        (operand,) = rest.operands
        whole = is_sum(rest) and isinstance(operand.operation, Pointwise)
        return _Sum(rest, operand).factored() if whole and operand.value is None else rest

    def _split(self, expr: Expr, varying: list[Expr], taken: list[Expr]) -> None:
        """Sort the factors of a product."""
        if self._varies_not(expr):
            taken.append(expr)
        elif _is_call(expr, "multiply"):
            for argument in expr.arguments:  # type: ignore[attr-defined]
                self._split(argument, varying, taken)
        elif _is_call(expr, "negative"):
            taken.append(Const(-1.0))
            self._split(expr.arguments[0], varying, taken)  # type: ignore[attr-defined]
        elif _is_call(expr, "divide") and self._varies_not(expr.arguments[1]):  # type: ignore[attr-defined]
            over = expr.arguments[1]  # type: ignore[attr-defined]
            taken.append(Call(SCALARS["divide"], (Const(1.0), over)))
            self._split(expr.arguments[0], varying, taken)  # type: ignore[attr-defined]
        else:
            varying.append(expr)

    def _varies_not(self, expr: Expr) -> bool:
        if isinstance(expr, Arg):
            return expr.index in self.fixed
        if isinstance(expr, Call):
            return all(self._varies_not(argument) for argument in expr.arguments)
        return isinstance(expr, Const)

    def _without_terms(self, expr: Expr) -> Node:
        """Return Σ x ± n · c for Σ (x ± c)."""
        for name in ("subtract", "add"):
            if not _is_call(expr, name):
                continue
            a, b = expr.arguments  # type: ignore[attr-defined]
            if isinstance(a, Arg) and self._varies_not(b):
                count = Const(float(prod(self.inner.shape) // max(prod(self.node.shape), 1)))
                many = Call(SCALARS["multiply"], (count, b))
                return self._result(self._sum(a), Call(SCALARS[name], (Arg(-1), many)))
        return self.node

    def _sum(self, expr: Expr) -> Node:
        """Return the sum of a formula of the operands."""
        if isinstance(expr, Arg):
            return made(self.spec, (self.inner.operands[expr.index],), self.node)
        function, operands = _gathered(expr, lambda n: self.inner.operands[n])
        summed = made(Pointwise(named(function, operands, self.node.dtype)), operands, self.inner)
        return made(self.spec, (summed,), self.node)

    def _result(self, rest: Node, expr: Expr) -> Node:
        """Return a formula of the sum (argument -1) and of fixed operands, at its result."""
        function, operands = _gathered(expr, lambda n: rest if n < 0 else self._moved(n))
        return made(Pointwise(named(function, operands, self.node.dtype)), operands, self.node)

    def _moved(self, number: int) -> Node:
        """Return a fixed operand with the sum's result's axes."""
        operand = self.inner.operands[number]
        view = as_view(operand)
        assert view is not None
        (read,) = view.reads
        rank = self.spec.out_rank
        indices = tuple(self._with_result_loops(index, rank) for index in read.indices)
        shape = self.node.shape
        return made(
            Contraction(shape, rank, (Read(read.shape, indices),)), operand.operands, operand
        )

    def _with_result_loops(self, index: AffineIndex, rank: int) -> AffineIndex:
        coefficients = [0] * rank
        for axis, coefficient in enumerate(index.coefficients):
            if coefficient:
                coefficients[self.loops[axis]] = coefficient
        return AffineIndex(index.constant, tuple(coefficients), index.divisor)


def _is_call(expr: Expr, name: str) -> bool:
    return isinstance(expr, Call) and expr.function == SCALARS[name]


def _product(factors: Sequence[Expr]) -> Expr:
    result = factors[0]
    for factor in factors[1:]:
        result = Call(SCALARS["multiply"], (result, factor))
    return result


def _gathered(expr: Expr, operand: Callable[[int], Node]) -> tuple[Expr, Operands]:
    """Return the formula with its arguments numbered anew, and what they are."""
    numbers: dict[int, int] = {}
    found = _renumbered(expr, numbers)
    return found, tuple(operand(n) for n in numbers)


def _renumbered(expr: Expr, numbers: dict[int, int]) -> Expr:
    if isinstance(expr, Arg):
        return Arg(numbers.setdefault(expr.index, len(numbers)))
    if isinstance(expr, Call):
        return Call(expr.function, tuple(_renumbered(a, numbers) for a in expr.arguments))
    return expr
