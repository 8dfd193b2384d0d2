"""Learning-rate schedules."""

from collections.abc import Iterator
from typing import Any

from tests.torch_reference.case import Options, ScheduleCase, options

RATES: list[tuple[float, ...]] = [(0.5,), (0.1, 1.0)]
LOSSES = [1.0, 0.9, 0.9, 0.95, 0.8, 0.8, 0.8, 0.81, 0.8, 0.79, 0.7, 0.7, 0.71, 0.72, 0.7]
FALLING = tuple(LOSSES + [0.7 for _ in range(15)])
RISING = tuple(-value for value in FALLING)
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "StepLR": [{"step_size": 3}, {"step_size": 1, "gamma": 0.9}, {"step_size": 7, "gamma": 0.5}],
    "MultiStepLR": [
        {"milestones": [5]},
        {"milestones": [2, 8, 20], "gamma": 0.5},
        {"milestones": [3, 3, 4], "gamma": 0.7},
    ],
    "ExponentialLR": [{"gamma": 0.9}, {"gamma": 0.5}, {"gamma": 1.0}],
    "CosineAnnealingLR": [
        {"T_max": 30},
        {"T_max": 10},
        {"T_max": 7, "eta_min": 0.01},
        {"T_max": 1},
    ],
    "CosineAnnealingWarmRestarts": [
        {"T_0": 10},
        {"T_0": 4, "T_mult": 2},
        {"T_0": 5, "T_mult": 1, "eta_min": 0.02},
    ],
    "LinearLR": [
        {},
        {"start_factor": 0.1, "total_iters": 10},
        {"start_factor": 1.0, "end_factor": 0.2, "total_iters": 20},
        {"start_factor": 0.25, "end_factor": 0.5, "total_iters": 40},
    ],
    "ConstantLR": [{}, {"factor": 0.5, "total_iters": 4}],
    "PolynomialLR": [{"total_iters": 20}, {"total_iters": 8, "power": 2.0}],
    "LambdaLR": [{"lr_lambda": "inverse"}, {"lr_lambda": "power"}, {"lr_lambda": "staircase"}],
    "MultiplicativeLR": [{"lr_lambda": "constant"}],
    "OneCycleLR": [
        {"max_lr": 1.0, "total_steps": 31},
        {"max_lr": 1.0, "total_steps": 40, "pct_start": 0.5},
        {"max_lr": 2.0, "epochs": 4, "steps_per_epoch": 10, "anneal_strategy": "linear"},
        {"max_lr": 1.0, "total_steps": 35, "three_phase": True},
        {"max_lr": 1.0, "total_steps": 35, "div_factor": 5.0, "final_div_factor": 50.0},
        {"max_lr": 1.0, "total_steps": 35, "cycle_momentum": False},
        {"max_lr": 1.0, "total_steps": 35, "base_momentum": 0.7, "max_momentum": 0.9},
    ],
    "ReduceLROnPlateau": [
        {"patience": 2},
        {"patience": 0, "factor": 0.5},
        {"patience": 1, "threshold": 0.05, "cooldown": 2},
        {"patience": 1, "threshold": 0.02, "threshold_mode": "abs"},
        {"patience": 1, "min_lr": 0.05, "factor": 0.3},
        {"patience": 0, "factor": 0.1, "eps": 1e-2},
        {"patience": 2, "mode": "max"},
        {"patience": 1, "mode": "max", "threshold_mode": "abs", "threshold": 0.01},
    ],
}
WARM_UP: tuple[str, Options] = ("LinearLR", options(start_factor=0.1, total_iters=5))
SEQUENCES: list[tuple[list[int], tuple[tuple[str, Options], ...]]] = [
    ([5], (WARM_UP, ("CosineAnnealingLR", options(T_max=25)))),
    ([5], (WARM_UP, ("ExponentialLR", options(gamma=0.9)))),
    ([5], (WARM_UP, ("StepLR", options(step_size=6, gamma=0.5)))),
    ([4, 12], (("ConstantLR", ()), WARM_UP, ("ExponentialLR", options(gamma=0.8)))),
    ([6], (WARM_UP, ("LambdaLR", options(lr_lambda="inverse")))),
]
CHAINS: list[tuple[tuple[str, Options], ...]] = [
    (WARM_UP, ("ExponentialLR", options(gamma=0.9))),
    (("ConstantLR", ()), ("StepLR", options(step_size=5))),
]


def cases() -> Iterator[ScheduleCase]:
    """All schedule cases."""
    for name, variants in VARIANTS.items():
        for keywords in variants:
            for rates in RATES:
                yield _case(name, rates, keywords)
    for name in VARIANTS:
        yield _case(name, RATES[0], VARIANTS[name][0], resume=7)
        yield _case(name, RATES[0], VARIANTS[name][0], optimiser=("Adam", ()))
    for milestones, children in SEQUENCES:
        for rates in RATES:
            sequence = {"milestones": milestones}
            yield _case("SequentialLR", rates, sequence, children=children)
    for children in CHAINS:
        yield _case("ChainedScheduler", RATES[0], {}, children=children)


def _case(
    name: str, rates: tuple[float, ...], keywords: dict[str, Any], **more: Any
) -> ScheduleCase:
    metrics: tuple[float, ...] = ()
    if name == "ReduceLROnPlateau":
        metrics = RISING if keywords.get("mode") == "max" else FALLING
    momentum = ("SGD", options(momentum=0.8)) if name == "OneCycleLR" else ("SGD", ())
    more.setdefault("optimiser", momentum)
    return ScheduleCase("schedules", name, options(**keywords), rates, plateau=metrics, **more)
