"""Differentiation, graph to graph: forward and reverse mode over the same derivative rules."""

from lamina.autodiff.forward import pushforward
from lamina.autodiff.reverse import pullback

__all__ = ["pullback", "pushforward"]
