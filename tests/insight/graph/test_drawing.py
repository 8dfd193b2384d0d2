"""Drawings of graphs: layout, SVG, DOT."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamina
from lamina.insight.graph import ComputationalGraph, computational_graph
from lamina.insight.graph.layout import arrange

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def graph() -> ComputationalGraph:
    return computational_graph(
        lambda x, w: 1 / (lamina.exp(-(w * x)) + 1) + (x < 2).double(),
        1.0,
        0.5,
        names=["x", "<w&>"],
    )


def boxes(svg: str) -> list[tuple[float, float, float, float]]:
    root = ElementTree.fromstring(svg)
    found = [r for r in root.iter(f"{SVG}rect") if r.get("class") != "page"]
    return [tuple(float(r.get(k) or 0) for k in ("x", "y", "width", "height")) for r in found]  # type: ignore[misc]


def test_the_picture_says_all_and_nothing_overlaps(graph: ComputationalGraph) -> None:
    svg = graph.to_svg()
    root = ElementTree.fromstring(svg)
    texts = ["".join(t.itertext()) for t in root.iter(f"{SVG}text")]
    for vertex in graph.vertices:
        assert vertex.label in texts and vertex.number in texts
    assert len(list(root.iter(f"{SVG}path"))) == len(graph.edges) + 1  # and the arrow's head
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    _, _, width, height = map(float, (root.get("viewBox") or "").split())
    for x, y, w, h in boxes(svg):
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
    for (x, y, w, h), (u, v, r, s) in combinations(boxes(svg), 2):
        assert x + w <= u or u + r <= x or y + h <= v or v + s <= y


def test_edges_go_right(graph: ComputationalGraph) -> None:
    layout = arrange(len(graph.vertices), [(e.source, e.target) for e in graph.edges])
    for edge, bends in zip(graph.edges, layout.bends, strict=True):
        layers = [
            layout.vertices[edge.source][0],
            *(b[0] for b in bends),
            layout.vertices[edge.target][0],
        ]
        assert layers == [layers[0] + n for n in range(len(layers))]


@given(st.integers(1, 12), st.data())
def test_places_are_apart(count: int, data: st.DataObject) -> None:
    pairs = [(a, b) for a in range(count) for b in range(a + 1, count)]
    edges = data.draw(st.lists(st.sampled_from(pairs), max_size=20)) if pairs else []
    layout = arrange(count, edges)
    points = [*layout.vertices, *(p for bends in layout.bends for p in bends)]
    for (layer, place), (other, there) in combinations(points, 2):
        assert layer != other or abs(place - there) >= 0.99
    for (source, target), bends in zip(edges, layout.bends, strict=True):
        assert layout.vertices[target][0] - layout.vertices[source][0] == len(bends) + 1


def test_crossings_that_can_be_avoided_are() -> None:
    layout = arrange(4, [(0, 3), (1, 2)])
    places = [place for _, place in layout.vertices]
    assert (places[0] - places[1]) * (places[3] - places[2]) > 0


def test_a_pass_shows_what_is_known(graph: ComputationalGraph) -> None:
    unknown = [
        re.findall(r'class="value"[^>]*>([^<]*)<', svg).count("?")
        for svg in (graph.to_svg(known=["x"]), *graph.pictures())
    ]
    count = len(graph.vertices)
    assert unknown == [count - 1, *reversed(range(count))]


def test_dot_is_well_formed(graph: ComputationalGraph) -> None:
    lines = graph.to_dot().splitlines()
    vertex = re.compile(r'  v\d+ \[label="(?:[^"\\]|\\.)*", shape=\w+\];')
    edge = re.compile(r'  v\d+ -> v\d+ \[label="(?:[^"\\]|\\.)*"\];')
    assert (lines[0], lines[-1]) == ("digraph {", "}")
    assert sum(bool(vertex.fullmatch(line)) for line in lines) == len(graph.vertices)
    assert sum(bool(edge.fullmatch(line)) for line in lines) == len(graph.edges)


def test_saving(graph: ComputationalGraph, tmp_path: Path) -> None:
    for name, start in {"g.svg": "<svg", "g.dot": "digraph", "g.txt": "x = 1"}.items():
        graph.save(tmp_path / name)
        assert (tmp_path / name).read_text().startswith(start)
    assert graph._repr_svg_() == graph.to_svg()
