"""The dynamic and the static graph of one function, side by side.

Dynamic: each operation is evaluated when Python comes to it. Static: the function is traced once,
the graph optimised as a whole, and compiled. The results are the same to rounding.

Source: nndl, section 4.5.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

import lamina.tensors as T
from lamina.compiler.passes.pipeline import optimise
from lamina.compiler.passes.rewriting import count_operations
from lamina.diff.difference import relative_difference
from lamina.tensors.tree import leaves


@dataclass(frozen=True)
class StaticDynamic:
    """What both graphs of a function are like.

    Attributes:
        difference: the greatest difference of the results, relative to their greatest element.
        traced, optimised: operations of the graph as it was traced, and after all passes.
        kernels: loops over memory that the compiled program runs.
        dynamic_seconds: median time of a call that evaluates operation by operation.
        first_seconds: the first call of the compiled function: tracing, passes, code.
        static_seconds: median time of its later calls.
    """

    difference: float
    traced: int
    optimised: int
    kernels: int
    dynamic_seconds: float
    first_seconds: float
    static_seconds: float

    def __str__(self) -> str:
        """Return a table of both."""
        return (
            f"{'':<12}{'operations':>12}{'first call':>14}{'later calls':>14}\n"
            f"{'dynamic':<12}{self.traced:>12}{'':>14}{_time(self.dynamic_seconds):>14}\n"
            f"{'static':<12}{self.optimised:>12}{_time(self.first_seconds):>14}"
            f"{_time(self.static_seconds):>14}\n"
            f"{self.kernels} kernels; results differ by {self.difference:.1e}"
        )


def static_against_dynamic(f: Callable[..., Any], *args: Any, calls: int = 10) -> StaticDynamic:
    """Run f both ways at the same arguments.

    >>> import lamina
    >>> found = static_against_dynamic(lambda x: (x * 1 + 0).sum() * 2, lamina.ones(3))
    >>> found.traced, found.optimised, found.kernels, found.difference
    (4, 2, 1, 0.0)
    """
    program = T.trace(f, *args)
    compiled = T.compile(f)
    first, static = _timed(compiled, args, 1)
    later, _ = _timed(compiled, args, calls)
    plain, dynamic = _timed(f, args, calls)
    kernels = compiled.show("loops", *args).count("kernel ")
    return StaticDynamic(
        _difference(static, dynamic),
        count_operations(program),
        count_operations(optimise(program)),
        kernels,
        plain,
        first,
        later,
    )


def _timed(f: Callable[..., Any], args: tuple[Any, ...], calls: int) -> tuple[float, Any]:
    times = []
    for _ in range(calls):
        start = perf_counter()
        result = f(*args)
        times.append(perf_counter() - start)
    return median(times), result


def _difference(found: Any, right: Any) -> float:
    worst = 0.0
    for a, b in zip(leaves(found), leaves(right), strict=True):
        one, other = (np.asarray(t.numpy(), np.float64) for t in (a, b))
        worst = max(worst, relative_difference(one, other))
    return worst


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.3f} ms" if seconds < 1 else f"{seconds:.2f} s"
