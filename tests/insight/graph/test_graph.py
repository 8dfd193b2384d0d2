"""Computational graphs: values, slopes, passes, paths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
from lamina.core.errors import ArgumentError
from lamina.diff.examples import logistic_unit
from lamina.insight.graph import computational_graph


def unit(x: lamina.Tensor, w: lamina.Tensor, b: lamina.Tensor) -> lamina.Tensor:
    """f(x; w, b) = 1 / (exp(-(w x + b)) + 1), the notes' example."""
    return 1 / (lamina.exp(-(w * x + b)) + 1)


NAMES = ["x", "w", "b"]


def test_the_notes_example_by_hand() -> None:
    """At (x, w, b) = (1, 0, 0): h₁ = 0, h₂ = 0, h₃ = 0, h₄ = 1, h₅ = 2, h₆ = 1/2."""
    graph = computational_graph(unit, 1.0, 0.0, 0.0, names=NAMES)
    numbers = [v.value.item() for v in graph.vertices if v.kind == "operation"]
    assert numbers == [0, 0, 0, 1, 2, 0.5]
    slopes = {
        (graph.vertices[e.target].name, graph.vertices[e.source].name): e.slope.item()
        for e in graph.edges
        if e.slope is not None
    }
    assert slopes["v1", "w"] == 1 and slopes["v1", "x"] == 0  # ∂(w x)
    assert slopes["v2", "v1"] == slopes["v2", "b"] == 1
    assert slopes["v3", "v2"] == -1
    assert slopes["v4", "v3"] == 1
    assert slopes["v5", "v4"] == 1
    assert slopes["v6", "v5"] == -0.25
    (path,) = graph.paths("w")
    assert path.vertices == ("w", "v1", "v2", "v3", "v4", "v5", "v6")
    assert [s.item() for s in path.slopes] == [1, 1, -1, 1, 1, -0.25]
    assert path.product.item() == float(graph.gradient("w")) == 0.25
    assert str(path) == ("v6 ← v5 ← v4 ← v3 ← v2 ← v1 ← w: -0.25 · 1 · 1 · -1 · 1 · 1 = 0.25")
    assert float(graph.gradient("x")) == 0 and float(graph.gradient("b")) == 0.25


def test_passes_in_order() -> None:
    graph = computational_graph(unit, 1.0, 0.0, 0.0, names=NAMES)
    ahead = graph.forward_steps("w")
    assert [s.vertex for s in ahead] == ["w", "v1", "v2", "v3", "v4", "v5", "v6"]
    assert [s.value.item() for s in ahead] == [1, 1, 1, -1, -1, -1, 0.25]
    assert str(ahead[1]) == "∂v1/∂w = ∂v1/∂w · ∂w/∂w = 1"
    back = graph.reverse_steps()
    found = {s.vertex: s.value.item() for s in back}
    assert [s.vertex for s in back][:4] == ["v6", "v5", "v4", "v3"]
    assert found["v5"] == found["v4"] == found["v3"] == -0.25 and found["v2"] == 0.25
    assert (found["w"], found["x"], found["b"]) == (0.25, 0, 0.25)


def test_a_diamond_has_two_paths() -> None:
    graph = computational_graph(lambda x: lamina.sin(x) * lamina.exp(x), 0.7, names=["x"])
    paths = graph.paths("x")
    assert len(paths) == 2
    wanted = np.cos(0.7) * np.exp(0.7) + np.sin(0.7) * np.exp(0.7)
    np.testing.assert_allclose(sum(p.product.item() for p in paths), wanted)
    np.testing.assert_allclose(graph.gradient("x"), wanted)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7), st.integers(0, 7)), max_size=9))
