"""Computational graphs, and a derivation of a whole backward pass."""

from __future__ import annotations

from typing import Any

import numpy as np

import lamina
from lamina import insight, nn
from lamina.insight.graph import computational_graph

TITLE = "Graphs and derivations"


def _unit(x: Any, w: Any, b: Any) -> Any:
    return 1 / (lamina.exp(-(w * x + b)) + 1)


def logistic_unit() -> str:
    return computational_graph(_unit, 1.0, 0.0, 0.0, names=["x", "w", "b"]).to_svg()


def diamond() -> str:
    graph = computational_graph(
        lambda x, y: (lambda u: lamina.sin(u) * lamina.exp(u) + u * y)(x * y),
        0.5,
        2.0,
        names=["x", "y"],
    )
    return graph.to_svg()


def by_hand() -> str:
    first, second = nn.Linear(2, 2), nn.Linear(2, 1)
    values = {"weight": [[0.5, -0.25], [-0.5, 0.75]], "bias": [0.1, -0.2]}
    first.load_state_dict({k: lamina.tensor(v) for k, v in values.items()})
    second.load_state_dict({"weight": lamina.tensor([[0.3, -0.6]]), "bias": lamina.tensor([0.05])})
    model = nn.Sequential(first, nn.Sigmoid(), second, nn.Sigmoid()).double()
    trace = insight.trace(model, np.array([[1.0, 2.0]]), np.array([[1.0]]), "mse")
    return trace.derivation().to_html()


PICTURES = [
    ("graph_logistic_unit.svg", "Values in blue, local derivatives in orange: f(x; w, b) = "
     "1 / (exp(-(w x + b)) + 1). `computational_graph(f, 1.0, 0.0, 0.0).to_svg()`", logistic_unit),
    ("graph_paths.svg", "Several paths lead from an input to the output; the derivative is the sum "
     "over them. `graph.paths(\"x\")`", diamond),
    ("derivation_by_hand.html", "The backward pass of a 2-2-1 network with every number. "
     "`insight.trace(model, x, y, \"mse\").derivation().to_html()`", by_hand),
]  # fmt: skip
