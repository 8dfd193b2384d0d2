"""Arrays as tables of numbers: small ones whole, large ones as a corner, their shape and norm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lamina.core.text import aligned
from lamina.core.types import Array

CORNER, MAPS, WIDE, TALL = 5, 4, 16, 20


@dataclass(frozen=True)
class Table:
    """A matrix of numbers as text, ``label`` saying which slice of an array it is.

    ``cut`` says that rows or columns are left out; dots stand for them.
    """

    label: str
    cells: tuple[tuple[str, ...], ...]
    cut: bool


@dataclass(frozen=True)
class Shown:
    """An array as tables. ``note`` is its shape, and its norm where not all of it is shown."""

    tables: tuple[Table, ...]
    note: str


def shown(value: Array, limit: int = 100) -> Shown:
    """Return what is shown of an array: up to ``limit`` elements of each matrix, else a corner.

    >>> shown(np.array([[1.0, 0.5]])).tables[0].cells
    (('1', '0.5'),)
    """
    value = np.asarray(value)
    slices = _slices(value)
    tables = tuple(_table(label, matrix, limit) for label, matrix in slices[:MAPS])
    whole = len(slices) <= MAPS and not any(table.cut for table in tables)
    shape = "×".join(map(str, value.shape)) or "1"
    if whole or value.dtype.kind != "f":
        return Shown(tables, shape)
    norm = f"‖·‖ = {number(float(np.linalg.norm(np.asarray(value, np.float64).reshape(-1))))}"
    return Shown(tables, f"{shape}, {norm}")


def number(value: float) -> str:
    """Return a number with six significant digits.

    >>> number(0.1), number(3.0), number(-1 / 3)
    ('0.1', '3', '-0.333333')
    """
    return str(int(value)) if isinstance(value, np.integer | int) else f"{value + 0.0:.6g}"


def shown_lines(value: Array, limit: int = 100) -> list[str]:
    """Return an array as lines of text, columns aligned to the right."""
    found = shown(value, limit)
    lines: list[str] = []
    for table in found.tables:
        lines += [table.label] if table.label else []
        lines += _framed(table.cells)
    partial = "‖" in found.note
    return [*lines, f"({found.note})"] if partial else lines


def _slices(value: Array) -> list[tuple[str, Array]]:
    """Return the matrices along the last two axes, with their place along the others."""
    if value.ndim < 2:
        return [("", value.reshape(-1, 1))]
    outer = value.shape[:-2]
    places = list(np.ndindex(*outer))[: MAPS + 1]
    return [(f"[{', '.join(map(str, place))}]" if place else "", value[place]) for place in places]


def _table(label: str, matrix: Array, limit: int) -> Table:
    rows, columns = matrix.shape
    if matrix.size <= limit and columns <= WIDE and rows <= TALL:
        return Table(label, tuple(tuple(map(number, line)) for line in matrix), False)
    corner = [list(map(number, line[:CORNER])) for line in matrix[:CORNER]]
    if columns > CORNER:
        corner = [[*line, "…"] for line in corner]
    if rows > CORNER:
        corner.append(["⋮"] * len(corner[0]))
    return Table(label, tuple(map(tuple, corner)), rows > CORNER or columns > CORNER)


def _framed(cells: tuple[tuple[str, ...], ...]) -> list[str]:
    if not cells or not cells[0]:
        return ["(empty)"]
    left, right = ("[", "]") if len(cells) == 1 else ("│", "│")
    return [f"{left}{row}{right}" for row in aligned(cells)]
