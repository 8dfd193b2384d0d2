"""Schedules as pure functions of the step, against values worked out by hand."""

from math import cos, pi, sqrt
from typing import Any

import pytest

from lamina.core.errors import ArgumentError
from lamina.optim.lr_scheduler import (
    ConstantFactor,
    CosineDecay,
    CosineRestarts,
    Custom,
    ExponentialDecay,
    LinearRamp,
    MultiStepDecay,
    OneCycle,
    Plateau,
    PlateauState,
    PolynomialDecay,
    Schedule,
    StepDecay,
)

KNOWN: list[tuple[Schedule, list[float]]] = [
    (StepDecay(2, 0.5), [1, 1, 0.5, 0.5, 0.25]),
    (MultiStepDecay((3, 1, 3), 0.5), [1, 0.5, 0.5, 0.125, 0.125]),
    (ExponentialDecay(0.5), [1, 0.5, 0.25, 0.125]),
    (ConstantFactor(0.25, 2), [0.25, 0.25, 1, 1]),
    (LinearRamp(0.5, 1.0, 2), [0.5, 0.75, 1, 1]),
    (LinearRamp(1.0, 0.0, 4), [1, 0.75, 0.5, 0.25, 0, 0]),
    (PolynomialDecay(4, 2.0), [1, 9 / 16, 4 / 16, 1 / 16, 0, 0]),
    (CosineDecay(3), [1, 0.75, 0.25, 0, 0.25, 0.75, 1]),
    (CosineRestarts(2), [1, 0.5, 1, 0.5, 1]),
    (CosineRestarts(1, 2), [1, 1, 0.5, 1, (1 + sqrt(0.5)) / 2, 0.5]),
    (Custom(lambda step: 1 / (1 + step)), [1, 1 / 2, 1 / 3]),
]


@pytest.mark.parametrize(("schedule", "expected"), KNOWN, ids=lambda value: type(value).__name__)
def test_factors(schedule: Schedule, expected: list[float]) -> None:
    found = [schedule.factor(step) for step in range(len(expected))]
    assert found == pytest.approx(expected, rel=1e-14, abs=1e-15)
    assert [schedule.rate(0.0, step) for step in range(3)] == [0.0] * 3


@pytest.mark.parametrize("schedule", [CosineDecay(2, 0.5), CosineRestarts(4, 1, 0.5)])
def test_a_floor_lifts_the_rate(schedule: Schedule) -> None:
    middle = 2 if isinstance(schedule, CosineRestarts) else 1
    assert schedule.rate(2.5, 0) == 2.5
    assert schedule.rate(2.5, middle) == pytest.approx(1.5)
    assert CosineDecay(2, 0.5).rate(2.5, 2) == 0.5


def test_alone_a_schedule_follows_its_formula_exactly() -> None:
    schedule, rate = ExponentialDecay(0.9), 0.3
    for step in range(1, 200):
        rate = schedule.advance(rate, 0.3, step)
        assert rate == schedule.rate(0.3, step)


def test_a_change_from_outside_is_kept() -> None:
    """A rate halved by somebody else stays halved, relative to the schedule."""
    schedule = LinearRamp(0.5, 1.0, 2)
    assert schedule.advance(0.75 / 2, 1.0, 2) == pytest.approx(1.0 / 2)
    assert schedule.advance(0.1, 1.0, 7) == 0.1
    assert CosineDecay(4, 0.2).advance(0.2 + 0.4, 1.0, 2) == pytest.approx(
        0.2 + 0.4 * 0.5 / ((1 + cos(pi / 4)) / 2)
    )


def test_a_finished_schedule_leaves_the_rate_alone() -> None:
    assert PolynomialDecay(4).advance(0.3, 1.0, 9) == 0.3


def test_a_schedule_at_zero_comes_back() -> None:
    assert CosineDecay(2).advance(0.01, 1.0, 3) == pytest.approx(0.5)


def test_one_cycle_in_two_phases() -> None:
    """Up over steps 0-2 (0.3 of 10, less one), down to 1/final_div_factor at step 9."""
    cycle = OneCycle(10, 0.3, "linear", 5.0, 10.0)
    found = [cycle.factor(step) for step in range(10)]
    rise, fall = [1.0, 3.0, 5.0], [5 - 4.9 * step / 7 for step in range(1, 8)]
    assert found == pytest.approx(rise + fall)
    low = [cycle.low_momentum(step) for step in range(10)]
    assert low == pytest.approx([0, 0.5, 1] + [1 - step / 7 for step in range(1, 8)])


