"""Derivatives as SymPy expressions: ``pip install 'lamina[symbolic]'``."""

from lamina.diff.symbolic.scalars import symbols, to_sympy

__all__ = ["symbols", "to_sympy"]
