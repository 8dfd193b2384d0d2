"""A computational graph as a picture that needs nothing else: Scalable Vector Graphics."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from lamina.insight.graph.layout import Layout, Place, arrange
from lamina.insight.graph.model import ComputationalGraph, Vertex, shown

LETTER = 7.4
"""Width of a letter at 13 pixels, about."""

HEIGHT, GAP, ACROSS, EDGE = 44.0, 64.0, 74.0, 24.0

STYLE = """
text { font: 13px ui-monospace, Menlo, Consolas, monospace; fill: #1b1f24; }
.slope { fill: #b54708; font-size: 12px; paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
.value { fill: #175cd3; }
.edge { fill: none; stroke: #667085; stroke-width: 1.3; }
rect { fill: #f9fafb; stroke: #667085; } .input { fill: #eff8ff; stroke: #175cd3; }
.constant { fill: #fcfcfd; stroke: #d0d5dd; stroke-dasharray: 4 3; }
.page { fill: #ffffff; stroke: none; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e9ee; } .slope { fill: #fdb022; stroke: #0d1117; } .value { fill: #84caff; }
  rect { fill: #1d2430; stroke: #98a2b3; } .input { fill: #102a56; stroke: #84caff; }
  .constant { fill: #161b22; stroke: #475467; } .edge { stroke: #98a2b3; }
  .page { fill: #0d1117; }
}
"""


def to_svg(graph: ComputationalGraph, known: Sequence[str] | None = None) -> str:
    """Return the picture: layers from left to right, values in blue, local derivatives in orange.

    With ``known`` only these vertices show their values, as in the course of a pass.
    """
    layout = arrange(len(graph.vertices), [(e.source, e.target) for e in graph.edges])
    page = _Page(graph, layout)
    shown_names = {v.name for v in graph.vertices} if known is None else set(known)
    parts = [page.edge(n) for n in range(len(graph.edges))]
    parts += [page.box(n, v.name in shown_names) for n, v in enumerate(graph.vertices)]
    width, height = page.size
    outputs = ", ".join(graph.vertices[n].name for n in graph.outputs)
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" role="img">',
            f"<title>Computational graph of {escape(outputs)}</title>",
            f"<desc>{escape(str(graph))}</desc>",
            f"<style>{STYLE}</style>",
            '<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
            'markerHeight="8" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#667085"/>'
            "</marker></defs>",
            f'<rect class="page" width="{width:.0f}" height="{height:.0f}"/>',
            *parts,
            "</svg>",
        )
    )


class _Page:
    """Coordinates in pixels."""

    def __init__(self, graph: ComputationalGraph, layout: Layout) -> None:
        self.graph, self.layout = graph, layout
        self.widths = [_width(vertex) for vertex in graph.vertices]
        layers = int(max((layer for layer, _ in layout.vertices), default=0)) + 1
        widest = [0.0] * layers
        for width, (layer, _) in zip(self.widths, layout.vertices, strict=True):
            widest[int(layer)] = max(widest[int(layer)], width)
        self.lefts = [EDGE + sum(widest[:n]) + n * ACROSS for n in range(layers)]
        self.widest = widest

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        places = [place for _, place in self.layout.vertices]
        places += [place for bends in self.layout.bends for _, place in bends]
        height = 2 * EDGE + HEIGHT + max(places, default=0.0) * GAP
        return self.lefts[-1] + self.widest[-1] + EDGE, height

    def corner(self, number: int) -> tuple[float, float]:
        """Return the upper left corner of a vertex's box, centred in its layer."""
        layer, place = self.layout.vertices[number]
        room = self.widest[int(layer)] - self.widths[number]
        return self.lefts[int(layer)] + room / 2, EDGE + place * GAP

    def box(self, number: int, is_known: bool) -> str:
        vertex, width = self.graph.vertices[number], self.widths[number]
        x, y = self.corner(number)
        middle = x + width / 2
        value = escape(vertex.number) if is_known else "?"
        return (
            f'<rect class="{vertex.kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
            f'height="{HEIGHT:.0f}" rx="6"/>'
            f'<text x="{middle:.1f}" y="{y + 18:.1f}" text-anchor="middle">'
            f"{escape(vertex.label)}</text>"
            f'<text class="value" x="{middle:.1f}" y="{y + 36:.1f}" text-anchor="middle">'
            f"{value}</text>"
        )

    def edge(self, number: int) -> str:
        edge = self.graph.edges[number]
        points = self._points(number)
        line = f'<path class="edge" marker-end="url(#end)" d="{_curve(points)}"/>'
        if edge.slope is None:
            return line
        (x0, y0), (x1, y1) = points[-2], points[-1]
        text = escape(shown(edge.slope))
        x, y = (x0 + x1) / 2, (y0 + y1) / 2 - 5 - 13 * self._twin(number)
        return (
            f'{line}<text class="slope" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{text}</text>'
        )

    def _twin(self, number: int) -> int:
        """Return how many earlier edges have the same ends: x · x has two."""
        ends = [(e.source, e.target) for e in self.graph.edges]
        return ends[:number].count(ends[number])

    def _points(self, number: int) -> list[Place]:
        edge = self.graph.edges[number]
        (x0, y0), (x1, y1) = self.corner(edge.source), self.corner(edge.target)
        start = x0 + self.widths[edge.source], y0 + HEIGHT / 2
        bends = [
            point
            for layer, place in self.layout.bends[number]
            for point in self._across(int(layer), EDGE + place * GAP + HEIGHT / 2)
        ]
        return [start, *bends, (x1, y1 + HEIGHT / 2)]

    def _across(self, layer: int, y: float) -> tuple[Place, Place]:
        left = self.lefts[layer]
        return (left, y), (left + self.widest[layer], y)


def _width(vertex: Vertex) -> float:
    return LETTER * max(len(vertex.label), len(vertex.number)) + 20


def _curve(points: Sequence[Place]) -> str:
    """Return a path with horizontal tangents through all points."""
    (x, y), *rest = points
    parts = [f"M{x:.1f} {y:.1f}"]
    for next_x, next_y in rest:
        middle = (x + next_x) / 2
        parts.append(f"C{middle:.1f} {y:.1f} {middle:.1f} {next_y:.1f} {next_x:.1f} {next_y:.1f}")
        x, y = next_x, next_y
    return " ".join(parts)
