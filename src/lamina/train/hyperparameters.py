"""An optimiser's hyperparameters as inputs of a compiled step.

Floats are small arrays that the program reads, so that a schedule does not need new code. Zeros
(no momentum, say), booleans and all else is compiled in. What is an input depends on the values
now, not on those before, so that a resumed run has the same code as an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lamina.compiler.watching import Table
from lamina.core.node import Node
from lamina.core.types import Array
from lamina.optim import Optimizer
from lamina.optim.groups import NOTES
from lamina.tensors import Tensor
from lamina.tensors.tree import leaves, map_tree
from lamina.train.held import NODE

RATE = "lr"
Key = tuple[int, str]


class Hyperparameters:
    """What a step reads of an optimiser's groups."""

    def __init__(self, optimiser: Optimizer) -> None:
        self._optimiser = optimiser
        self._seen: list[Any] = []
        self._ids: list[int] = []
        self._tensors: list[tuple[Tensor, Node]] = []
        #: The inputs, as the arrays that the program reads.
        self.arrays: list[Array] = []
        #: Their values now.
        self.values: tuple[Any, ...] = ()
        #: All that is compiled in: part of what makes a step need code of its own.
        self.fixed: tuple[Any, ...] = ()

    def unchanged(self) -> bool:
        """Return whether no group holds anything else than at the last `notice`."""
        # What was seen is referred to, so no other object can have its number.
        ids: list[int] = []
        for group in self._optimiser.param_groups:
            ids += map(id, group.values())
        return ids == self._ids and (
            not self._tensors or all(tensor.node is node for tensor, node in self._tensors)
        )

    def table(self) -> Table:
        """Return the same look for native code: at the groups that there are now, as they are."""
        table = Table()
        table.items(self._optimiser.param_groups)
        for group in self._optimiser.param_groups:
            table.entries(group)
        for tensor, node in self._tensors:
            table.keep(node)
            table.slot(tensor, NODE, node)
        return table

    def follow(self) -> bool:
        """Take over new values of the inputs; return whether nothing else has changed."""
        arrays, fixed = self.arrays, self.fixed
        self.notice()
        return self.arrays is arrays and self.fixed == fixed

    def notice(self) -> None:
        """Take over what the groups hold now."""
        self._seen = [v for group in self._optimiser.param_groups for v in group.values()]
        self._ids = list(map(id, self._seen))
        given = self._inputs()
        self._tensors = [(v, v.node) for v in given if isinstance(v, Tensor)]
        fresh = [np.array(v if isinstance(v, Tensor) else float(v)) for v in given]
        if [a.dtype for a in fresh] != [a.dtype for a in self.arrays]:
            self.arrays = fresh
        self.fixed = self._fixed()
        self.put(tuple(v.item() if isinstance(v, Tensor) else v for v in given))

    def put(self, values: tuple[Any, ...]) -> None:
        """Write values of the inputs to their arrays."""
        self.values = values
        for array, value in zip(self.arrays, values, strict=True):
            array[()] = value

    def _fixed(self) -> tuple[Any, ...]:
        inputs = {key for _, key, _ in self._numbers()}
        rest = [
            (number, name, repr(value))
            for number, group in enumerate(self._optimiser.param_groups)
            for name, value in group.items()
            if name not in NOTES and (number, name) not in inputs
        ]
        return (*rest, *sorted(inputs))

    def replace(self, tensors: list[Tensor]) -> list[tuple[dict[str, Any], str, Any]]:
        """Put tensors in the places of the inputs; return what was there, to be put back."""
        remaining = iter(tensors)
        old = [(group, name, value) for group, (_, name), value in self._numbers()]
        for group, name, value in old:
            group[name] = map_tree(lambda _: next(remaining), value)
        return old

    def _inputs(self) -> list[Any]:
        return leaves([value for _, _, value in self._numbers()])

    def _numbers(self) -> Iterator[tuple[dict[str, Any], Key, Any]]:
        """Yield every hyperparameter that is an input: a number or a tuple of them (betas)."""
        for number, group in enumerate(self._optimiser.param_groups):
            for name, value in group.items():
                if name not in NOTES and _is_input(name, value):
                    yield group, (number, name), value


def _is_input(name: str, value: Any) -> bool:
    if name == RATE:
        return isinstance(value, int | float | Tensor)
    numbers = leaves(value)
    zero = isinstance(value, float) and value == 0
    return bool(numbers) and not zero and all(isinstance(v, float | Tensor) for v in numbers)
