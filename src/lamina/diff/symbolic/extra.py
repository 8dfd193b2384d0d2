"""SymPy is an extra: this says what to install where it is missing."""

from lamina.core.errors import missing_extra

try:
    import sympy as sympy
except ImportError as error:
    raise missing_extra("SymPy", "symbolic", "a symbolic derivative") from error
