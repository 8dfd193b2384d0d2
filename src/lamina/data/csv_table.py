"""CSV files: numbers in columns, one of them the target."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lamina.core.errors import ArgumentError, DataError
from lamina.core.types import Array
from lamina.data.dataset import Dataset
from lamina.data.reading import PathLike, malformed, read_bytes

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Table:
    """The cells of a CSV file; `lines` holds each row's line number in the file."""

    file: PathLike
    names: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]

    def error(self, row: int, column: int, expected: str) -> DataError:
        """The error for one cell, with its place counted from one."""
        name = f" ({self.names[column]})" if self.names else ""
        return DataError(
            f"{self.file}: line {self.lines[row]}, column {column + 1}{name}: "
            f"expected {expected}, got {self.rows[row][column]!r}"
        )


def csv_table(
    path: PathLike,
    target: str | int = -1,
    header: bool = True,
    delimiter: str = ",",
    categorical: bool | None = None,
) -> Dataset:
    """A data set from a CSV file (UTF-8; decompressed if the name ends in ``.gz``).

    The column `target`, by name or index (negative from the right), becomes the targets, every
    other one a feature, float32 ``[N, features]``. A categorical target gives int64 labels, with
    the classes in numeric or else alphabetic order; any other float32 numbers ``[N, 1]``. With
    ``categorical=None`` the target is taken for categorical unless some value has a fraction or an
    exponent: pass False for whole numbers to be regressed. Empty lines are skipped.

    Raises `DataError` with line and column for a cell that is empty, not a finite number, or out
    of float32's range, and for rows of different length.
    """
    table = read_table(path, header, delimiter)
    column = _target_column(table, target)
    others = [index for index in range(len(table.rows[0])) if index != column]
    inputs = _numbers(table, others)
    features = tuple(table.names[index] for index in others) if table.names else ()
    texts = [row[column].strip() for row in table.rows]
    if categorical is None:
        categorical = all(_is_whole(text) for text in texts) or not any(map(_is_number, texts))
    if not categorical:
        return Dataset(inputs, _numbers(table, [column]), (), features, name=str(path))
    labels, classes = _categories(table, column, texts)
    return Dataset(inputs, labels, classes, features, name=str(path))


def read_table(path: PathLike, header: bool = True, delimiter: str = ",") -> Table:
    """The cells of a CSV file, every row of the same length."""
    if len(delimiter) != 1 or delimiter in '\r\n"':
        raise ArgumentError(f"csv: delimiter must be one character, got {delimiter!r}")
    content = read_bytes(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise malformed(path, error.start, "UTF-8 text", error.reason) from error
    rows, lines = _parse(path, text, delimiter)
    names: tuple[str, ...] = ()
    if header and rows:
        names = tuple(name.strip() for name in rows[0])
        rows, lines = rows[1:], lines[1:]
        _check_names(path, names)
    if not rows:
        raise DataError(f"{path}: line 1, column 1: expected rows of data, got none")
    _check_lengths(path, rows, lines, len(names) or len(rows[0]))
    return Table(path, names, rows, lines)


def _parse(path: PathLike, text: str, delimiter: str) -> tuple[list[list[str]], list[int]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, lines, start = [], [], 1
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}, column 1: {error}") from error
    return rows, lines


def _check_names(path: PathLike, names: Sequence[str]) -> None:
    if all(map(_is_number, names)):
        raise DataError(
            f"{path}: line 1, column 1: expected a header, got only numbers; pass header=False"
        )
    if len(set(names)) < len(names):
        column = next(i for i, name in enumerate(names) if name in names[:i])
        raise DataError(
            f"{path}: line 1, column {column + 1}: expected different column names, "
            f"got {names[column]!r} again"
        )


def _check_lengths(path: PathLike, rows: list[list[str]], lines: list[int], width: int) -> None:
    for row, line in zip(rows, lines, strict=True):
        if len(row) != width:
            raise DataError(
                f"{path}: line {line}, column {min(len(row), width) + 1}: "
                f"expected {width} columns, got {len(row)}"
            )


def _target_column(table: Table, target: str | int) -> int:
    width = len(table.rows[0])
    if isinstance(target, str) and target in table.names:
        return table.names.index(target)
    if isinstance(target, int) and -width <= target < width:
        return target % width
    known = ", ".join(table.names) or "none, for there is no header"
    raise ArgumentError(
        f"csv: {table.file} has no target column {target!r}; give an index below {width} "
        f"or one of the names: {known}"
    )


def _numbers(table: Table, columns: Sequence[int]) -> Array:
    values = np.empty((len(table.rows), len(columns)), np.float32)
    for row, cells in enumerate(table.rows):
        for place, column in enumerate(columns):
            if not _is_number(cells[column]):
                raise table.error(row, column, "a finite number")
            number = float(cells[column])
            if abs(number) > _LARGEST:
                raise table.error(row, column, "a number in the range of float32")
            values[row, place] = number
    return values


def _is_number(text: str) -> bool:
    try:
        return "_" not in text and math.isfinite(float(text))
    except ValueError:
        return False


def _is_whole(text: str) -> bool:
    return text.lstrip("+-").isascii() and text.lstrip("+-").isdigit()


def _categories(table: Table, column: int, texts: list[str]) -> tuple[Array, tuple[str, ...]]:
    for row, text in enumerate(texts):
        if not text:
            raise table.error(row, column, "a class")
    if all(map(_is_number, texts)):
        classes = sorted(set(texts), key=lambda text: (float(text), text))
    else:
        classes = sorted(set(texts))
    index = {name: label for label, name in enumerate(classes)}
    return np.array([index[text] for text in texts], np.int64), tuple(classes)
