"""What a program is, as text: programs with equal texts are compiled to equal code."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np

from lamina.core.node import Node
from lamina.core.program import Program
from lamina.core.types import Array

SOURCES = ("compiler", "core", "ops")
"""The packages that decide what becomes of a program."""


def fingerprint(
    program: Program, donated: Mapping[int, int], static: Collection[int]
) -> tuple[str, ...] | None:
    """Return what a program's code depends on, but for the machine; names are left out.

    None where an operation does not say in text what it is.

    >>> import lamina
    >>> twice, thrice = (lamina.trace(lambda x: n * x, lamina.zeros(3)) for n in (2, 3))
    >>> fingerprint(twice, {}, ()) == fingerprint(thrice, {}, ())
    False
    """
    lines = list(_lines(program))
    if any(" at 0x" in line for line in lines):
        return None
    ends = f"donated {sorted(donated.items())} static {sorted(static)}"
    return (sources(), np.__version__, ends, *lines)


def _lines(program: Program) -> Iterator[str]:
    numbers = {id(node): number for number, node in enumerate(program.nodes)}
    described: dict[object, str] = {}
    yield f"inputs {[numbers[id(node)] for node in program.inputs]}"
    yield f"outputs {[numbers[id(node)] for node in program.outputs]}"
    for node in program.nodes:
        yield f"{node.dtype.str}{node.shape} {_made(node, numbers, described)}"


def _made(node: Node, numbers: Mapping[int, int], described: dict[object, str]) -> str:
    """Return how a node's value comes about."""
    if node.value is not None:
        return digest(node.value)
    operation = node.operation
    if operation not in described:
        described[operation] = repr(operation)
    return f"{described[operation]} {[numbers[id(operand)] for operand in node.operands]}"


def digest(value: Array) -> str:
    """Return a digest of an array's elements and of how they are repeated."""
    once = value[tuple(slice(None) if step else slice(1) for step in value.strides)]
    found = sha256(f"{value.dtype.str}{value.shape}{once.shape}".encode())
    found.update(once.tobytes())
    return found.hexdigest()


@cache
def sources() -> str:
    """Return a digest of Lamina's own code, as far as it decides what becomes of a program."""
    package = Path(__file__).parents[1]
    files = sorted(file for name in SOURCES for file in (package / name).rglob("*.py"))
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
