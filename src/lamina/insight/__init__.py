"""What others hide: every number of a network, and where it comes from."""

from lamina.insight.derivation import Derivation, DerivationError
from lamina.insight.trace import LearningStep, Trace, trace

__all__ = ["Derivation", "DerivationError", "LearningStep", "Trace", "trace"]
