"""Affine indices: ``(constant + Σ coefficient · loop) / divisor``, read where that is exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

from lamina.core.types import Shape


@dataclass(frozen=True, slots=True)
class AffineIndex:
    """An index of an operand as an affine function of loops, with exact division.

    ``coefficients[l]`` belongs to loop ``l``. Where the division leaves a remainder the
    index refers to nothing, and what is read there counts as zero.
    """

    constant: int
    coefficients: tuple[int, ...]
    divisor: int = 1

    def substitute(self, loop: int, by: AffineIndex) -> AffineIndex:
        """Replace ``loop`` by the affine expression ``by``."""
        factor = self.coefficients[loop]
        if not factor:
            return self
        mine = list(self.coefficients)
        mine[loop] = 0
        mixed = tuple(
            m * by.divisor + factor * b for m, b in zip(mine, by.coefficients, strict=True)
        )
        constant = self.constant * by.divisor + factor * by.constant
        return AffineIndex(constant, mixed, self.divisor * by.divisor).reduced()

    def reduced(self) -> AffineIndex:
        """Return the same index in lowest terms."""
        common = gcd(self.divisor, self.constant, *self.coefficients)
        if common == 1:
            return self
        return AffineIndex(
            self.constant // common,
            tuple(c // common for c in self.coefficients),
            self.divisor // common,
        )

    def take(self, loops: Sequence[int]) -> AffineIndex:
        """Keep the coefficients of ``loops`` only, in that order."""
        return AffineIndex(
            self.constant, tuple(self.coefficients[loop] for loop in loops), self.divisor
        )

    def bounds(self, extents: Shape) -> tuple[int, int]:
        """Return the least and greatest numerator over loops of the given extents (all > 0)."""
        ends = [c * (e - 1) for c, e in zip(self.coefficients, extents, strict=True)]
        low = self.constant + sum(min(0, end) for end in ends)
        return low, self.constant + sum(max(0, end) for end in ends)

    def stays_inside(self, extents: Shape, size: int) -> bool:
        """Return whether the index is provably exact and within ``range(size)``."""
        if self.divisor != 1 or 0 in extents:
            return False
        low, high = self.bounds(extents)
        return low >= 0 and high < size

    def render(self, names: Sequence[str]) -> str:
        """Return the index as text, e.g. ``2y+k-1`` or ``(i-k)/2``."""
        terms = [
            _term(coefficient, name)
            for coefficient, name in zip(self.coefficients, names, strict=True)
            if coefficient
        ]
        if self.constant or not terms:
            terms.append(f"{self.constant:+d}")
        text = "".join(terms).removeprefix("+")
        if self.divisor == 1:
            return text
        return f"({text})/{self.divisor}" if len(terms) > 1 else f"{text}/{self.divisor}"


def unit(loop: int, loops: int) -> AffineIndex:
    """Return the index that is one of so many loops."""
    return AffineIndex(0, tuple(int(n == loop) for n in range(loops)))


def _term(coefficient: int, name: str) -> str:
    sign = "+" if coefficient > 0 else "-"
    size = abs(coefficient)
    return f"{sign}{'' if size == 1 else size}{name}"


def solve(index: AffineIndex, loop: int, target: int) -> AffineIndex:
    """Solve ``index = loops[target]`` for ``loop``."""
    divisor = index.coefficients[loop]
    sign = 1 if divisor > 0 else -1
    coefficients = [-sign * c for c in index.coefficients]
    coefficients[loop] = 0
    coefficients[target] += sign * index.divisor
    return AffineIndex(-sign * index.constant, tuple(coefficients), sign * divisor).reduced()


def difference(index: AffineIndex, target: int) -> AffineIndex:
    """Return an index that is zero exactly where ``index = loops[target]``."""
    coefficients = list(index.coefficients)
    coefficients[target] -= index.divisor
    return AffineIndex(index.constant, tuple(coefficients))
