"""Computational graphs: drawn, passed over step by step, and as sums over paths."""

from lamina.insight.graph.build import computational_graph
from lamina.insight.graph.model import ComputationalGraph, Edge, Path, Step, Vertex

__all__ = ["ComputationalGraph", "Edge", "Path", "Step", "Vertex", "computational_graph"]
