"""Every quantity of a network at work, in the book's notation, and its derivation."""

from lamina.insight.trace.layers import Layer
from lamina.insight.trace.learning_step import LearningStep, ParameterUpdate
from lamina.insight.trace.tracing import Trace, trace

__all__ = ["Layer", "LearningStep", "ParameterUpdate", "Trace", "trace"]
