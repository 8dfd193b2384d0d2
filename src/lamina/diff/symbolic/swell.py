"""How formulas of derivatives grow, beside what automatic differentiation does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import sympy

from lamina.diff.automatic import Cost
from lamina.diff.interface import Function
from lamina.diff.symbolic.engine import count, formulas
from lamina.tensors import Tensor


@dataclass(frozen=True)
class Size:
    """Operations at one depth.

    Attributes:
        depth: how often the function is composed, say.
        value, derivative: operations of f and of its derivatives, written out.
        shared: of the derivatives, with equal parts computed once.
        automatic: of f and its gradient in one pass of reverse mode.
    """

    depth: int
    value: int
    derivative: int
    shared: int
    automatic: int


@dataclass(frozen=True)
class Swell:
    """Sizes by depth."""

    rows: tuple[Size, ...]

    def __str__(self) -> str:
        """Return a table."""
        head = f"{'depth':>5} {'f':>10} {'derivative':>12} {'with sharing':>14} {'automatic':>11}"
        lines = [
            f"{r.depth:>5} {r.value:>10,} {r.derivative:>12,} {r.shared:>14,} {r.automatic:>11,}"
            for r in self.rows
        ]
        return "\n".join([head, *lines])


def swell(family: Callable[[int], Function], depths: Iterable[int], x: Tensor) -> Swell:
    """Measure functions of growing depth at points like x.

    Source: nndl, section 4.5.2; Griewank and Walther, *Evaluating Derivatives*, chapter 1.

    >>> import lamina
    >>> from lamina.diff.examples import iterated
    >>> found = swell(iterated, (2, 4), lamina.tensor(0.3))
    >>> found.rows[1].derivative > 3 * found.rows[0].derivative
    True
    >>> found.rows[1].automatic == 2 * found.rows[0].automatic
    True
    """
    return Swell(tuple(_size(depth, family(depth), x) for depth in depths))


def _size(depth: int, f: Function, x: Tensor) -> Size:
    found = formulas(f, x)
    parts, rest = sympy.cse(list(found.jacobian.ravel()))
    shared = sum(sympy.count_ops(e) for e in (*(part for _, part in parts), *rest))
    automatic = Cost.of(f, x).reverse
    return Size(depth, count(found.value), count(found.jacobian), int(shared), automatic)
