"""Loss surfaces against direct evaluation, directions, paths and proofs of non-convexity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lamina
from lamina import insight, nn, optim
from lamina.core.errors import ArgumentError, ShapeError
from lamina.insight.surface.directions import difference
from lamina.nn import functional as F
from lamina.train import Checkpoint, Trainer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 2))
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)


def network(dtype: str = "float64") -> nn.Sequential:
    lamina.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 2)).to(dtype)


def direct(model: nn.Module, **moved: np.ndarray[Any, Any]) -> float:
    """The loss with some weights moved, without any of the code under test."""
    saved = {name: np.array(value) for name, value in model.state_dict().items()}
    state = {k: saved[k] + moved[k.replace(".", "_")] if k.replace(".", "_") in moved else saved[k]
             for k in saved}  # fmt: skip
    model.load_state_dict(state)
    model.eval()
    value = F.cross_entropy(model(X.astype(saved["0.weight"].dtype)), Y).item()
    model.load_state_dict(saved)
    model.train()
    return float(value)


def trained(every: int = 1, epochs: int = 3) -> tuple[nn.Sequential, insight.WeightPath]:
    model, noted = network(), insight.PathCallback(every)
    trainer = Trainer(model, "cross_entropy", optim.SGD(model.parameters(), lr=0.3))
    trainer.fit((X, Y), epochs=epochs, callbacks=[noted], batch_size=100, progress="none")
    return model, noted.path


# The toy ----------------------------------------------------------------------------------


def sigma(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize("loss", ["output", "squared", "cross_entropy"])
def test_the_toys_surface_is_its_formula_and_not_convex(loss: str) -> None:
    surface = insight.toy_surface(loss, points=41)
    w1, w2 = np.meshgrid(surface.x, surface.y)
    y = sigma(w2 * sigma(w1))
    formula = {"output": y, "squared": (1 - y) ** 2, "cross_entropy": -np.log(y)}[loss]
    assert np.allclose(surface.values, formula, rtol=1e-12)
    chord = surface.chord()
    assert chord is not None
    points = (chord.start, chord.end, chord.midpoint)
    found = [insight.toy_loss(*(lamina.tensor(w, dtype="float64") for w in p), loss).item()
             for p in points]  # fmt: skip
    assert found == pytest.approx([chord.at_start, chord.at_end, chord.at_midpoint], rel=1e-12)
    assert found[2] - (found[0] + found[1]) / 2 == pytest.approx(chord.excess)
    assert chord.excess > 0.05
    assert "not convex" in str(chord)


def test_the_toys_sample_is_chosen() -> None:
    surface = insight.toy_surface("cross_entropy", x=2.0, y=0.0, limit=1.0, points=3)
    assert surface.values[2, 0] == pytest.approx(-np.log(1 - sigma(sigma(-2.0))))
    with pytest.raises(ArgumentError, match="loss must be one of"):
        insight.toy_surface("nothing")


@given(st.integers(0, 2**32 - 1), st.integers(4, 12))
def test_no_chord_is_found_over_a_convex_function(seed: int, points: int) -> None:
    rng = np.random.default_rng(seed)
    axis = np.linspace(-1, 1, points)
    x, y = np.meshgrid(axis, axis)
    root = rng.normal(size=(2, 2))
    form = root @ root.T
    convex = form[0, 0] * x**2 + 2 * form[0, 1] * x * y + form[1, 1] * y**2 + x - y
    assert insight.find_chord(convex, (axis, axis)) is None


@given(st.integers(0, 2**32 - 1))
def test_the_chord_is_the_best_of_all_pairs(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(5, 6))
    axes = (np.arange(5.0), np.arange(6.0))
    places = list(np.ndindex(5, 6))
    best = max(
        values[(p[0] + q[0]) // 2, (p[1] + q[1]) // 2] - (values[p] + values[q]) / 2
        for p in places
        for q in places
        if (p[0] + q[0]) % 2 == 0 and (p[1] + q[1]) % 2 == 0
    )
    chord = insight.find_chord(values, axes)
    assert (chord.excess if chord else 0.0) == pytest.approx(best)
    if chord:
        assert values[tuple(map(int, chord.start))] == chord.at_start
        assert values[tuple(map(int, chord.midpoint))] == chord.at_midpoint


# Directions -------------------------------------------------------------------------------


def test_filters_of_a_random_direction_are_as_long_as_the_models() -> None:
    lamina.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(36, 5))
    one, other = (insight.random_direction(model, seed=1, number=n) for n in (0, 1))
    for name, weight in model.named_parameters():
        w, d = np.array(weight), one[name]
        assert d.shape == w.shape
        if w.ndim < 2:
            assert not d.any()
            continue
        for filter_of_d, filter_of_w in zip(d, w, strict=True):
            assert np.linalg.norm(filter_of_d) == pytest.approx(np.linalg.norm(filter_of_w), 1e-5)
        cosine = (d * other[name]).sum() / np.linalg.norm(d) / np.linalg.norm(other[name])
        assert abs(cosine) < 0.5
    again = insight.random_direction(model, seed=1)
    assert all(np.array_equal(again[name], one[name]) for name in one)


def test_errors_of_directions() -> None:
    with pytest.raises(ArgumentError, match="only one of the two has b"):
        insight.filter_normalised({"a": np.ones(2), "b": np.ones(2)}, {"a": np.ones(2)})
    with pytest.raises(ShapeError, match="a has shapes"):
        difference({"a": np.ones(2)}, {"a": np.ones(3)})


# Slices -----------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["compiled", "dynamic"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_slices_and_surfaces_are_the_loss(engine: str, dtype: str) -> None:
    model = network(dtype)
    d1, d2 = (insight.random_direction(model, 0, number) for number in (0, 1))
    close = {"rel": 2e-5 if dtype == "float32" else 1e-12}
    line = insight.loss_slice(model, X, Y, "cross_entropy", points=5, engine=engine)
    for a, value in zip(line.positions, line.values, strict=True):
        moved = {name.replace(".", "_"): a * d for name, d in d1.items()}
        assert value == pytest.approx(direct(model, **moved), **close)
    plane = insight.loss_surface(model, X, Y, "cross_entropy", points=3, engine=engine)
    for i, a in enumerate(plane.x):
        for j, b in enumerate(plane.y):
            moved = {name.replace(".", "_"): a * d1[name] + b * d2[name] for name in d1}
            assert plane.values[j, i] == pytest.approx(direct(model, **moved), **close)
    assert all(module.training for module in model.modules())


def test_between_checkpoints() -> None:
    model, _ = trained()
    end = {name: np.array(value) for name, value in model.state_dict().items()}
    first = network()
    start = {name: np.array(value) for name, value in first.state_dict().items()}
    line = insight.loss_between(model, start, end, X, Y, "cross_entropy", points=5)
    assert list(line.positions) == [-0.5, 0.0, 0.5, 1.0, 1.5]
    assert line.values[1] == pytest.approx(direct(first), rel=1e-10)
    assert line.values[3] == pytest.approx(direct(model), rel=1e-10)
    halfway = {k: (start[k] + end[k]) / 2 for k in start if start[k].dtype == np.float64}
    model.load_state_dict(halfway, strict=False)
    assert line.values[2] == pytest.approx(direct(model), rel=1e-10)


# Paths ------------------------------------------------------------------------------------


def test_a_path_in_a_plane_has_exact_principal_coordinates() -> None:
    rng = np.random.default_rng(1)
    u, v = np.linalg.qr(rng.normal(size=(7, 2)))[0].T
    origin, coordinates = rng.normal(size=7), rng.normal(size=(9, 2)) * (5, 1)
    path = insight.WeightPath()
    for step, (a, b) in enumerate(coordinates):
        vector = origin + a * u + b * v
        path.add(step, {"w": vector[:6].reshape(2, 3), "b": vector[6:]})
    found = path.principal()
    basis = np.stack([np.concatenate([d["w"].ravel(), d["b"]]) for d in found.directions])
    assert np.allclose(basis @ basis.T, np.eye(2), atol=1e-12)
    rebuilt = path.vectors[-1] + found.coordinates @ basis
    assert np.allclose(rebuilt, np.stack(path.vectors), atol=1e-12)
    assert found.explained[:2].sum() == pytest.approx(1.0)
    away = coordinates - coordinates.mean(0)
    variance = np.linalg.eigvalsh(away.T @ away)[::-1]
    assert found.explained[:2] == pytest.approx(variance / variance.sum())
    weights = list(path.points())
    assert np.array_equal(weights[3]["b"], path.vectors[3][6:])


def test_the_path_of_training_on_its_plane() -> None:
    model, path = trained()
    surface = insight.path_surface(model, path, X, Y, "cross_entropy", points=9)
    assert path.steps == list(range(10))
    assert surface.trajectory is not None
    assert surface.trajectory_values is not None
    assert surface.explained is not None
    assert np.allclose(surface.trajectory[-1], 0)
    assert surface.x[0] < surface.trajectory[:, 0].min() < surface.trajectory[:, 0].max()
    assert surface.trajectory_values[-1] == pytest.approx(direct(model), rel=1e-10)
    assert 0.5 < sum(surface.explained) <= 1 + 1e-9
    found = path.principal()
    i, j = 2, 5
    moved = {name.replace(".", "_"): surface.x[i] * one + surface.y[j] * two
             for (name, one), two in zip(found.directions[0].items(),
                                         found.directions[1].values(), strict=True)}  # fmt: skip
    assert surface.values[j, i] == pytest.approx(direct(model, **moved), rel=1e-10)


def test_a_path_projected_on_given_directions() -> None:
    model, _ = trained()
    d1, d2 = (insight.random_direction(model, 0, number) for number in (0, 1))
    origin = {name: np.array(p) for name, p in model.named_parameters()}
    planar = insight.WeightPath()
    for step, (a, b) in enumerate([(0.5, -1.0), (0.25, 0.5), (0.0, 0.0)]):
        planar.add(step, {k: origin[k] + a * d1[k] + b * d2[k] for k in origin})
    surface = insight.loss_surface(model, X, Y, "cross_entropy", path=planar, points=3)
    assert surface.trajectory is not None
    assert surface.trajectory_values is not None
    assert np.allclose(surface.trajectory, [[0.5, -1.0], [0.25, 0.5], [0.0, 0.0]])
    assert surface.trajectory_values[-1] == pytest.approx(surface.values[1, 1], rel=1e-10)


def test_the_path_callback_changes_nothing_and_resumes(tmp_path: Path) -> None:
    one, path = trained(every=2)
    assert path.steps == [0, 2, 4, 6, 8]
    plain = network()
    optimiser = optim.SGD(plain.parameters(), lr=0.3)
    trainer = Trainer(plain, "cross_entropy", optimiser)
    trainer.fit((X, Y), epochs=3, batch_size=100, progress="none")
    for name, value in plain.state_dict().items():
        assert np.array_equal(np.array(value), np.array(one.state_dict()[name]))
    for epochs in (1, 3):
        model, noted = network(), insight.PathCallback(2)
        trainer = Trainer(model, "cross_entropy", optim.SGD(model.parameters(), lr=0.3))
        trainer.fit((X, Y), None, epochs, [noted, Checkpoint(tmp_path)], batch_size=100,
                    resume=tmp_path if epochs == 3 else None, progress="none")  # fmt: skip
    assert noted.path.steps == path.steps
    assert np.array_equal(np.stack(noted.path.vectors), np.stack(path.vectors))


def test_pictures(tmp_path: Path) -> None:
    toy = insight.toy_surface(points=21)
    model, path = trained()
    surface = insight.path_surface(model, path, X, Y, "cross_entropy", points=9)
    insight.draw_surface(toy, tmp_path / "toy.png", chord=toy.chord())
    drawn = insight.draw_surface(surface, tmp_path / "path.png", kind="contour", logarithmic=True)
    line = drawn.axes[0].lines[0]
    assert np.allclose(np.stack([line.get_xdata(), line.get_ydata()], 1), surface.trajectory)
    insight.draw_surface(surface, tmp_path / "relief.png", kind="3d")
    one = insight.loss_slice(model, X, Y, "cross_entropy", points=9)
    insight.draw_slice(one, tmp_path / "slice.png", one.chord())
    assert all(file.stat().st_size > 5000 for file in tmp_path.glob("*.png"))
    assert len(list(tmp_path.glob("*.png"))) == 4
    assert set(surface.to_dict()) > {"x", "values", "trajectory"}
    with pytest.raises(ArgumentError, match="kind must be"):
        insight.draw_surface(toy, kind="2d")  # type: ignore[arg-type]


def test_errors() -> None:
    model, path = trained(epochs=1)
    short = insight.WeightPath(path.like, path.steps[:2], path.vectors[:2])
    with pytest.raises(ArgumentError, match="3 or more points"):
        insight.path_surface(model, short, X, Y, "cross_entropy")
    with pytest.raises(ArgumentError, match="points must be 2 or more"):
        insight.loss_slice(model, X, Y, "cross_entropy", points=1)
    with pytest.raises(ArgumentError, match="expected 2 directions"):
        insight.loss_surface(model, X, Y, "cross_entropy", [insight.random_direction(model)])
    with pytest.raises(ArgumentError, match=r"find_chord: expected .* \(3,\), got \(4,\)"):
        insight.find_chord(np.ones(3), (np.ones(4),))
    with pytest.raises(ArgumentError, match="engine must be"):
        insight.loss_slice(model, X, Y, "cross_entropy", engine="fast")
