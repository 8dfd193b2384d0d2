"""A computational graph in Graphviz's language."""

from __future__ import annotations

from lamina.insight.graph.model import ComputationalGraph, shown

SHAPES = {"input": "ellipse", "constant": "plaintext", "operation": "box"}


def to_dot(graph: ComputationalGraph) -> str:
    r"""Return the graph for ``dot``: values in vertices, local derivatives on edges.

    >>> from lamina.insight.graph.build import computational_graph
    >>> print(to_dot(computational_graph(lambda x: x * x, 3.0, names=["x"])))
    digraph {
      rankdir=LR;
      v0 [label="x\n3", shape=ellipse];
      v1 [label="v1 = x · x\n9", shape=box];
      v0 -> v1 [label="3"];
      v0 -> v1 [label="3"];
    }
    """
    lines = ["digraph {", "  rankdir=LR;"]
    for number, vertex in enumerate(graph.vertices):
        label = f"{_escaped(vertex.label)}\\n{_escaped(vertex.number)}"
        lines.append(f'  v{number} [label="{label}", shape={SHAPES[vertex.kind]}];')
    for edge in graph.edges:
        label = "" if edge.slope is None else _escaped(shown(edge.slope))
        lines.append(f'  v{edge.source} -> v{edge.target} [label="{label}"];')
    return "\n".join([*lines, "}"])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
