"""A step of a derivation: a formula with numbers, which is verified when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lamina.core.errors import LaminaError
from lamina.core.types import Array
from lamina.insight.derivation.math_text import math_text
from lamina.insight.derivation.mathematics import Math, equation
from lamina.insight.derivation.text import Text


class DerivationError(LaminaError, ArithmeticError):
    """A step's formula and reverse mode do not give the same numbers."""


@dataclass(frozen=True, eq=False)
class Quantity:
    """A symbol and the numbers that it stands for.

    ``value`` is laid out as in the book: a layer of units has a row a unit and a column a sample.
    """

    symbol: Math
    value: Array
    words: Text

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes of the value."""
        return tuple(self.value.shape)


@dataclass(frozen=True, eq=False)
class Step:
    """``left = right side``, with its numbers; ``left`` may speak of one map of the result.

    The right side was evaluated by NumPy from the formula (``result.value``). ``reference`` is
    what the framework computed: the value of the forward pass, or reverse mode's derivative.

    Raises `DerivationError` where the two differ by more than ``tolerance`` times the largest
    element of either or of ``scale``. ``sign`` is ← where the left side is given a new value.
    """

    words: Text
    rights: tuple[Math, ...]
    result: Quantity
    reference: Array
    left: Math
    given: tuple[Quantity, ...] = ()
    tolerance: float = 1e-9
    scale: float = 0.0
    sign: str = "="
    error: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "error", self._verified())

    @property
    def formula(self) -> Math:
        """The whole equation."""
        return equation(self.left, *self.rights, sign=self.sign)

    def _verified(self) -> float:
        """Return the largest difference, relative to the largest element."""
        got, expected = self.result.value, np.asarray(self.reference, np.float64)
        name = math_text(self.formula)
        if got.shape != expected.shape:
            raise DerivationError(
                f"derivation: {name} has shape {got.shape} by the formula, but the framework's "
                f"has {expected.shape}"
            )
        if not got.size:
            return 0.0
        if not np.isfinite(expected).all():
            raise DerivationError(
                f"derivation: {name}: the framework's value is not finite; a derivation needs "
                "finite numbers"
            )
        largest = max(float(np.abs(expected).max()), float(np.abs(got).max()), self.scale)
        error = float(np.abs(got - expected).max()) / largest if largest else 0.0
        if not error <= self.tolerance:
            raise DerivationError(self._difference(name, got, expected, error))
        return error

    def _difference(self, name: str, got: Array, expected: Array, error: float) -> str:
        place = np.unravel_index(int(np.nanargmax(np.abs(got - expected))), got.shape)
        where = f" at {[int(i) for i in place]}" if place else ""
        return (
            f"derivation: {name} does not hold: the formula gives {got[place]:.9g}{where}, the "
            f"framework {expected[place]:.9g} (relative error {error:.2g}, at most "
            f"{self.tolerance:g} is rounding); one of the two is wrong"
        )


@dataclass(frozen=True, eq=False)
class Section:
    """The steps of one layer in one direction."""

    title: Text
    steps: tuple[Step, ...]
    anchor: str
