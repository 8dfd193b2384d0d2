"""Where vertices are drawn: in layers, so that edges go one way and cross little.

The layer of a vertex is the longest way to it. An edge over several layers gets a bend in each. The
order inside layers is improved by barycentres, forward and backward, and the order with the fewest
crossings is kept.

Source: Sugiyama, Tagawa and Toda, *Methods for visual understanding of hierarchical system
structures*, IEEE Transactions on Systems, Man and Cybernetics 11, 1981.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

SWEEPS = 12

Place = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """Layers from left to right, and in each the vertices' places from 0 on.

    ``vertices[n]`` is (layer, place); ``bends[k]`` are the places of edge k between its ends.
    """

    vertices: tuple[Place, ...]
    bends: tuple[tuple[Place, ...], ...]


def arrange(count: int, edges: Sequence[tuple[int, int]]) -> Layout:
    """Return a layout for vertices in a topological order.

    >>> arrange(3, [(0, 2), (1, 2)]).vertices
    ((0.0, 0.0), (0.0, 1.0), (1.0, 0.5))
    """
    layers = _layers(count, edges)
    chains, links, rows = _with_bends(layers, edges, count)
    rows = _ordered(rows, links)
    places = _centred(rows, links)
    found = {v: (float(n), places[v]) for n, row in enumerate(rows) for v in row}
    return Layout(
        tuple(found[v] for v in range(count)),
        tuple(tuple(found[v] for v in chain) for chain in chains),
    )


def _layers(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Return the layer of each vertex; one without operands stands right before its first use."""
    found = [0] * count
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        found[target] = max(found[target], found[source] + 1)
    has_operands = {target for _, target in edges}
    for vertex in range(count):
        uses = [found[target] for source, target in edges if source == vertex]
        if vertex not in has_operands and uses:
            found[vertex] = min(uses) - 1
    return found


def _with_bends(
    layers: list[int], edges: Sequence[tuple[int, int]], count: int
) -> tuple[list[list[int]], list[tuple[int, int]], list[list[int]]]:
    """Return the bends of every edge, the links between neighbouring layers, and the layers."""
    rows: list[list[int]] = [[] for _ in range(max(layers, default=0) + 1)]
    for vertex, layer in enumerate(layers):
        rows[layer].append(vertex)
    chains: list[list[int]] = []
    links: list[tuple[int, int]] = []
    following = count
    for source, target in edges:
        chain = list(range(following, following + layers[target] - layers[source] - 1))
        following += len(chain)
        for layer, bend in enumerate(chain, layers[source] + 1):
            rows[layer].append(bend)
        chains.append(chain)
        links += pairwise([source, *chain, target])
    return chains, links, rows


def _ordered(rows: list[list[int]], links: list[tuple[int, int]]) -> list[list[int]]:
    best, fewest = rows, _crossings(rows, links)
    for sweep in range(SWEEPS):
        rows = _swept(rows, links, backward=sweep % 2 == 1)
        crossings = _crossings(rows, links)
        if crossings < fewest:
            best, fewest = rows, crossings
    return best


def _swept(rows: list[list[int]], links: list[tuple[int, int]], backward: bool) -> list[list[int]]:
    """Order each layer by the means of its neighbours' places in the layer before (or after)."""
    order = list(range(len(rows)))[:: -1 if backward else 1]
    new = [list(row) for row in rows]
    for before, layer in pairwise(order):
        place = {vertex: n for n, vertex in enumerate(new[before])}
        means = {}
        for n, vertex in enumerate(new[layer]):
            ends = [t if backward else s for s, t in links if vertex == (s if backward else t)]
            near = [place[end] for end in ends if end in place]
            means[vertex] = sum(near) / len(near) if near else float(n)
        new[layer].sort(key=lambda vertex: means[vertex])
    return new


def _crossings(rows: list[list[int]], links: list[tuple[int, int]]) -> int:
    place = {vertex: (layer, n) for layer, row in enumerate(rows) for n, vertex in enumerate(row)}
    by_layer: dict[int, list[tuple[int, int]]] = {}
    for source, target in links:
        by_layer.setdefault(place[source][0], []).append((place[source][1], place[target][1]))
    return sum(
        (a[0] - b[0]) * (a[1] - b[1]) < 0
        for group in by_layer.values()
        for a, b in combinations(group, 2)
    )


def _centred(rows: list[list[int]], links: list[tuple[int, int]]) -> dict[int, float]:
    """Return places across the layers: near the neighbours', and at least 1 apart."""
    places = {vertex: float(n) for row in rows for n, vertex in enumerate(row)}
    neighbours: dict[int, list[int]] = {vertex: [] for vertex in places}
    for source, target in links:
        neighbours[source].append(target)
        neighbours[target].append(source)
    for _ in range(SWEEPS):
        for row in rows:
            wanted = [_mean([places[n] for n in neighbours[v]], places[v]) for v in row]
            for vertex, place in zip(row, _apart(wanted), strict=True):
                places[vertex] = place
    lowest = min(places.values(), default=0.0)
    return {vertex: round(place - lowest, 3) for vertex, place in places.items()}


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _apart(wanted: list[float]) -> list[float]:
    """Move places in their order until neighbours are at least 1 apart, about where they were."""
    found: list[float] = []
    for place in wanted:
        found.append(max(place, found[-1] + 1) if found else place)
    shift = _mean([w - f for w, f in zip(wanted, found, strict=True)], 0.0)
    return [place + shift for place in found]
