"""The adjoint of a contraction is a contraction: solve each index equation for one loop.

For ``out[o] = Σ_k A[α(o,k)] · B[β(o,k)]`` and a cotangent G of ``out``,

    dA[i] = Σ_{o,k : α(o,k) = i}  G[o] · B[β(o,k)].

Every axis of A gives one equation ``α_j(o,k) = i_j``. It is solved

1. for an *output* loop where it has one: G is read at the solution, which keeps both the
   loop's range and the exactness of the division;
2. else for a reduction loop: a guard keeps its range, unless it provably stays inside;
3. an equation with no loop left becomes a guard that it holds.
"""

from __future__ import annotations

from functools import lru_cache

from lamina.core.types import Shape
from lamina.ops.affine import AffineIndex, difference, solve, unit
from lamina.ops.contraction import Contraction, Guard, Read


def adjoint(contraction: Contraction, operand: int) -> Contraction:
    """Return the contraction that maps (cotangent, other operands) to ``operand``'s cotangent."""
    return _adjoint(contraction, operand, contraction.loop_names)


@lru_cache(maxsize=4096)
def _adjoint(contraction: Contraction, operand: int, names: tuple[str, ...]) -> Contraction:
    """Cache by the loops' names too: contractions that differ in them are equal."""
    return _Solver(contraction, operand).solve()


class _Solver:
    """Loops are numbered: first the axes of the operand (new outputs), then the old loops."""

    def __init__(self, contraction: Contraction, operand: int) -> None:
        self.target = contraction.reads[operand].shape
        self.rank = len(self.target)
        self.out_rank = contraction.out_rank
        self.extents: Shape = self.target + contraction.extents
        self.names = _axis_names(contraction, operand) + contraction.names()
        out_read = Read(contraction.out_shape, self._outputs())
        others = [r for i, r in enumerate(contraction.reads) if i != operand]
        self.reads = [out_read, *(read.changed(self._lift) for read in others)]
        self.guards = [guard.changed(self._lift) for guard in contraction.guards]
        self.equations = [self._lift(i) for i in contraction.reads[operand].indices]
        self.eliminated: set[int] = set()

    def _outputs(self) -> tuple[AffineIndex, ...]:
        width = len(self.extents)
        return tuple(unit(self.rank + axis, width) for axis in range(self.out_rank))

    def _lift(self, index: AffineIndex) -> AffineIndex:
        zeros = (0,) * self.rank
        return AffineIndex(index.constant, zeros + index.coefficients, index.divisor)

    def solve(self) -> Contraction:
        for axis in range(self.rank):
            self._solve_axis(axis)
        return self._finish()

    def _solve_axis(self, axis: int) -> None:
        equation = self.equations[axis]
        loop = self._choose(equation)
        if loop is None:
            zero = difference(equation, axis)
            if zero.constant or any(zero.coefficients):
                self.guards.append(Guard(zero, 1))
            return
        by = solve(equation, loop, axis)
        self.eliminated.add(loop)
        self._substitute(loop, by)
        if loop >= self.rank + self.out_rank:
            self.guards.append(Guard(by, self.extents[loop]))

    def _choose(self, equation: AffineIndex) -> int | None:
        """Prefer output loops to reduction loops, and among equals the smallest coefficient."""
        loops = [n for n in range(self.rank, len(self.extents)) if equation.coefficients[n]]
        if not loops:
            return None
        first_reduction = self.rank + self.out_rank
        return min(loops, key=lambda n: (n >= first_reduction, abs(equation.coefficients[n])))

    def _substitute(self, loop: int, by: AffineIndex) -> None:
        def change(index: AffineIndex) -> AffineIndex:
            return index.substitute(loop, by)

        self.reads = [read.changed(change) for read in self.reads]
        self.guards = [guard.changed(change) for guard in self.guards]
        self.equations = list(map(change, self.equations))

    def _finish(self) -> Contraction:
        kept = [n for n in range(len(self.extents)) if n not in self.eliminated]
        extents = tuple(self.extents[n] for n in kept)
        reads = tuple(read.changed(lambda index: index.take(kept)) for read in self.reads)
        guards = [guard.changed(lambda index: index.take(kept)) for guard in self.guards]
        needed = tuple(g for g in guards if not g.index.stays_inside(extents, g.size))
        names = tuple(self.names[n] for n in kept)
        return Contraction(extents, self.rank, reads, needed, names)


def _axis_names(contraction: Contraction, operand: int) -> tuple[str, ...]:
    """Name an axis after the loop that alone runs along it, if there is one."""
    loops = contraction.names()
    names = []
    for index in contraction.reads[operand].indices:
        used = [loop for loop, c in zip(loops, index.coefficients, strict=True) if c]
        names.append(used[0] if len(used) == 1 else "")
    return tuple(n if n and names.count(n) == 1 else "ijklmnpq"[a % 8] for a, n in enumerate(names))