@settings(max_examples=30, deadline=None)
def test_path_sums_are_gradients(steps: list[tuple[int, int, int]]) -> None:
    functions = (
        lambda a, b: a * b, lambda a, b: a + b, lambda a, b: lamina.sin(a),
        lambda a, b: lamina.tanh(a) - b, lambda a, b: a * 0.5, lambda a, b: a * a,
    )  # fmt: skip

    def f(x: lamina.Tensor, y: lamina.Tensor) -> lamina.Tensor:
        values = [x, y]
        for kind, a, b in steps:
            values.append(functions[kind](values[a % len(values)], values[b % len(values)]))
        return values[-1] + x * y

    point = tuple(lamina.tensor(v, dtype="float64") for v in (0.3, -0.8))
    graph = computational_graph(f, *point, names=["x", "y"])
    wanted = lamina.grad(f, argnums=(0, 1))(*point)
    back = {s.vertex: s.value for s in graph.reverse_steps()}
    for name, gradient in zip("xy", wanted, strict=True):
        np.testing.assert_allclose(graph.gradient(name), gradient.numpy(), atol=1e-12)
        np.testing.assert_allclose(back[name].item(), gradient.item(), atol=1e-12)
        np.testing.assert_allclose(
            graph.forward_steps(name)[-1].value.item(), gradient.item(), atol=1e-12
        )


def test_arrays_have_jacobians() -> None:
    a = np.arange(6.0).reshape(2, 3)
    graph = computational_graph(
        lambda x: lamina.tanh(lamina.tensor(a) @ x).sum(), np.ones(3), names=["x"]
    )
    slope = 1 - np.tanh(a @ np.ones(3)) ** 2
    np.testing.assert_allclose(graph.gradient("x"), slope @ a)
    np.testing.assert_allclose(graph.reverse_steps()[-1].value, (slope @ a)[None])
    assert "3, ‖·‖ = 1.732" in str(graph)


def test_layers_are_named() -> None:
    lamina.manual_seed(0)
    net = lamina.nn.Sequential(lamina.nn.Linear(2, 2), lamina.nn.Tanh()).double()
    graph = computational_graph(net, np.ones((1, 2)))
    assert {v.layer for v in graph.vertices if v.kind == "operation"} >= {"0.linear", "1"}


def test_parameters_of_a_module_are_inputs() -> None:
    lamina.manual_seed(0)
    net = lamina.nn.Sequential(
        lamina.nn.Linear(2, 2), lamina.nn.Tanh(), lamina.nn.Linear(2, 1)
    ).double()
    x = np.array([[0.3, -0.4]])
    graph = computational_graph(net, x, names=["x"])
    net(lamina.tensor(x)).sum().backward()
    found = {step.vertex: step.value for step in graph.reverse_steps()}
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None
        gradient = parameter.grad.numpy()
        np.testing.assert_allclose(
            graph.gradient(name).reshape(gradient.shape), gradient, rtol=1e-12
        )
        np.testing.assert_allclose(found[name].reshape(gradient.shape), gradient, rtol=1e-12)


def test_what_is_asked_in_vain() -> None:
    graph = computational_graph(unit, 1.0, 0.0, 0.0, names=NAMES)
    with pytest.raises(ArgumentError, match="no vertex is called 'u'; there are x, w, b"):
        graph.paths("u")
    deep = computational_graph(lambda x: _doubled(x, 20), 0.5, names=["x"])
    with pytest.raises(ArgumentError, match="more than 10000 to 'x'; use reverse_steps"):
        deep.paths("x")
    assert deep.reverse_steps()[-1].value.item() == 2.0**20


def _doubled(x: lamina.Tensor, times: int) -> lamina.Tensor:
    for _ in range(times):
        x = x + x
    return x


def test_one_vector_of_values() -> None:
    graph = computational_graph(logistic_unit, np.array([1.0, 0.0, 0.0]), names=["v"])
    np.testing.assert_allclose(graph.gradient("v"), [0, 0.25, 0.25])


def test_no_two_vertices_have_one_name() -> None:
    graph = computational_graph(lambda a, b, c: a * b + c, 1.0, 2.0, 3.0, names=["v1", "x", "x"])
    assert [v.name for v in graph.vertices] == ["v1", "x", "x2", "v2", "v3"]
    assert [float(graph.gradient(name)) for name in ("v1", "x", "x2")] == [2, 1, 1]
