"""Products of Winograd's factors and terms: a tile of sums in registers, and its size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from lamina.compiler.ir import LANE, Assign, Expression, For, Load, Local, Statement, op
from lamina.compiler.lowering.building import count, zero
from lamina.compiler.lowering.schedule import multiplication_cost
from lamina.compiler.machines import Machine
from lamina.core.types import DType


@dataclass(frozen=True, slots=True)
class Product:
    """A tile of sums in registers: of single elements, by row, times vectors.

    The sums are over a loop; ``end`` says what is done with the one of a row and a vector.
    """

    rows: int
    vectors: int
    loop: str
    extent: int
    element: Callable[[int], Load]
    vector: Callable[[int], Load]
    end: Callable[[int, int, Expression], Statement]

    def body(self, width: int) -> For:
        """Return the loop over lanes around the sums."""
        kind = self.vector(0).dtype
        keys = list(product(range(self.rows), range(self.vectors)))
        sums = {key: Local("sum{}_{}".format(*key), kind) for key in keys}
        start = [Assign(total, zero(kind)) for total in sums.values()]
        steps = count(self.loop, self.extent, *self._step(sums, kind))
        ends = [self.end(*key, total) for key, total in sums.items()]
        return replace(count(LANE, width, *start, steps, *ends), lanes=width)

    def _step(self, sums: dict[tuple[int, int], Local], kind: DType) -> Iterator[Statement]:
        """Yield the products of one step: vectors first, each element right before its use."""
        vectors = [Local(f"vector{n}", kind) for n in range(self.vectors)]
        for n, vector in enumerate(vectors):
            yield Assign(vector, self.vector(n))
        element = Local("element", kind)
        for r in range(self.rows):
            yield Assign(element, self.element(r))
            for n, vector in enumerate(vectors):
                total = sums[r, n]
                yield Assign(total, op("sum", total, op("multiply", element, vector)))


def tile(rows: int, vectors: int, machine: Machine) -> tuple[int, int]:
    """Return the rows and vectors of the fastest tile of sums that leaves nothing over."""
    sizes = {
        (size, each.vectors)
        for each in machine.tiles()
        for size in range(1, each.rows + 1)
        if rows % size == 0 and vectors % each.vectors == 0
    }
    return min(sizes, key=lambda size: (multiplication_cost((rows, vectors), *size), -size[0]))


def together(columns: int, vectors: int, most: int) -> tuple[int, int]:
    """Return how many tiles make a group, and how many vectors of each are done at once.

    Neighbours share inputs, so that more tiles are better than more vectors.
    """
    pairs = product(_divisors(columns), _divisors(vectors))
    return max((p for p in pairs if prod(p) <= most), key=lambda p: (prod(p), p))


def _divisors(n: int) -> list[int]:
    return [k for k in range(1, n + 1) if n % k == 0]
