"""Derivatives by differentiating formulas."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import sympy

from lamina.core.errors import ArgumentError
from lamina.core.types import Array
from lamina.diff.interface import Derivative, Function
from lamina.diff.symbolic.expressions import Expressions, expressions, symbols_for
from lamina.tensors import Tensor, trace

MOST_ENTRIES = 2_000
"""Entries of a Jacobian that are worth a formula each."""


@dataclass(frozen=True)
class Formulas:
    """f and its Jacobian as expressions in the symbols x_1, x_2, ….

    ``jacobian[o, i]`` is ∂f_o/∂x_i, of shape ``(*f.shape, *x.shape)``.
    """

    x: Expressions
    value: Expressions
    jacobian: Expressions

    @property
    def operations(self) -> int:
        """Operations of the value and of the derivative, each written out."""
        return count(self.value) + count(self.jacobian)

    def at(self, x: Array) -> tuple[Array, Array]:
        """Return f and its Jacobian at a point; what they have in common is computed once."""
        both = [*self.value.ravel(), *self.jacobian.ravel()]
        compute = sympy.lambdify(list(self.x.ravel()), both, "numpy", cse=True)
        with np.errstate(all="ignore"):
            numbers = np.array([float(v) for v in compute(*map(float, x.ravel()))])
        first = self.value.size
        return numbers[:first].reshape(self.value.shape), numbers[first:].reshape(
            self.jacobian.shape
        )


def count(found: Expressions) -> int:
    """Return how many operations expressions have."""
    return int(sum(sympy.count_ops(each) for each in found.ravel()))


def formulas(f: Function, x: Tensor, name: str = "x", simplify: bool = False) -> Formulas:
    """Return f and its Jacobian as expressions.

    Errors: `ArgumentError` if they cannot be written out (see `expressions`).

    >>> import lamina
    >>> found = formulas(lambda x: (x * x).sum(), lamina.zeros(2))
    >>> found.value.item(), found.jacobian.tolist()
    (x_1**2 + x_2**2, [2*x_1, 2*x_2])
    """
    variables = symbols_for(name, tuple(x.shape))
    (value,) = expressions(trace(f, x.numpy()), variables)
    if value.size * variables.size > MOST_ENTRIES:
        raise ArgumentError(
            f"symbolic: a Jacobian of {value.size} × {variables.size} entries is too large to be "
            f"written out (at most {MOST_ENTRIES}); use forward or reverse mode"
        )
    jacobian = np.empty((*value.shape, *variables.shape), object)
    for place in np.ndindex(*value.shape):
        for at in np.ndindex(*variables.shape):
            entry = sympy.diff(value[place], variables[at])
            jacobian[(*place, *at)] = sympy.simplify(entry) if simplify else entry
    return Formulas(variables, value, jacobian)


@dataclass(frozen=True)
class Symbolic:
    """Formulas of f, differentiated by SymPy and evaluated.

    Args:
        simplify: whether each derivative is simplified, which takes long.

    Errors: `ArgumentError` if f cannot be written out.

    >>> import lamina
    >>> Symbolic().jacobian(lambda x: x * x, lamina.tensor([3.0])).jacobian.tolist()
    [[6.0]]
    """

    simplify: bool = False

    @property
    def way(self) -> str:
        """``"symbolic"``."""
        return "symbolic"

    def jacobian(self, f: Function, x: Tensor) -> Derivative:
        """Return the Jacobian of f at x."""
        start = perf_counter()
        found = formulas(f, x, simplify=self.simplify)
        value, jacobian = found.at(x.numpy())
        seconds = perf_counter() - start
        return Derivative(self.way, value, jacobian, 1, found.operations, seconds)


def factored(found: Any) -> Any:
    """Return an expression as a product of factors.

    >>> factored(sympy.Symbol("x") ** 2 - 1)
    (x - 1)*(x + 1)
    """
    return sympy.factor(found)


def simplified(found: Any) -> Any:
    """Return an expression in a simpler form.

    >>> simplified(sympy.sin(sympy.Symbol("x")) ** 2 + sympy.cos(sympy.Symbol("x")) ** 2)
    1
    """
    return sympy.simplify(found)


def latex(expression: Any) -> str:
    """Return an expression in LaTeX.

    >>> latex(sympy.Symbol("x_1") ** 2)
    'x_{1}^{2}'
    """
    text: str = sympy.latex(expression)
    return text
