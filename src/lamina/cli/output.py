"""Results on stdout: a table for people, or one JSON object for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click


def emit_json(record: Mapping[str, Any]) -> None:
    """Print one JSON object; NaN and infinities become null."""
    click.echo(json.dumps(_plain(record), indent=2, allow_nan=False))


def emit_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """Print a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns, title=title or None, title_justify="left")
    for row in rows:
        table.add_row(*(shown(value) for value in row))
    Console(highlight=False).print(table)


def shown(value: Any) -> str:
    """A value as people like to read it.

    >>> shown(0.123456), shown([0.123456, 2]), shown("sin")
    ('0.1235', '[0.1235, 2]', 'sin')
    """
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def measures(values: Mapping[str, Any]) -> str:
    """Names and numbers on one line."""
    numbers = [(k, v) for k, v in values.items() if isinstance(v, int | float)]
    return "  ".join(f"{name} {shown(value)}" for name, value in numbers)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
