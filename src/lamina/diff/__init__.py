"""Four ways to differentiate a function: numerical, symbolic, forward mode, reverse mode.

Each can be used alone, and all give the same `Derivative`.
"""

from lamina.diff.interface import Derivative, Engine, Function

__all__ = ["Derivative", "Engine", "Function"]
