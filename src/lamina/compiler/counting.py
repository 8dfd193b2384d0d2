"""How many operations a kernel does: loops counted without running them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from lamina.compiler.ir import (
    CHUNK,
    Affine,
    Expression,
    For,
    If,
    Kernel,
    Limit,
    Op,
    Prefetch,
    Statement,
    Turn,
)

Body = tuple[Statement, ...]


def flops(kernel: Kernel) -> int:
    """Return how many multiplications and additions of sums a kernel does in all its chunks.

    What is beyond a border is not done and not counted, and where a tile overlaps its neighbour
    each element counts once.
    """
    counter = _Counter()
    return round(sum(counter.body(kernel.body, {CHUNK: n}) for n in range(kernel.chunks)))


@dataclass
class _Counter:
    """Counts each body once for the values of those outer loops that its limits depend on."""

    names: dict[int, frozenset[str]] = field(default_factory=dict)
    known: dict[tuple[int, tuple[tuple[str, int], ...]], Fraction] = field(default_factory=dict)

    def body(self, body: Body, loops: Mapping[str, int]) -> Fraction:
        """Return how many operations a body does where outer loops have these values."""
        needed = self.dependencies(body)
        key = id(body), tuple((n, v) for n, v in loops.items() if n in needed)
        if key not in self.known:
            counts = (self.statement(statement, loops) for statement in body)
            self.known[key] = sum(counts, Fraction(0))
        return self.known[key]

    def statement(self, statement: Statement, loops: Mapping[str, int]) -> Fraction:
        if isinstance(statement, If):
            return self.body(statement.body, loops)
        if isinstance(statement, Prefetch | Turn):
            return Fraction(0)
        if not isinstance(statement, For):
            return Fraction(_sums(statement.value))
        start = max(-(-_value(x.affine, loops) // x.divisor) for x in statement.starts)
        stop = min(_value(x.affine, loops) // x.divisor for x in statement.stops)
        indices = range(start, stop, statement.step)
        if statement.loop not in self.dependencies(statement.body):
            once = self.body(statement.body, loops) if indices else 0
            return once * Fraction(max(stop - start, 0), statement.step)
        return sum(
            (self.body(statement.body, {**loops, statement.loop: n}) for n in indices), Fraction(0)
        )

    def dependencies(self, body: Body) -> frozenset[str]:
        """Return the loops that limits inside a body depend on."""
        if id(body) not in self.names:
            self.names[id(body)] = frozenset(
                name
                for statement in body
                if isinstance(statement, For | If)
                for name in (*_limits(statement), *self.dependencies(statement.body))
            )
        return self.names[id(body)]


def _limits(statement: For | If) -> Sequence[str]:
    limits: tuple[Limit, ...] = ()
    if isinstance(statement, For):
        limits = (*statement.starts, *statement.stops)
    return [name for limit in limits for name, _ in limit.affine.terms]


def _value(affine: Affine, loops: Mapping[str, int]) -> int:
    return affine.constant + sum(c * loops[n] for n, c in affine.terms)


def _sums(value: Expression) -> int:
    """Return 2 for a sum with a product, 1 for any other sum, 0 for anything else."""
    if not isinstance(value, Op) or value.name != "sum":
        return 0
    term = value.arguments[1]
    return 2 if isinstance(term, Op) and term.name == "multiply" else 1
