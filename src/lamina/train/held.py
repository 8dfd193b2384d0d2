"""Weights, buffers and optimiser state in memory of their own, which native steps overwrite.

Everywhere else values never change: a node, an array or a view of one that somebody holds stays
what it is. A step that writes in place keeps to that by counting references. What it overwrites was
made here, so all references to it are known, and one more means that somebody looks at it: a view
of a weight, a snapshot of the state, a graph that has read the weight, another program that is
bound to it. That one keeps the old array, and the handle gets a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter, is_
from sys import getrefcount
from typing import Any

from lamina.compiler.memory import copied
from lamina.compiler.objects import EXTRA, slot
from lamina.compiler.watching import Table
from lamina.optim import Optimizer
from lamina.tensors import Tensor
from lamina.tensors.handle import known

Place = tuple[dict[str, Any], str]
_node = attrgetter("node")
_get: Any = dict.get
NODE = slot(Tensor, "node")


def slots(optimiser: Optimizer) -> Iterator[Place]:
    """Yield every place of an optimiser's state that holds a tensor."""
    for entries in optimiser.state.values():
        for name, value in entries.items():
            if isinstance(value, Tensor):
                yield entries, name


class Held:
    """The tensors of a model and an optimiser, each with an array that only its handle refers to.

    Args:
        handles: the model's parameters and buffers; they stay the same objects.
        optimiser: whose state's tensors are replaced by others of the same values.
    """

    def __init__(self, handles: Sequence[Tensor], optimiser: Optimizer) -> None:
        self._handles = list(handles)
        self._optimiser = optimiser
        self._state = optimiser.state
        self._owners, self._entries = list(self._state), list(self._state.values())
        self._places = list(slots(optimiser))
        self._names = [name for _, name in self._places]
        owners = {id(entries): owner for owner, entries in self._state.items()}
        self._slot_owners = [owners[id(entries)] for entries, _ in self._places]
        self._slots = [d[name] for d, name in self._places]
        given = [*self._handles, *self._slots]
        self.nodes = [tensor.node for tensor in given]
        self.arrays = [tensor.value for tensor in given]
        self._watched: list[Any] = []
        self._counts: list[int] = []
        self._renew(range(len(given)))

    def fits(self, handles: Sequence[Tensor]) -> bool:
        """Return whether these are still the model's handles, and the state has its places."""
        return (
            len(handles) == len(self._handles)
            and all(map(is_, handles, self._handles))
            and self._same_state()
            and [name for _, name in slots(self._optimiser)] == self._names
        )

    def _same_state(self) -> bool:
        state = self._optimiser.state
        return (
            state is self._state
            and len(state) == len(self._owners)
            and all(map(is_, map(state.get, self._owners), self._entries))
        )

    def untouched(self) -> bool:
        """Return whether everything is as the last step left it, and nobody else refers to it."""
        state = self._optimiser.state
        slots: Any = map(_get, map(state.get, self._slot_owners), self._names)
        try:
            return (
                list(map(getrefcount, self._watched)) == self._counts
                and list(map(_node, self._handles)) == self._handle_nodes
                and list(map(_node, slots)) == self._slot_nodes
                and len(state) == len(self._owners)
            )
        except (AttributeError, TypeError):  # a place of the state is gone
            return False

    def table(self) -> Table:
        """Return the same look for native code: at what there is now, if it is untouched.

        It holds for the state's dict of now. It keeps lists of what is watched, and so refers to
        nothing in them a second time; it must be gone before anything is renewed.
        """
        table, state = Table(), self._optimiser.state
        table.counted(self._watched, [count - EXTRA for count in self._counts])
        for handle, node in zip(self._handles, self._handle_nodes, strict=True):
            table.slot(handle, NODE, node)
        own = {id(tensor): node for tensor, node in zip(self._slots, self._slot_nodes, strict=True)}
        for at, node in own.items():
            table.holds(at + (NODE or 0), id(node))
        table.entries(state)
        for entries in state.values():
            table.entries(entries, values_kept=True)
            table.keep([value for value in entries.values() if id(value) not in own])
        return table

    def renew(self) -> bool:
        """Give new arrays where somebody assigned or looked; return whether that was so."""
        counts = list(map(getrefcount, self._watched))
        touched = [n for n in range(len(self.nodes)) if self._assigned(n) or self._seen(n, counts)]
        if touched:
            self._renew(touched)
        return bool(touched)

    def _assigned(self, number: int) -> bool:
        place = number - len(self._handles)
        if place < 0:
            return self._handles[number].node is not self.nodes[number]
        entries, name = self._places[place]
        slot = self._slots[place]
        return entries[name] is not slot or slot.node is not self.nodes[number]

    def _seen(self, number: int, counts: list[int]) -> bool:
        size, first = len(self.nodes), len(self._handles)
        places = [number, size + number, *([size + number + size - first] * (number >= first))]
        return any(counts[n] != self._counts[n] for n in places)

    def watch(self) -> None:
        """Take the present references for those that are known."""
        # Everybody may refer to a handle, but to a tensor of the state only the state does.
        self._handle_nodes = self.nodes[: len(self._handles)]
        self._slot_nodes = self.nodes[len(self._handles) :]
        self._watched = [*self.nodes, *self.arrays, *self._slots]
        self._counts = list(map(getrefcount, self._watched))

    def _renew(self, numbers: Iterable[int]) -> None:
        self._watched = []
        for number in numbers:
            place = number - len(self._handles)
            if place < 0:
                self._handles[number].assign(_own(self._handles[number]))
                self._note(number, self._handles[number])
            else:
                entries, name = self._places[place]
                self._slots[place] = entries[name] = _own(entries[name])
                self._note(number, self._slots[place])
        self.watch()

    def _note(self, number: int, tensor: Tensor) -> None:
        self.nodes[number], self.arrays[number] = tensor.node, tensor.value


def _own(tensor: Tensor) -> Tensor:
    """Return a tensor of the same values in memory of its own."""
    return known(copied(tensor.value), tensor.node.type)
