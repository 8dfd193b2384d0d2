"""Tables as plain text."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def aligned(rows: Sequence[Sequence[str]], left: Collection[int] = ()) -> list[str]:
    """Return a line for each row; the columns ``left`` are flush left, the others flush right.

    >>> for line in aligned([("one", "1"), ("eleven", "11")], left=[0]):
    ...     print(line)
    one      1
    eleven  11
    """
    widths = _widths(rows)
    return [_line(row, widths, left) for row in rows]


def ruled(rows: Sequence[Sequence[str]], left: Collection[int] = ()) -> list[str]:
    """Return the rows as `aligned` does, with a rule as wide as the table below the first.

    >>> for line in ruled([("n", "square"), ("2", "4"), ("10", "100")], left=[0]):
    ...     print(line)
    n   square
    ----------
    2        4
    10     100
    """
    head, *lines = aligned(rows, left)
    widths = _widths(rows)
    return [head, "-" * (sum(widths) + 2 * (len(widths) - 1)), *lines]


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _line(cells: Sequence[str], widths: Sequence[int], left: Collection[int]) -> str:
    padded = [
        cell.ljust(width) if n in left else cell.rjust(width)
        for n, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()
