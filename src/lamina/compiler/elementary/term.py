"""Expressions of the loop language written as formulas, and their common subexpressions.

A `Term` is an expression that Python's operators combine. Equal operations on the same terms
are one object, so what is written as a tree is kept as a graph; `Graph.close` turns the graph
back into an expression, after giving a name (an `ir.Assign`) to everything used twice.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from lamina.compiler.ir import COMPARISONS, Assign, Expression, Local, Number, Op
from lamina.core.types import DType, bool_, float32, float64, int64

Value = float | int | bool

_DEEPEST = 6


@dataclass
class Bindings:
    """The assignments that stand before an expanded expression, in order."""

    prefix: str = "t"
    statements: list[Assign] = field(default_factory=list)

    def bind(self, value: Expression) -> Local:
        """Name a value."""
        local = Local(f"{self.prefix}{len(self.statements)}", value.dtype)
        self.statements.append(Assign(local, value))
        return local


@dataclass
class Graph:
    """The operations made so far, each once; operands stand before what uses them."""

    fused: bool = True
    made: dict[tuple[object, ...], Expression] = field(default_factory=dict)
    given: list[Expression] = field(default_factory=list)

    def term(self, expression: Expression) -> Term:
        """Return a term for an expression from outside, of which no part is looked at."""
        self.given.append(expression)
        return Term(self, expression)

    def number(self, value: Value, dtype: DType) -> Term:
        """Return a constant of that dtype."""
        number = Number(dtype.type(value).item(), dtype)
        return Term(self, self.made.setdefault((repr(number.value), dtype), number))

    def op(self, name: str, arguments: tuple[Term, ...], dtype: DType) -> Term:
        """Return an operation's result."""
        key = (name, dtype, *(id(a.expression) for a in arguments))
        if key not in self.made:
            self.made[key] = Op(name, tuple(a.expression for a in arguments), dtype)
        return Term(self, self.made[key])

    def close(self, result: Term, bindings: Bindings) -> Expression:
        """Return the result's expression, naming what is used twice (or nested too deeply)."""
        uses = self._uses(result.expression)
        done: dict[int, tuple[Expression, int]] = {}
        for node in (*self.given, *self.made.values()):
            if uses[id(node)]:
                done[id(node)] = _closed(node, uses[id(node)], done, bindings)
        return done[id(result.expression)][0]

    def _uses(self, result: Expression) -> Counter[int]:
        uses = Counter((id(result),))
        for node in reversed(self.made.values()):
            if isinstance(node, Op) and uses[id(node)]:
                uses.update(id(a) for a in node.arguments)
        return uses


