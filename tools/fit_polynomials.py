"""Write the polynomials and constants of `lamina.compiler.elementary` from their definitions.

Run `python tools/fit_polynomials.py` with mpmath installed. Every polynomial interpolates its
function at Chebyshev points, which is close to minimax; all is computed in 60 digits and then
rounded to the dtype. The file is the same from run to run, so a change shows in version control.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import mpmath as mp
import numpy as np

TARGET = Path(__file__).resolve().parents[1] / "src/lamina/compiler/elementary/coefficients.py"
FLOATS = (np.float32, np.float64)

Function = Callable[[mp.mpf], mp.mpf]


@dataclass(frozen=True)
class Polynomial:
    """``function`` on [low, high], by as many coefficients in float32 and in float64."""

    formula: str
    function: Function
    low: float
    high: float
    counts: tuple[int, int]


def odd(f: Function) -> Function:
    """Return P with f(x) = x + x³ P(x²)."""
    return lambda t: (f(mp.sqrt(t)) / mp.sqrt(t) - 1) / t


ROOT = float(mp.sqrt(2))
POLYNOMIALS = {
    "EXP": Polynomial(
        "(eʳ - 1 - r) / r²", lambda r: (mp.expm1(r) - r) / r**2, -0.35, 0.35, (5, 10)
    ),
    "LOG": Polynomial(
        "(log(1 + f) - f + f²/2) / f³",
        lambda f: (mp.log1p(f) - f + f**2 / 2) / f**3,
        1 / ROOT - 1,
        ROOT - 1,
        (9, 20),
    ),
    "SINH": Polynomial("(sinh √t / √t - 1) / t", odd(mp.sinh), 0, 1, (4, 8)),
    "SIN": Polynomial("(sin √t / √t - 1) / t", odd(mp.sin), 0, 0.62, (0, 7)),
    "COS": Polynomial(
        "(cos √t - 1 + t/2) / t²",
        lambda t: (mp.cos(mp.sqrt(t)) - 1 + t / 2) / t**2,
        0,
        0.62,
        (0, 7),
    ),
    "ATAN": Polynomial("(atan √t / √t - 1) / t", odd(mp.atan), 0, (ROOT - 1) ** 2, (5, 11)),
    "ASIN": Polynomial("(asin √t / √t - 1) / t", odd(mp.asin), 0, 0.25, (6, 13)),
    "ERF": Polynomial(
        "erf √t / √t - 1", lambda t: mp.erf(mp.sqrt(t)) / mp.sqrt(t) - 1, 0, 1, (7, 14)
    ),
    # From 1 to where erf rounds to 1. Near 1 counts most; in powers of w it is the most exact.
    "LOG_ERFC_32": Polynomial("log erfc(1 + w)", lambda w: mp.log(mp.erfc(1 + w)), 0, 3, (10, 0)),
    "LOG_ERFC_64": Polynomial("log erfc(1 + w)", lambda w: mp.log(mp.erfc(1 + w)), 0, 5, (0, 26)),
    "LOG_RATIO": Polynomial(
        "(log((1 + √z) / (1 - √z)) / √z - 2 - 2z/3) / z²",
        lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2 - 2 * z / 3) / z**2,
        0,
        0.0295,
        (0, 9),
    ),
}

CONSTANTS = {
    "LOG2": ("log 2", lambda: mp.log(2)),
    "LOG2_E": ("1 / log 2", lambda: 1 / mp.log(2)),
    "HALF_PI": ("π / 2", lambda: mp.pi / 2),
    "TWO_THIRDS": ("2 / 3", lambda: mp.mpf(2) / 3),
}


def interpolate(p: Polynomial, count: int) -> list[mp.mpf]:
    """Return the coefficients of 1, x, x², … of the interpolant at Chebyshev points."""
    angles = [(2 * i + 1) * mp.pi / (2 * count) for i in range(count)]
    middle, half = (mp.mpf(p.low) + p.high) / 2, (mp.mpf(p.high) - p.low) / 2
    # Off zero by far less than the precision: the functions are quotients that end in 0 / 0.
    points = [middle + half * mp.cos(a) + mp.mpf(10) ** -40 for a in angles]
    powers = mp.matrix(count, count)
    for i, x in enumerate(points):
        for j in range(count):
            powers[i, j] = x**j
    return list(mp.lu_solve(powers, mp.matrix([p.function(x) for x in points])))


def parts(value: mp.mpf, dtype: type, count: int = 3) -> list[float]:
    """Return floats of decreasing size that sum to ``value``."""
    found = []
    for _ in range(count):
        found.append(nearest(value, dtype))
        value -= found[-1]
    return found


def nearest(value: mp.mpf, dtype: type) -> float:
    """Round to the dtype once (not through float64 on the way)."""
    digits = np.finfo(dtype).nmant + 1
    with mp.workprec(digits):
        return float(+value)


def pieces(bits: int, count: int) -> list[mp.mpf]:
    """Cut 2 / π into numbers of ``bits`` bits, the first of which counts units of 2^-bits."""
    with mp.workprec(bits * count + 100):
        whole = mp.floor(mp.ldexp(2 / mp.pi, bits * count))
    mask = 2**bits - 1
    chunks = [int(whole) >> (bits * (count - i)) & mask for i in range(1, count + 1)]
    return [mp.ldexp(chunk, -bits * i) for i, chunk in enumerate(chunks, 1)]


def lines() -> Iterator[str]:
    """Yield the lines of the coefficients' module."""
    yield '"""Polynomials and constants, written by tools/fit_polynomials.py."""\n'
    yield "# Coefficients of 1, x, x², …, by the bits of the float.\n"
    for name, p in POLYNOMIALS.items():
        yield f"# {p.formula} on [{p.low:g}, {p.high:g}]"
        yield f"{name}: dict[int, tuple[float, ...]] = {{"
        for dtype, count in zip(FLOATS, p.counts, strict=True):
            if count:
                values = [nearest(c, dtype) for c in interpolate(p, count)]
                yield from _entry(dtype, values)
        yield "}"
    yield "\n# Constants as sums of floats of decreasing size.\n"
    for name, (formula, value) in CONSTANTS.items():
        yield f"# {formula}"
        yield f"{name}: dict[int, tuple[float, ...]] = {{"
        for dtype in FLOATS:
            yield from _entry(dtype, parts(value(), dtype))
        yield "}"
    yield "\n# 2 / π in pieces of 28 bits, whose products with a float32 are exact in float64."
    yield from _tuple("TWO_OVER_PI_28", [float(v) for v in pieces(28, 7)])
    yield "\n# 2 / π in pieces of 53 bits, piece number i times 2^(53 i)."
    scaled = [mp.ldexp(v, 53 * i) for i, v in enumerate(pieces(53, 23))]
    yield from _tuple("TWO_OVER_PI_53", [float(v) for v in scaled])


def _tuple(name: str, values: list[float]) -> Iterator[str]:
    yield f"{name}: tuple[float, ...] = ("
    yield from (f"    {v!r}," for v in values)
    yield ")"


def _entry(dtype: type, values: list[float]) -> Iterator[str]:
    yield f"    {np.dtype(dtype).itemsize * 8}: ("
    yield from (f"        {v!r}," for v in values)
    yield "    ),"


def text() -> str:
    """Return the coefficients' module."""
    with mp.workdps(60):
        return "\n".join(lines()) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text())
    print(f"wrote {TARGET}")
