"""The computational graph of a logistic unit: every value, every local derivative, every path.

nndl, section 4.5.3: f(x; w, b) = 1 / (exp(-(w x + b)) + 1) at x = 1, w = 0, b = 0. The derivative
by an input is the sum over all paths of the products of the local derivatives on them. Both passes
of automatic differentiation are shown in the order in which their numbers appear.
"""

import sys

from bands import Bands

import lamina
from lamina.insight.graph import computational_graph


def f(x: lamina.Tensor, w: lamina.Tensor, b: lamina.Tensor) -> lamina.Tensor:
    """A logistic unit."""
    return 1 / (lamina.exp(-(w * x + b)) + 1)


graph = computational_graph(f, 1.0, 0.0, 0.0, names=["x", "w", "b"])
print(graph)
print("\nForward mode, by w")
print(*graph.forward_steps("w"), sep="\n")
print("\nReverse mode")
print(*graph.reverse_steps(), sep="\n")
print("\nPaths")
for name in ("w", "b", "x"):
    print(*graph.paths(name), sep="\n")
if len(sys.argv) > 1:
    graph.save(sys.argv[1])

bands = Bands("\nSums over paths")
for name, value in {"w": 0.25, "b": 0.25, "x": 0.0}.items():
    bands.expect(f"∂f/∂{name}", float(graph.gradient(name)), value, value, value)
bands.finish()
