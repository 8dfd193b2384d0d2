"""All ways to differentiate side by side, on one function."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import inf, log10

import numpy as np

from lamina.core.errors import ArgumentError, LaminaError
from lamina.core.text import aligned
from lamina.core.types import Array
from lamina.diff.automatic import Forward, Reverse
from lamina.diff.interface import Derivative, Engine, Function
from lamina.diff.kinks import kink
from lamina.diff.numerical import Numerical
from lamina.tensors import Tensor

MOST_DIGITS = 17.0
"""More digits than a float64 has: what equal numbers agree in."""


FEW_DIGITS = 4.0
"""Fewer digits than differences in float64 have of a smooth function."""


@dataclass(frozen=True)
class Row:
    """One way: its derivative, or why it has none, and its agreement with the reference."""

    way: str
    derivative: Derivative | None
    digits: float | None
    problem: str = ""


@dataclass(frozen=True)
class Comparison:
    """What each way found, beside the first of them that is exact (the reference)."""

    reference: Derivative
    rows: tuple[Row, ...]

    def __getitem__(self, way: str) -> Row:
        """Return the row of a way, by the beginning of its name."""
        found = [row for row in self.rows if row.way.startswith(way)]
        if not found:
            known = ", ".join(row.way for row in self.rows)
            raise ArgumentError(f"comparison: no way is called {way!r}; there are {known}")
        return found[0]

    def __str__(self) -> str:
        """Return the rows as an aligned table."""
        return "\n".join(aligned([COLUMNS, *map(_cells, self.rows)], left=range(len(COLUMNS))))

    def to_markdown(self) -> str:
        """Return the rows as a Markdown table."""
        rows = [COLUMNS, ("---", *["--:"] * (len(COLUMNS) - 2), "---"), *map(_cells, self.rows)]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)


COLUMNS = ("way", "runs", "operations", "ms", "memory, KiB", "digits", "remark")


def _cells(row: Row) -> tuple[str, ...]:
    found = row.derivative
    if found is None:
        return (row.way, "", "", "", "", "", row.problem)
    count = "" if found.operations is None else f"{found.operations:,}"
    memory = "" if found.memory is None else f"{found.memory / 1024:.1f}"
    digits = "" if row.digits is None else f"{row.digits:.1f}"
    milliseconds = f"{found.seconds * 1e3:.2f}"
    return (row.way, f"{found.evaluations:,}", count, milliseconds, memory, digits, row.problem)


def compare(f: Function, x: Tensor, engines: Sequence[Engine] | None = None) -> Comparison:
    """Differentiate f at x in every way, and compare Jacobians, time, operations and memory.

    Agreement is in digits: -log₁₀ of the greatest difference from the reference, relative to the
    reference's greatest entry. The reference is the first automatic or symbolic engine that
    gives a result. An engine that refuses f has a row that says why, and so has one that disagrees
    because x (of float64) stands at a kink.

    Errors: `ArgumentError` if no engine gives a result.

    >>> import lamina
    >>> x = lamina.tensor([1.0, 2.0], dtype="float64")
    >>> found = compare(lambda x: (x**3).sum(), x)
    >>> found["reverse"].derivative.jacobian.tolist()
    [3.0, 12.0]
    >>> found["numerical, central"].digits > 8 and found["numerical, complex"].digits > 14
    True
    """
    chosen = list(all_engines()) if engines is None else list(engines)
    tried = [(engine, *_tried(engine, f, x)) for engine in chosen]
    works = [(engine, found) for engine, found, _ in tried if found is not None]
    if not works:
        reasons = "; ".join(f"{engine.way}: {problem}" for engine, _, problem in tried)
        raise ArgumentError(f"compare: no way works on this function ({reasons})")
    reference = next((d for e, d in works if not isinstance(e, Numerical)), works[0][1])
    rows = (_row(e.way, d, problem, reference, f, x) for e, d, problem in tried)
    return Comparison(reference, tuple(rows))


def _row(
    way: str, found: Derivative | None, problem: str, reference: Derivative, f: Function, x: Tensor
) -> Row:
    if found is None:
        return Row(way, None, None, problem)
    agreed = digits(found.jacobian, reference.jacobian)
    if agreed < FEW_DIGITS and np.isfinite(agreed):
        problem = _reason(found, reference, f, x)
    return Row(way, found, agreed, problem)


def _reason(found: Derivative, reference: Derivative, f: Function, x: Tensor) -> str:
    """Return why a way disagrees, if it is for a kink at the element where it does so most."""
    error = np.abs(found.jacobian - reference.jacobian).reshape(-1, x.numel()).max(0)
    worst = np.unravel_index(int(np.argmax(error)), x.shape)
    return str(kink(f, x, tuple(map(int, worst))) or "")


def all_engines() -> Iterator[Engine]:
    """Yield every engine that is installed."""
    yield from (Reverse(), Forward())
    if find_spec("sympy") is not None:
        from lamina.diff.symbolic import Symbolic

        yield Symbolic()
    yield from (Numerical(m) for m in ("forward", "central", "ridders", "complex"))


def _tried(engine: Engine, f: Function, x: Tensor) -> tuple[Derivative | None, str]:
    try:
        return engine.jacobian(f, x), ""
    except LaminaError as error:
        return None, str(error)
    except (ArithmeticError, NotImplementedError, RecursionError) as error:
        return None, f"{type(error).__name__}: {error}"


def digits(found: Array, reference: Array) -> float:
    """Return in how many digits an array agrees with another one.

    >>> digits(np.array([1.0, 2.0]), np.array([1.0, 2.002]))
    3.0
    """
    if not found.size:
        return MOST_DIGITS
    scale = float(np.max(np.abs(reference))) or 1.0
    error = float(np.max(np.abs(found - reference))) / scale
    if error == 0:
        return MOST_DIGITS
    return -inf if not np.isfinite(error) else round(min(-log10(error), MOST_DIGITS), 3)
