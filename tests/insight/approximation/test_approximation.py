"""One hidden layer approximates: the proof's parts, its bound, and error against width."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.core.errors import ArgumentError
from lamina.insight import approximation as A

Array = np.ndarray[Any, Any]
INTERVAL = (-2.0, 3.0)
TARGETS: dict[str, tuple[Callable[[Array], Array], float]] = {  # with Lipschitz constants
    "sine": (np.sin, 1.0),
    "kink": (lambda x: np.abs(x - 0.3), 1.0),
    "polynomial": (lambda x: x**3 / 9 - x, 2.0),
    "wave": (lambda x: np.sin(4 * x) * np.exp(-(x**2)), 5.0),
}


def sigma(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def test_steps_and_bumps_are_their_formulas() -> None:
    x = np.linspace(-1, 1, 41)
    assert np.allclose(A.step(0.2, 30, 2.0)(x), 2 * sigma(30 * (x - 0.2)), rtol=1e-12)
    tower = A.bump(-0.5, 0.25, 3.0, 40)
    assert tower.width == 2
    assert np.allclose(tower(x), 3 * (sigma(40 * (x + 0.5)) - sigma(40 * (x - 0.25))), atol=1e-12)
    both = A.together([A.step(0.2, 30, 2.0), tower])
    assert np.allclose(both(x), A.step(0.2, 30, 2.0)(x) + tower(x), atol=1e-12)


def test_a_steeper_sigmoid_is_nearer_to_a_step() -> None:
    x = np.concatenate([np.linspace(-1, -0.05, 50), np.linspace(0.05, 1, 50)])
    gaps = [np.abs(A.step(0, s)(x) - (x > 0)).max() for s in (10, 30, 100, 300)]
    assert all(a > b for a, b in pairwise(gaps))
    assert gaps[-1] < 1e-6


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_the_module_is_the_same_network(activation: str) -> None:
    rng = np.random.default_rng(0)
    network = A.OneHiddenLayer(*rng.normal(size=(3, 5)), 0.5, activation)
    x = np.linspace(-2, 2, 9)
    phi = sigma if activation == "sigmoid" else np.tanh
    by_hand = [sum(v * phi(w * each + b) for w, b, v in zip(network.w, network.b, network.v,
                                                           strict=True)) + 0.5
               for each in x]  # fmt: skip
    assert np.allclose(network(x), by_hand, rtol=1e-12)
    assert np.allclose(network.module()(x[:, None]).detach().numpy()[:, 0], by_hand, rtol=1e-12)


@pytest.mark.parametrize("name", TARGETS)
def test_the_construction_keeps_the_proofs_bound(name: str) -> None:
    f, lipschitz = TARGETS[name]
    before = np.inf
    for count in (4, 8, 16, 32, 64, 128):
        known = A.construct(f, INTERVAL, count, modulus=lambda d: lipschitz * d)
        assert known.network.width == 2 * count
        assert known.max_error <= known.bound < before
        assert known.bound < 0.8 * lipschitz * 5 / count  # ω(0.6 h), or a little more
        measured = A.construct(f, INTERVAL, count)
        assert known.max_error == measured.max_error <= measured.bound
        assert measured.bound <= known.bound + 3 * lipschitz * 5 / 4000  # to the grid
        before = known.bound
    assert known.max_error < 0.1


@given(st.floats(1.0, 1e4), st.integers(1, 20))
def test_the_bound_holds_for_any_steepness(steepness: float, count: int) -> None:
    found = A.construct(np.sin, INTERVAL, count, steepness, modulus=lambda d: min(d, 2.0))
    assert found.max_error <= found.bound + 1e-12


def test_pieces_have_the_functions_value_in_their_middle() -> None:
    found = A.construct(np.cos, (0.0, 2.0), 5)
    middles = np.array([0.2, 0.6, 1.0, 1.4, 1.8])
    assert np.allclose(found.heights, np.cos(middles))
    assert np.allclose(found.network(middles), np.cos(middles), atol=1e-10)
    assert np.allclose(sum(each(middles) for each in found.bumps()), np.cos(middles), atol=1e-10)
    assert np.allclose(found.bumps()[2](middles), [0, 0, np.cos(1.0), 0, 0], atol=1e-10)


def test_modulus_of_continuity() -> None:
    assert A.modulus_of_continuity(np.abs, (-1, 1), 0.5) == pytest.approx(0.5)
    assert A.modulus_of_continuity(np.sin, (0, 6), 0.1) == pytest.approx(2 * np.sin(0.05), rel=2e-2)
    assert A.modulus_of_continuity(np.sin, (0, 6), 100.0) == pytest.approx(2.0, rel=1e-5)
    rises = [A.modulus_of_continuity(np.exp, (0, 1), d) for d in (0.01, 0.1, 0.5, 1.0)]
    assert rises == sorted(rises)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_least_squares_errors_fall_with_width(name: str, activation: str) -> None:
    f, _ = TARGETS[name]
    curve = A.width_curve(f, INTERVAL, (1, 4, 16, 64), activation=activation)
    assert (np.diff(curve.l2_error) < 0).all()
    assert curve.max_error[-1] < 0.03 * curve.max_error[0]
    x = np.linspace(*INTERVAL, 2001)
    gap = f(x) - curve.networks[1](x)
    assert curve.max_error[1] == pytest.approx(np.abs(gap).max())
    assert curve.l2_error[1] == pytest.approx(np.sqrt(np.trapezoid(gap**2, x)))


def test_wider_networks_begin_with_the_units_of_narrower_ones() -> None:
    narrow, wide = (A.fit_function(np.sin, INTERVAL, width) for width in (5, 9))
    assert np.array_equal(wide.w[:5], narrow.w)
    assert np.array_equal(wide.b[:5], narrow.b)
    other = A.fit_function(np.sin, INTERVAL, 5, seed=1)
    assert not np.array_equal(other.w, narrow.w)


def test_least_squares_is_the_best_for_its_units() -> None:
    network = A.fit_function(np.sin, INTERVAL, 6)
    x = np.linspace(*INTERVAL, 512)
    gap = np.sin(x) - network(x)
    basis = np.column_stack([network.hidden(x), np.ones_like(x)])
    assert np.abs(basis.T @ gap).max() < 1e-8  # the residual is orthogonal to every unit


def test_training_is_better_than_drawing_alone() -> None:
    f, _ = TARGETS["wave"]
    ways = ("least_squares", "training")
    drawn, trained = (A.width_curve(f, INTERVAL, (4, 8), way=way, steps=300) for way in ways)
    assert (trained.l2_error < 0.8 * drawn.l2_error).all()
    assert trained.l2_error[1] < trained.l2_error[0]
    assert drawn.bounds is None


def test_the_curve_of_the_construction() -> None:
    curve = A.width_curve(np.sin, INTERVAL, (8, 16, 32, 64), way="construction")
    assert curve.bounds is not None
    assert (curve.max_error <= curve.bounds).all()
    assert (np.diff(curve.max_error) < 0).all()
    assert (np.diff(curve.l2_error) < 0).all()
    assert curve.to_dict()["bounds"] == curve.bounds.tolist()


def test_pictures(tmp_path: Path) -> None:
    curve = A.width_curve(np.sin, INTERVAL, (4, 8, 16), way="construction")
    figure = A.draw_width_curve(curve, path=tmp_path / "curve.png")
    assert np.allclose(figure.axes[0].lines[0].get_ydata(), curve.max_error)
    A.draw_construction(np.sin, INTERVAL, 8, tmp_path / "proof.png")
    A.draw_fit(np.sin, curve.networks[-1], INTERVAL, tmp_path / "fit.png")
    assert all(file.stat().st_size > 5000 for file in tmp_path.glob("*.png"))
    assert len(list(tmp_path.glob("*.png"))) == 3


def test_errors() -> None:
    with pytest.raises(ArgumentError, match="way must be one of"):
        A.fit_function(np.sin, INTERVAL, 4, way="magic")
    with pytest.raises(ArgumentError, match="activation must be one of"):
        A.fit_function(np.sin, INTERVAL, 4, activation="relu")
    with pytest.raises(ArgumentError, match="width 1 is too small"):
        A.fit_function(np.sin, INTERVAL, 1, way="construction")
    with pytest.raises(ArgumentError, match="interval must be finite and rise"):
        A.construct(np.sin, (1.0, 1.0), 3)
    with pytest.raises(ArgumentError, match="count must be 1 or more"):
        A.construct(np.sin, INTERVAL, 0)
    with pytest.raises(ArgumentError, match="NaN or infinity"), np.errstate(all="ignore"):
        A.construct(np.log, INTERVAL, 3)
    with pytest.raises(ArgumentError, match="left must lie below right"):
        A.bump(1.0, 0.0)
    with pytest.raises(ArgumentError, match="one activation"):
        one = np.ones(1)
        A.together([A.step(), A.OneHiddenLayer(one, one, one, 0.0, "tanh")])
