"""Pointwise functions of a kernel's element, applied before it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lamina.compiler.elementary import Bindings, expand
from lamina.compiler.ir import Assign, Buffer, Expression, Load, Local, Statement, Store, op
from lamina.compiler.lowering.building import Body
from lamina.ops.scalar import Scalar

BASE = -1
"""The argument that is the element which the kernel itself computes."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One function. Its arguments are arrays by number, `BASE`, or -2 - n for stage number n."""

    function: Scalar
    arguments: tuple[int, ...]


class Finish:
    """What happens with an element: functions of it and of other arrays' elements, and stores.

    ``stores`` says which buffer each result goes to: BASE, or a stage's number. A buffer may
    be an array that is read too: all reads come first. ``sums`` says to which variable a result
    is added.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        arrays: Sequence[Buffer],
        stores: Mapping[int, Buffer],
        fma: bool,
        sums: Mapping[int, Local] | None = None,
    ) -> None:
        self.stages, self.arrays, self.stores, self.fma = stages, arrays, stores, fma
        self.sums = dict(sums or {})

    @property
    def overwrites(self) -> bool:
        """Whether an array that is read is written too."""
        return any(buffer in self.arrays for buffer in self.stores.values())

    def __call__(self, indices: tuple[Expression, ...], base: Expression | None) -> Body:
        """Return the statements for the element at these indices."""
        bindings = Bindings()
        reads = [self._read(n, indices, bindings) for n in range(len(self.arrays))]
        known: dict[int, Expression] = dict(enumerate(reads))
        if base is not None:
            known[BASE] = base
        for number, stage in enumerate(self.stages):
            arguments = tuple(known[a] for a in stage.arguments)
            value = expand(stage.function, arguments, bindings, fused=self.fma)
            known[-2 - number] = self._named(value, number, bindings)
        ends: list[Statement] = [
            Store(buffer, indices, known[_key(n)]) for n, buffer in self.stores.items()
        ]
        ends += [Assign(t, op("sum", t, known[_key(n)])) for n, t in self.sums.items()]
        return (*bindings.statements, *ends)

    def _read(self, n: int, indices: tuple[Expression, ...], bindings: Bindings) -> Expression:
        load = Load(self.arrays[n], indices)
        return bindings.bind(load) if self.arrays[n] in self.stores.values() else load

    def _named(self, value: Expression, number: int, bindings: Bindings) -> Expression:
        """Name a result that is used more than once."""
        uses = sum(stage.arguments.count(-2 - number) for stage in self.stages)
        uses += (number in self.stores) + (number in self.sums)
        return bindings.bind(value) if uses > 1 and not isinstance(value, Local) else value


def _key(result: int) -> int:
    """Return the argument that a result is."""
    return BASE if result == BASE else -2 - result


def stored(out: Buffer) -> Finish:
    """Return the finish that only stores the element."""
    return Finish((), (), {BASE: out}, False)
