"""What neither weighs nor bends: rearranged values, and sums of branches."""

from __future__ import annotations

from functools import reduce

from lamina.insight.derivation.mathematics import Fenced, Math, Power, Word, applied, row
from lamina.insight.derivation.text import Text
from lamina.insight.trace.rules.base import Claim, Rule, View
from lamina.insight.trace.units import Unit
from lamina.ops.pointwise import Cast, Pointwise
from lamina.ops.structure import Alias, Reshape


class Rearrangement(Rule):
    """The same numbers in another shape; δ goes back into the old one."""

    words = Text("rearranged values", "改变形状")

    def forward(self, view: View) -> Claim:
        return Claim(applied("reshape", view.inputs[0]), view.x().reshape(view.y.shape))

    def pull(self, view: View, index: int) -> Claim:
        return Claim(
            row(Power(Word("vec"), Word("−1")), Fenced(view.delta)), view.g.reshape(view.x().shape)
        )


class Sum(Rule):
    """z = Σ of the branches; each branch gets the whole of δ."""

    words = Text("sum of branches", "支路之和")

    def forward(self, view: View) -> Claim:
        parts: list[Math | str] = []
        for symbol in view.inputs:
            parts += ["+", symbol] if parts else [symbol]
        values = [view.x(k) for k in range(len(view.inputs))]
        return Claim(row(*parts), reduce(lambda a, b: a + b, values))

    def pull(self, view: View, index: int) -> Claim:
        return Claim(view.delta, view.g)


def is_rearrangement(unit: Unit) -> bool:
    """Whether a unit only gives its input another shape (or dtype)."""
    kinds = (Reshape, Alias, Cast)
    return len(unit.inputs) == 1 and all(isinstance(n.operation, kinds) for n in unit.nodes)


def is_sum(unit: Unit) -> bool:
    """Whether a unit adds branches of one shape."""
    node = unit.output
    single = len(unit.nodes) == 1 and isinstance(node.operation, Pointwise)
    return single and node.operation.name == "add" and len(unit.inputs) == len(node.operands) == 2