def test_one_cycle_in_three_phases() -> None:
    cycle = OneCycle(10, 0.3, "linear", 5.0, 10.0, three_phase=True)
    found = [cycle.factor(step) for step in range(10)]
    last = [1 - 0.9 * step / 5 for step in range(1, 6)]
    assert found == pytest.approx([1.0, 3.0, 5.0, 3.0, 1.0, *last])


def test_one_cycle_anneals_by_cosine() -> None:
    cycle = OneCycle(20, 0.25, "cos", 3.0, 2.0)
    assert [cycle.factor(step) for step in (0, 2, 4, 19)] == pytest.approx([1, 2, 3, 0.5])


@pytest.mark.parametrize("pct_start", [0.0, 0.1, 1.0])
def test_one_cycle_with_an_empty_phase(pct_start: float) -> None:
    cycle = OneCycle(10, pct_start)
    factors = [cycle.factor(step) for step in range(11)]
    assert max(factors) <= cycle.div_factor and min(factors) > 0
    assert cycle.factor(10) == pytest.approx(1e-4)


def test_plateau_counts_bad_epochs() -> None:
    plateau, state, reduced = Plateau(patience=1, cooldown=2), PlateauState(), []
    for metric in (1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9):
        state, reduce = plateau.observe(state, metric)
        reduced.append(reduce)
    assert reduced == [False, False, False, True, False, False, False, True]
    assert state.best == 0.9


@pytest.mark.parametrize(
    ("plateau", "best", "worse", "better"),
    [
        (Plateau("min", threshold=0.1), 1.0, 0.91, 0.89),
        (Plateau("max", threshold=0.1), 1.0, 1.09, 1.11),
        (Plateau("min", threshold=0.1, threshold_mode="abs"), -1.0, -1.09, -1.11),
        (Plateau("max", threshold=0.1, threshold_mode="abs"), -1.0, -0.91, -0.89),
    ],
)
def test_plateau_asks_for_more_than_the_threshold(
    plateau: Plateau, best: float, worse: float, better: float
) -> None:
    state = PlateauState(best)
    assert plateau.observe(state, worse)[0] == PlateauState(best, num_bad_epochs=1)
    assert plateau.observe(state, better)[0] == PlateauState(better)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StepDecay(0), "StepLR: step_size must be an int of at least 1, got 0"),
        (lambda: StepDecay(2.5), "step_size must be an int of at least 1, got 2.5"),  # type: ignore[arg-type]
        (lambda: StepDecay(1, -0.1), "StepLR: gamma must be at least 0"),
        (lambda: MultiStepDecay((-1,)), "MultiStepLR: milestones must be an int of at least 0"),
        (lambda: ExponentialDecay(float("nan")), "ExponentialLR: gamma"),
        (lambda: ConstantFactor(1.5), r"ConstantLR: factor must be in \[0, 1\], got 1.5"),
        (lambda: LinearRamp(-0.1), "LinearLR: start_factor"),
        (lambda: LinearRamp(0.1, 1.1), "LinearLR: end_factor"),
        (lambda: LinearRamp(0.1, 1.0, 0), "LinearLR: total_iters must be an int of at least 1"),
        (lambda: PolynomialDecay(0), "PolynomialLR: total_iters"),
        (lambda: PolynomialDecay(1, -1.0), "PolynomialLR: power"),
        (lambda: CosineDecay(0), "CosineAnnealingLR: T_max"),
        (lambda: CosineDecay(1, -1.0), "CosineAnnealingLR: eta_min"),
        (lambda: CosineRestarts(0), "CosineAnnealingWarmRestarts: T_0"),
        (lambda: CosineRestarts(1, 0), "CosineAnnealingWarmRestarts: T_mult"),
        (lambda: Custom(3), "lr_lambda must be a function of the step, got 3"),  # type: ignore[arg-type]
        (lambda: Custom(lambda _: float("nan")).factor(2), r"lr_lambda\(2\) is nan"),
        (lambda: OneCycle(0), "OneCycleLR: total_steps"),
        (lambda: OneCycle(5, 1.5), r"OneCycleLR: pct_start must be in \[0, 1\], got 1.5"),
        (lambda: OneCycle(5, 0.5, "exp"), "anneal_strategy must be 'cos' or 'linear', got 'exp'"),
        (lambda: OneCycle(5, div_factor=0.0), "div_factor must be above 0"),
        (lambda: OneCycle(5).factor(6), "step 6 of a cycle of 5"),
        (lambda: Plateau("least"), "mode must be 'min' or 'max', got 'least'"),
        (lambda: Plateau(threshold_mode="x"), "threshold_mode must be 'rel' or 'abs'"),
        (lambda: Plateau(patience=-1), "patience must be an int of at least 0"),
        (lambda: Plateau().observe(PlateauState(), float("nan")), "the metric is NaN"),
    ],
)
def test_arguments_out_of_range(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()
