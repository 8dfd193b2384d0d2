"""Derivatives as SymPy expressions: ``pip install 'lamina[symbolic]'``."""

from lamina.diff.symbolic.engine import Formulas, Symbolic, formulas, latex
from lamina.diff.symbolic.expressions import expressions, symbols_for
from lamina.diff.symbolic.scalars import symbols, to_sympy

__all__ = [
    "Formulas",
    "Symbolic",
    "expressions",
    "formulas",
    "latex",
    "symbols",
    "symbols_for",
    "to_sympy",
]
