"""Error of differences against their step."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina.diff import step_curve
from lamina.insight import draw_step_curve

CURVE = step_curve(lamina.exp, lamina.tensor(1.0, dtype="float64"), exact=np.array(np.e))


@pytest.mark.parametrize("method, order, best", [("forward", 1, 1e-8), ("central", 2, 1e-5)])
def test_truncation_and_rounding(method: str, order: int, best: float) -> None:
    assert CURVE.order(method) == pytest.approx(order, abs=0.1)
    assert CURVE.rounding(method) == pytest.approx(-1, abs=0.35)
    step, error = CURVE.best(method)
    assert best / 30 < step < best * 30 and error < 1e-7


def test_the_complex_step_has_no_rounding() -> None:
    small = CURVE.steps < 1e-9
    assert CURVE.errors["complex"][small].max() < 1e-15
    assert CURVE.rounding("complex") == 0


def test_given_steps_and_vectors() -> None:
    x = lamina.tensor(np.array([0.5, 1.5]))
    found = step_curve(lambda x: x**3, x, methods=["central"], steps=np.array([0.1, 0.01]))
    np.testing.assert_allclose(
        found.errors["central"], np.array([1e-2, 1e-4]) / (3 * 1.5**2), rtol=1e-6
    )


def test_the_picture() -> None:
    drawn = draw_step_curve(CURVE)
    (axes,) = drawn.axes
    assert axes.get_xlabel() == "step h" and "error" in axes.get_ylabel()
    lines = [line for line in axes.get_lines() if len(line.get_xdata()) > 1]
    np.testing.assert_array_equal(lines[1].get_ydata(), CURVE.errors["central"].clip(1e-17))
