"""The instruction sets that code is generated for, and the register tiles that fit them.

A contraction's micro-kernel keeps ``rows × vectors`` accumulators in registers. In every step it
loads `vectors` vectors of one operand and `rows` single elements of the other, and multiplies
each with each. The tiles follow from the registers by one rule: accumulators, vectors, the
registers for elements, and the product (where there is no fused multiply-add) fit together. LLVM
keeps them there if the code loads each element right before its products: where the code loads
all of them first, the largest tiles spill.

The processor named to LLVM comes from the table and never from the host: a virtual machine may
report any model, and equal machines shall get equal code.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from lamina.core.errors import ArgumentError

SETTING = "LAMINA_MACHINE"
ALIASES = {"amd64": "x86_64", "arm64": "aarch64"}
V3 = (
    *("cx16", "popcnt", "sahf", "sse3", "ssse3", "sse4.1", "sse4.2"),
    *("avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"),
)
V4 = (*V3, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """A micro-kernel's accumulators: single elements of one operand × vectors of the other."""

    rows: int
    vectors: int

    @property
    def loads_per_multiplication(self) -> float:
        """Vectors and elements loaded for each vector multiplication."""
        return (self.rows + self.vectors) / (self.rows * self.vectors)


@dataclass(frozen=True, slots=True)
class Machine:
    """An instruction set: how LLVM calls it, and its vector registers."""

    name: str
    #: The processor and the features to give to LLVM.
    cpu: str
    features: str
    #: The architecture of a host that runs it ("" for any), and the features it must have.
    architecture: str
    requires: tuple[str, ...]
    vector_bytes: int
    registers: int
    #: Whether ``a·b + c``, rounded once, is an instruction (elsewhere it is a slow call).
    fma: bool
    #: Whether one element of a vector register can be multiplied with a whole vector. Then
    #: single elements are loaded a vector at a time.
    multiplies_by_lane: bool = False
    #: Bytes that one core keeps near at hand: most of a second-level cache.
    cache: int = 1536 * 1024

    def lanes(self, itemsize: int) -> int:
        """How many elements of `itemsize` bytes fill a vector register."""
        return self.vector_bytes // itemsize

    def fits(self, tile: Tile, itemsize: int = 4) -> bool:
        """Whether the tile's accumulators and operands fit the registers together."""
        elements = -(-tile.rows // self.lanes(itemsize)) if self.multiplies_by_lane else 1
        used = tile.rows * tile.vectors + tile.vectors + elements + (not self.fma)
        return used <= self.registers

    def rows(self, vectors: int, itemsize: int = 4) -> int:
        """The most rows of a tile of that many vectors; 0 where none fits.

        >>> [named("avx512").rows(vectors) for vectors in (1, 2, 3, 4)]
        [30, 14, 9, 6]
        >>> [named("avx2").rows(vectors) for vectors in (1, 2, 3, 4)]
        [14, 6, 4, 2]
        """
        fitting = (r for r in range(self.registers, 0, -1) if self.fits(Tile(r, vectors), itemsize))
        return next(fitting, 0)

    def tiles(self, itemsize: int = 4) -> tuple[Tile, ...]:
        """The largest tile of each number of vectors, the one with the fewest loads first.

        >>> [(tile.rows, tile.vectors) for tile in named("avx2").tiles()]
        [(4, 3), (6, 2), (2, 5), (2, 4), (14, 1), (1, 7), (1, 6)]
        """
        return _tiles(self, itemsize)

    def lacking(self, features: Mapping[str, bool], architecture: str) -> tuple[str, ...]:
        """What a host lacks to run this machine's code."""
        if self.architecture not in ("", _normal(architecture)):
            return (f"the architecture {self.architecture}",)
        return tuple(feature for feature in self.requires if not features.get(feature))


@cache
def _tiles(machine: Machine, itemsize: int) -> tuple[Tile, ...]:
    rows = ((machine.rows(vectors, itemsize), vectors) for vectors in range(1, machine.registers))
    largest = [Tile(r, v) for r, v in rows if r]
    return tuple(sorted(largest, key=lambda t: (t.loads_per_multiplication, -t.rows)))


# In the order of preference. LLVM's x86-64-v4 would split vectors of 64 bytes in two unless told.
# Other architectures have at least 32 scalar registers, which are 8 vectors of 4 floats.
MACHINES = (
    Machine("avx512", "x86-64-v4", "-prefer-256-bit", "x86_64", V4, 64, 32, True),
    Machine("avx2", "x86-64-v3", "", "x86_64", V3, 32, 16, True),
    Machine("sse", "x86-64", "", "x86_64", (), 16, 16, False),
    Machine("neon", "generic", "+neon", "aarch64", (), 16, 32, True, multiplies_by_lane=True),
    Machine("generic", "generic", "", "", (), 16, 8, False),
)


def named(name: str) -> Machine:
    """The machine of that name.

    Raises `ArgumentError` if there is none.
    """
    for machine in MACHINES:
        if machine.name == name:
            return machine
    known = ", ".join(machine.name for machine in MACHINES)
    raise ArgumentError(f"machine {name!r} is not known: choose one of {known}")


def host(features: Mapping[str, bool], architecture: str | None = None) -> Machine:
    """The best machine whose code this host runs, or the one that ``LAMINA_MACHINE`` names.

    `features` says what the processor and the operating system can do, in LLVM's words;
    `architecture` is this process's, by default from `platform.machine`.

    Raises `ArgumentError` if the named machine is unknown, or this host cannot run its code.
    """
    architecture = architecture or platform.machine()
    choice = os.environ.get(SETTING)
    if choice:
        return _chosen(choice, features, architecture)
    return next(m for m in MACHINES if not m.lacking(features, architecture))


LARGEST = 3 << 20
"""Bytes of the largest cache that is counted on: on some processors, several cores share one."""


def second_level_cache(folder: Path = Path("/sys/devices/system/cpu/cpu0/cache")) -> int | None:
    """The size in bytes of a core's second-level cache; None where the system does not say."""
    for index in sorted(folder.glob("index*")):
        try:
            level, size = ((index / name).read_text().strip() for name in ("level", "size"))
        except OSError:
            return None
        if level == "2" and size.removesuffix("K").isdigit():
            return 1024 * int(size.removesuffix("K"))
    return None


def with_cache(machine: Machine, size: int | None) -> Machine:
    """The machine with most of a second-level cache of that size; itself if it is not known."""
    return machine if not size else replace(machine, cache=min(size, LARGEST) * 3 // 4)


def _chosen(name: str, features: Mapping[str, bool], architecture: str) -> Machine:
    try:
        machine = named(name)
    except ArgumentError as error:
        raise ArgumentError(f"{SETTING}: {error}, or unset it") from None
    lacking = machine.lacking(features, architecture)
    if lacking:
        able = ", ".join(m.name for m in MACHINES if not m.lacking(features, architecture))
        raise ArgumentError(
            f"{SETTING}: this host ({architecture}) cannot run {name} code, it lacks "
            f"{', '.join(lacking)}: choose one of {able}, or unset it"
        )
    return machine


def _normal(architecture: str) -> str:
    return ALIASES.get(architecture.lower(), architecture.lower())
