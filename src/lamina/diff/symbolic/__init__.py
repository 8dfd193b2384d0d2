"""Derivatives as SymPy expressions: ``pip install 'lamina[symbolic]'``."""

import lamina.diff.symbolic.extra  # noqa: F401 - first, as it says what is missing
from lamina.diff.symbolic.engine import Formulas, Symbolic, factored, formulas, latex, simplified
from lamina.diff.symbolic.expressions import expressions, symbols_for
from lamina.diff.symbolic.functions import to_function
from lamina.diff.symbolic.scalars import symbols, to_sympy
from lamina.diff.symbolic.swell import Swell, swell

__all__ = [
    "Formulas",
    "Swell",
    "Symbolic",
    "expressions",
    "factored",
    "formulas",
    "latex",
    "simplified",
    "swell",
    "symbols",
    "symbols_for",
    "to_function",
    "to_sympy",
]
