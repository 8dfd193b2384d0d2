"""Differentiation, graph to graph: forward and reverse mode over the same derivative rules."""

from lamina.diff.forward import pushforward
from lamina.diff.reverse import pullback

__all__ = ["pullback", "pushforward"]
