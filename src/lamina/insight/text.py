"""Tables as plain text."""

from __future__ import annotations

from collections.abc import Sequence


def table_text(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a table whose first ``left`` columns are flush left, the others flush right.

    >>> print(table_text(("n", "square"), [("2", "4"), ("10", "100")]))
    n   square
    ----------
    2        4
    10     100
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [_line(cells, widths, left) for cells in (head, *rows)]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([lines[0], rule, *lines[1:]])


def _line(cells: Sequence[str], widths: Sequence[int], left: int) -> str:
    padded = [
        cell.ljust(width) if n < left else cell.rjust(width)
        for n, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()
