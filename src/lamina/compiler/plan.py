"""What there is to do: kernels and their calls, and the memory they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lamina.compiler.arena import Storage
from lamina.compiler.ir import Kernel
from lamina.compiler.layouts import Layout
from lamina.core.types import Array, Type


@dataclass(slots=True)
class Plan:
    """Kernels, what each is called with, and the memory they need.

    Pointers are numbered: inputs first, then constants, then outputs, then temporaries. An
    output that replaces an input is that input's memory; ``outputs`` are the other ones.

    The first ``prepared`` calls depend on static inputs and constants alone, and what they
    write stays: they are done once. Memory that is `kept` holds zeros at first.
    """

    kernels: list[Kernel] = field(default_factory=list)
    calls: list[list[int]] = field(default_factory=list)
    which: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    prepared: int = 0
    constants: list[Array] = field(default_factory=list)
    outputs: list[Type] = field(default_factory=list)
    temporaries: list[Storage] = field(default_factory=list)
    arena: int = 0


@dataclass(slots=True)
class Place:
    """How and where a node's value lies."""

    layout: Layout
    storage: Storage


def renumber(storages: Sequence[Storage], calls: list[list[int]]) -> None:
    """Put temporaries after everything external, in the numbering of pointers."""
    order = sorted(storages, key=lambda s: not s.external)
    new = {s.number: n for n, s in enumerate(order)}
    for call in calls:
        call[:] = [new[n] for n in call]
