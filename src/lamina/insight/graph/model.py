"""A computational graph as data: vertices, edges, passes over it, and paths through it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path as File

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.types import Array

MOST_PATHS = 10_000


@dataclass(frozen=True)
class Vertex:
    """A node: its name, the formula that gives its value, and that value.

    ``kind`` is "input", "constant" or "operation"; ``layer`` is the module that it belongs to.
    """

    name: str
    formula: str
    value: Array
    kind: str
    layer: str = ""

    @property
    def number(self) -> str:
        """The value as text: a number, or the shape and norm of an array."""
        return shown(self.value)

    @property
    def label(self) -> str:
        """``name = formula``, or the name."""
        return f"{self.name} = {self.formula}" if self.formula else self.name


@dataclass(frozen=True)
class Edge:
    """From an operand to what is computed of it, with ∂(target)/∂(source) if it is known."""

    source: int
    target: int
    slope: Array | None


@dataclass(frozen=True)
class Step:
    """One step of a pass: a vertex, the formula of what is computed for it, and the value."""

    vertex: str
    formula: str
    value: Array

    def __str__(self) -> str:
        """Return the step as a line."""
        return f"{self.formula} = {shown(self.value)}"


@dataclass(frozen=True)
class Path:
    """A way from an input to an output: the vertices, the slopes along it, and their product."""

    vertices: tuple[str, ...]
    slopes: tuple[Array, ...]
    product: Array

    def __str__(self) -> str:
        """Return the way from the output on, with its factors."""
        way = " ← ".join(reversed(self.vertices))
        factors = " · ".join(shown(slope) for slope in reversed(self.slopes))
        return f"{way}: {factors} = {shown(self.product)}"


@dataclass(frozen=True)
class ComputationalGraph:
    """Vertices in a topological order, edges between their numbers, and the outputs."""

    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]
    outputs: tuple[int, ...]

    def __str__(self) -> str:
        """Return a line for each vertex, with its local derivatives."""
        left = [f"{v.label} = {v.number}" for v in self.vertices]
        right = [", ".join(self._slopes(n)) for n in range(len(left))]
        width = max((len(line) for line, text in zip(left, right, strict=True) if text), default=0)
        rows = zip(left, right, strict=True)
        return "\n".join(f"{line:<{width}}      {text}" if text else line for line, text in rows)

    def _slopes(self, number: int) -> Iterator[str]:
        for edge in self.into(number):
            names = self.vertices[number].name, self.vertices[edge.source].name
            if edge.slope is not None:
                yield f"∂{names[0]}/∂{names[1]} = {shown(edge.slope)}"

    def number_of(self, name: str) -> int:
        """Return a vertex's number by its name."""
        names = [vertex.name for vertex in self.vertices]
        if name not in names:
            raise ArgumentError(
                f"graph: no vertex is called {name!r}; there are {', '.join(names)}"
            )
        return names.index(name)

    def into(self, number: int) -> list[Edge]:
        """Return the edges that end in a vertex."""
        return [edge for edge in self.edges if edge.target == number]

    def out_of(self, number: int) -> list[Edge]:
        """Return the edges that begin in a vertex."""
        return [edge for edge in self.edges if edge.source == number]

    # Passes ----------------------------------------------------------------------------

    def forward_steps(self, by: str) -> list[Step]:
        """Return forward mode's steps: every value's derivative by an input, in order.

        v̇ = Σ ∂v/∂u · u̇ over the operands u, from 1 (the identity) at the input.
        """
        start = self.number_of(by)
        size = self.vertices[start].value.size
        tangents: dict[int, Array] = {start: np.eye(size)}
        steps = [Step(by, f"∂{by}/∂{by}", tangents[start])]
        for n, vertex in enumerate(self.vertices):
            terms = [(e, tangents[e.source]) for e in self.into(n) if e.source in tangents]
            if not terms:
                continue
            tangents[n] = sum((_matrix(e, self) @ t for e, t in terms), np.zeros(()))
            names = [self.vertices[e.source].name for e, _ in terms]
            text = " + ".join(f"∂{vertex.name}/∂{u} · ∂{u}/∂{by}" for u in names)
            steps.append(Step(vertex.name, f"∂{vertex.name}/∂{by} = {text}", tangents[n]))
        return steps

    def reverse_steps(self) -> list[Step]:
        """Return reverse mode's steps: the output's derivative by every value, from the end.

        v̄ = Σ w̄ · ∂w/∂v over what is computed of v, from 1 (the identity) at the output.
        """
        (end,) = self.outputs
        name = self.vertices[end].name
        adjoints: dict[int, Array] = {end: np.eye(self.vertices[end].value.size)}
        steps = [Step(name, f"∂{name}/∂{name}", adjoints[end])]
        for n in reversed(range(len(self.vertices))):
            vertex = self.vertices[n]
            terms = [(e, adjoints[e.target]) for e in self.out_of(n) if e.target in adjoints]
            if not terms or vertex.kind == "constant" or any(e.slope is None for e, _ in terms):
                continue
            adjoints[n] = sum((a @ _matrix(e, self) for e, a in terms), np.zeros(()))
            users = [self.vertices[e.target].name for e, _ in terms]
            text = " + ".join(f"∂{name}/∂{w} · ∂{w}/∂{vertex.name}" for w in users)
            steps.append(Step(vertex.name, f"∂{name}/∂{vertex.name} = {text}", adjoints[n]))
        return steps

    # Paths -----------------------------------------------------------------------------

    def paths(self, to: str) -> list[Path]:
        """Return all paths from the output to an input, each with the product of its slopes.

        The sum of the products is the derivative (`gradient`).

        Errors: `ArgumentError` for an unknown name, or more than 10,000 paths.
        """
        start = self.number_of(to)
        (end,) = self.outputs
        found: list[Path] = []
        for edges in self._ways(start, end):
            if len(found) == MOST_PATHS:
                raise ArgumentError(
                    f"paths: there are more than {MOST_PATHS} to {to!r}; use reverse_steps, which "
                    "adds them up vertex by vertex"
                )
            found.append(self._path(start, edges))
        return found

    def gradient(self, to: str) -> Array:
        """Return the sum over all paths: ∂(output)/∂(input), of shape (*output, *input)."""
        start, (end,) = self.number_of(to), self.outputs
        shape = (*self.vertices[end].value.shape, *self.vertices[start].value.shape)
        sizes = self.vertices[end].value.size, self.vertices[start].value.size
        total = sum((path.product for path in self.paths(to)), np.zeros(sizes))
        return np.asarray(total).reshape(shape)

    def _ways(self, start: int, end: int) -> Iterator[tuple[Edge, ...]]:
        if start == end:
            yield ()
            return
        for edge in self.out_of(start):
            for rest in self._ways(edge.target, end):
                yield (edge, *rest)

    def _path(self, start: int, edges: tuple[Edge, ...]) -> Path:
        matrices = [_matrix(edge, self) for edge in edges]
        names = [self.vertices[n].name for n in (start, *(edge.target for edge in edges))]
        size = self.vertices[start].value.size
        product = reduce(lambda done, slope: slope @ done, matrices, np.eye(size))
        return Path(tuple(names), tuple(matrices), product)

    # Pictures --------------------------------------------------------------------------

    def to_dot(self) -> str:
        """Return the graph in Graphviz's language."""
        from lamina.insight.graph.dot import to_dot

        return to_dot(self)

    def to_svg(self, known: Sequence[str] | None = None) -> str:
        """Return the graph as a picture: values in vertices, local derivatives on edges.

        With ``known`` only these vertices show their values, as in the course of a pass.
        """
        from lamina.insight.graph.svg import to_svg

        return to_svg(self, known)

    def pictures(self) -> Iterator[str]:
        """Yield a picture for each step of the forward pass: one more value is known in each."""
        names = [vertex.name for vertex in self.vertices]
        for count in range(1, len(names) + 1):
            yield self.to_svg(names[:count])

    def save(self, path: str | File) -> None:
        """Write the picture (``.svg``), or the graph as ``.dot`` or text."""
        file = File(path)
        kinds = {".svg": self.to_svg, ".dot": self.to_dot}
        file.write_text(kinds.get(file.suffix, self.__str__)() + "\n", encoding="utf-8")

    def _repr_svg_(self) -> str:
        return self.to_svg()


def shown(value: Array) -> str:
    """Return a number, or an array's shape and norm.

    >>> shown(np.array(0.25)), shown(np.ones((2, 2)))
    ('0.25', '2×2, ‖·‖ = 2')
    """
    if value.size == 1:
        return f"{value.item() + 0:.6g}"  # without the sign of zero
    size = "×".join(map(str, value.shape))
    return f"{size}, ‖·‖ = {np.linalg.norm(value.astype(float)):.4g}"


def _matrix(edge: Edge, graph: ComputationalGraph) -> Array:
    """Return an edge's slope as a matrix."""
    rows, columns = (graph.vertices[n].value.size for n in (edge.target, edge.source))
    if edge.slope is None:
        names = graph.vertices[edge.target].name, graph.vertices[edge.source].name
        raise ArgumentError(f"graph: ∂{names[0]}/∂{names[1]} is not known: too large, or no floats")
    return edge.slope.reshape(rows, columns)
