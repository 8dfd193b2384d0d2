"""Numerical differentiation."""

from lamina.diff.numerical.engine import Numerical

__all__ = ["Numerical"]
