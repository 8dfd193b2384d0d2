"""Lamina's exceptions.

Every message names the operation and argument, what was expected, what came, and what to do.
Each class also derives from the built-in exception a Python programmer would expect to catch.
"""

from __future__ import annotations


class LaminaError(Exception):
    """Base of every error that Lamina raises on purpose."""


class ShapeError(LaminaError, ValueError):
    """Operand shapes do not fit the operation."""


class DTypeError(LaminaError, TypeError):
    """An operand has a dtype the operation does not take."""


class ArgumentError(LaminaError, ValueError):
    """An argument that is not a tensor has an unusable value."""


class DataError(LaminaError, ValueError):
    """A file or data set is malformed: names the file, the place, and what was expected."""


class GradientError(LaminaError, RuntimeError):
    """A derivative was asked for where there is none."""


class TraceError(LaminaError, TypeError):
    """Python asked for the value of a tensor that has none yet (it is being traced)."""


class GraphError(LaminaError, RuntimeError):
    """A graph breaks an invariant (the verifier says which)."""


class NonFiniteError(LaminaError, ArithmeticError):
    """A NaN or an infinity appeared where training cannot go on."""


class MissingExtraError(LaminaError, ImportError):
    """An optional dependency is needed and not installed."""


def missing_extra(package: str, extra: str, purpose: str) -> MissingExtraError:
    """Return the error for a feature whose optional dependency is absent.

    >>> print(missing_extra("matplotlib", "plot", "drawing learning curves"))
    drawing learning curves needs matplotlib: run `pip install 'lamina[plot]'`
    """
    return MissingExtraError(f"{purpose} needs {package}: run `pip install 'lamina[{extra}]'`")
