"""Derivations: formulas and numbers side by side, each step verified as it is made."""

from lamina.insight.derivation.derivation import FORMATS, Derivation
from lamina.insight.derivation.step import DerivationError, Quantity, Section, Step
from lamina.insight.derivation.text import LANGUAGES, Text

__all__ = [
    "FORMATS",
    "LANGUAGES",
    "Derivation",
    "DerivationError",
    "Quantity",
    "Section",
    "Step",
    "Text",
]