def _closed(
    node: Expression, uses: int, done: dict[int, tuple[Expression, int]], bindings: Bindings
) -> tuple[Expression, int]:
    """Return the expression to use for a node, and how deeply it is nested."""
    if isinstance(node, Number | Local):
        return node, 0
    depth = 1
    if isinstance(node, Op) and all(id(a) in done for a in node.arguments):
        parts = [done[id(a)] for a in node.arguments]
        node = Op(node.name, tuple(e for e, _ in parts), node.dtype)
        depth += max(d for _, d in parts)
    if uses > 1 or depth > _DEEPEST:
        return bindings.bind(node), 0
    return node, depth


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """An expression that operators combine; numbers take the dtype of the other operand."""

    graph: Graph
    expression: Expression

    @property
    def dtype(self) -> DType:
        """The expression's dtype."""
        return self.expression.dtype

    def apply(self, name: str, *others: Term | Value, dtype: DType | None = None) -> Term:
        """Return a machine operation on this and other terms of its dtype."""
        terms = tuple(self.like(o) for o in others)
        found = dtype or (bool_ if name in COMPARISONS else self.dtype)
        return self.graph.op(name, (self, *terms), found)

    def like(self, value: Term | Value) -> Term:
        """Return a number as a term of this term's dtype (a term as it is)."""
        return value if isinstance(value, Term) else self.graph.number(value, self.dtype)

    def __add__(self, other: Term | Value) -> Term:
        return self.apply("add", other)

    def __radd__(self, other: Value) -> Term:
        return self.like(other) + self

    def __sub__(self, other: Term | Value) -> Term:
        return self.apply("subtract", other)

    def __rsub__(self, other: Value) -> Term:
        return self.like(other) - self

    def __mul__(self, other: Term | Value) -> Term:
        return self.apply("multiply", other)

    def __rmul__(self, other: Value) -> Term:
        return self.like(other) * self

    def __truediv__(self, other: Term | Value) -> Term:
        return self.apply("divide", other)

    def __rtruediv__(self, other: Value) -> Term:
        return self.like(other) / self

    def __neg__(self) -> Term:
        return self.apply("negative")

    def __abs__(self) -> Term:
        return self.apply("abs")

    def __lt__(self, other: Term | Value) -> Term:
        return self.apply("less", other)

    def __le__(self, other: Term | Value) -> Term:
        return self.apply("less_equal", other)

    def __gt__(self, other: Term | Value) -> Term:
        return self.like(other) < self

    def __ge__(self, other: Term | Value) -> Term:
        return self.like(other) <= self

    def __and__(self, other: Term | Value) -> Term:
        return self.apply("and", other)

    def __or__(self, other: Term | Value) -> Term:
        return self.apply("or", other)

    def __xor__(self, other: Term | Value) -> Term:
        return self.apply("xor", other)

    def __invert__(self) -> Term:
        return self.apply("not")

    def __lshift__(self, count: int) -> Term:
        return self.apply("shift_left", count)

    def __rshift__(self, count: int) -> Term:
        return self.apply("shift_right", count)

    def equals(self, other: Term | Value) -> Term:
        """Compare for equality (false for NaN)."""
        return self.apply("equal", other)

    def differs(self, other: Term | Value) -> Term:
        """Compare for inequality (true for NaN)."""
        return self.apply("not_equal", other)

    def convert(self, dtype: DType) -> Term:
        """Return the value in another dtype."""
        return self if dtype == self.dtype else self.apply("convert", dtype=dtype)

    def bits(self, dtype: DType) -> Term:
        """Return the same bits as another dtype of the same width."""
        return self.apply("bitcast", dtype=dtype)


def fma(a: Term, b: Term | Value, c: Term | Value) -> Term:
    """Return a·b + c rounded once (nearly so if the machine has no such instruction)."""
    if a.graph.fused:
        return a.apply("fma", b, c)
    separate = _through_float64 if a.dtype == float32 else _through_pairs
    return separate(a, a.like(b), a.like(c))


def _through_float64(a: Term, b: Term, c: Term) -> Term:
    """Multiply exactly, and round the sum twice."""
    exact = a.convert(float64) * b.convert(float64)
    return (exact + c.convert(float64)).convert(float32)


def _through_pairs(a: Term, b: Term, c: Term) -> Term:
    """Multiply exactly as a pair (Dekker 1971), add to it exactly, and round its sum."""
    high = a * b
    (ah, al), (bh, bl) = _halves(a), _halves(b)
    low = ((ah * bh - high) + ah * bl + al * bh) + al * bl
    total = high + c
    part = total - high
    lost = (high - (total - part)) + (c - part)
    # Where a half or the product is infinite, the errors are NaN and what is lost is nothing.
    rest = lost + low
    return total + select(rest.equals(rest), rest, 0.0)


def _halves(a: Term) -> tuple[Term, Term]:
    """Return a rounded to 26 bits, on its pattern so that nothing overflows, and the rest."""
    high = ((a.bits(int64) + 2**26) & -(2**27)).bits(float64)
    return high, a - high


def select(condition: Term, a: Term | Value, b: Term | Value) -> Term:
    """Return a where the condition holds and b elsewhere (one of them a term)."""
    first = a if isinstance(a, Term) else b
    assert isinstance(first, Term)
    return condition.graph.op("select", (condition, first.like(a), first.like(b)), first.dtype)


def polynomial(x: Term, coefficients: tuple[float, ...]) -> Term:
    """Return Σ cᵢ xⁱ by Horner's rule."""
    value = x.like(coefficients[-1])
    for c in reversed(coefficients[:-1]):
        value = fma(value, x, c)
    return value
