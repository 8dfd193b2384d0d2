"""Schedulers: rates set in an optimiser, composition, resumption, errors."""

import json
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.core.errors import ArgumentError
from lamina.optim import SGD, Adagrad, Adam, Optimizer
from lamina.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

METRICS = [1.0, 0.9, 0.9, 0.95, 0.8, 0.8, 0.8, 0.81, 0.8, 0.79, 0.7, 0.7]


def _warmed_up(optimizer: Optimizer) -> SequentialLR:
    parts = [LinearLR(optimizer, 0.1, total_iters=3), CosineAnnealingLR(optimizer, 6)]
    return SequentialLR(optimizer, parts, [3])


def _chained(optimizer: Optimizer) -> ChainedScheduler:
    return ChainedScheduler([LinearLR(optimizer, 0.5), ExponentialLR(optimizer, 0.9)])


MAKERS: dict[str, Any] = {
    "StepLR": lambda o: StepLR(o, 3, 0.7),
    "MultiStepLR": lambda o: MultiStepLR(o, [2, 5], 0.7),
    "ExponentialLR": lambda o: ExponentialLR(o, 0.7),
    "ConstantLR": lambda o: ConstantLR(o, 0.3, 4),
    "LinearLR": lambda o: LinearLR(o, 0.1, 0.9, 7),
    "PolynomialLR": lambda o: PolynomialLR(o, 9, 1.5),
    "CosineAnnealingLR": lambda o: CosineAnnealingLR(o, 4, 0.01),
    "CosineAnnealingWarmRestarts": lambda o: CosineAnnealingWarmRestarts(o, 3, 2, 0.01),
    "LambdaLR": lambda o: LambdaLR(o, [lambda t: 1 / (1 + t), lambda t: 0.9**t]),
    "MultiplicativeLR": lambda o: MultiplicativeLR(o, lambda t: 1 - 1 / (t + 5)),
    "OneCycleLR": lambda o: OneCycleLR(o, [1.0, 2.0], 12),
    "SequentialLR": _warmed_up,
    "ChainedScheduler": _chained,
    "ReduceLROnPlateau": lambda o: ReduceLROnPlateau(o, patience=0, factor=0.3, cooldown=1),
}


def optimiser(make: Any = SGD, rates: tuple[float, ...] = (0.5, 0.1), **options: Any) -> Any:
    groups = [{"params": [lamina.tensor([1.0], requires_grad=True)], "lr": r} for r in rates]
    return make(groups, **options)


def advance(scheduler: LRScheduler, metric: float) -> None:
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(metric)
    else:
        scheduler.step()


def rates_over(scheduler: LRScheduler, steps: int) -> list[float]:
    rates = [scheduler.get_last_lr()[0]]
    for _ in range(steps):
        scheduler.step()
        rates.append(scheduler.get_last_lr()[0])
    return rates


@pytest.mark.parametrize("name", MAKERS)
def test_resumed_equals_uninterrupted_exactly(name: str) -> None:
    def history(resume: int) -> list[Any]:
        optimizer = optimiser(momentum=0.5)
        scheduler, rows = MAKERS[name](optimizer), []
        for epoch, metric in enumerate(METRICS):
            if epoch == resume:
                saved = json.loads(json.dumps([optimizer.state_dict(), scheduler.state_dict()]))
                optimizer = optimiser(momentum=0.5)
                scheduler = MAKERS[name](optimizer)
                optimizer.load_state_dict(saved[0])
                scheduler.load_state_dict(saved[1])
            rows.append([(g["lr"], g["momentum"]) for g in optimizer.param_groups])
            advance(scheduler, metric)
            assert scheduler.get_last_lr() == [g["lr"] for g in optimizer.param_groups]
        return rows

    straight = history(-1)
    assert history(5) == straight
    assert len({row[0] for row in straight}) > 1


# Not so with rates or functions of each group's own, or with a floor, the same for all groups.
OWN = {"OneCycleLR", "LambdaLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts"}


@pytest.mark.parametrize("name", sorted(MAKERS.keys() - OWN))
def test_groups_keep_their_proportion(name: str) -> None:
    optimizer = optimiser(rates=(0.5, 0.25))
    scheduler = MAKERS[name](optimizer)
    for metric in METRICS:
        advance(scheduler, metric)
        first, second = scheduler.get_last_lr()
        assert second == pytest.approx(first / 2, rel=1e-12)


def test_a_scheduler_sets_the_rate_that_the_next_step_uses() -> None:
    w = lamina.tensor([0.0], requires_grad=True)
    optimizer = SGD([w], lr=1.0)
    scheduler = ExponentialLR(optimizer, 0.5)
    for _ in range(3):
        w.grad = lamina.tensor([1.0])
        optimizer.step()
        scheduler.step()
    assert w.item() == -1.75


def test_a_rate_in_a_tensor_stays_in_it() -> None:
    rate = lamina.tensor(1.0)
    scheduler = ExponentialLR(SGD([lamina.tensor([0.0])], lr=rate), 0.5)
    scheduler.step()
    assert rate.item() == 0.5 and scheduler.optimizer.param_groups[0]["lr"] is rate
    assert scheduler.base_lrs == [1.0]


def test_warm_up_then_cosine() -> None:
    found = rates_over(_warmed_up(optimiser(rates=(1.0,))), 9)
    cosine = [(1 + np.cos(np.pi * step / 6)) / 2 for step in range(7)]
    assert found == pytest.approx([0.1, 0.4, 0.7, *cosine], rel=1e-12)


def test_sequences_nest() -> None:
    optimizer = optimiser(rates=(1.0,))
    inner = SequentialLR(
        optimizer, [ConstantLR(optimizer, 0.5, 9), ExponentialLR(optimizer, 0.5)], [2]
    )
    outer = SequentialLR(optimizer, [LinearLR(optimizer, 0.25, total_iters=3), inner], [1])
    assert rates_over(outer, 5) == [0.25, 0.5, 0.5, 1.0, 0.5, 0.25]


def test_a_sequence_of_a_chain() -> None:
    optimizer = optimiser(rates=(1.0,))
    chain = ChainedScheduler([ConstantLR(optimizer, 0.5, 2), ExponentialLR(optimizer, 0.5)])
    outer = SequentialLR(optimizer, [StepLR(optimizer, 1, 0.1), chain], [2])
    assert rates_over(outer, 5) == pytest.approx([1.0, 0.1, 0.5, 0.25, 0.25, 0.125])


def test_chained_factors_multiply() -> None:
    optimizer = optimiser(rates=(1.0,))
    chained = ChainedScheduler([LinearLR(optimizer, 0.5, 1.0, 2), ExponentialLR(optimizer, 0.5)])
    assert rates_over(chained, 3) == pytest.approx([0.5, 0.75 * 0.5, 0.25, 0.125])


def test_warm_up_leaves_a_plateau_alone() -> None:
    """A finished warm-up that goes on being stepped does not undo a reduction."""
    optimizer = optimiser(rates=(1.0,))
    warm_up = LinearLR(optimizer, 0.5, total_iters=2)
    plateau = ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    for metric in (1.0, 0.5, 0.5, 0.4, 0.3):
        warm_up.step()
        plateau.step(metric)
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_plateau_respects_bounds() -> None:
    optimizer = optimiser(rates=(1.0, 1.0))
    scheduler = ReduceLROnPlateau(optimizer, factor=0.1, patience=0, min_lr=[0.2, 0.0], eps=0.05)
    for _ in range(4):
        scheduler.step(1.0)
    assert scheduler.get_last_lr() == pytest.approx([0.2, 0.01])
    scheduler.restart()
    assert scheduler.get_last_lr() == [1.0, 1.0] and scheduler.state_dict()["best"] is None


def test_plateau_takes_tensors() -> None:
    scheduler = ReduceLROnPlateau(optimiser(), patience=0)
    scheduler.step(lamina.tensor(2.0))
    assert scheduler.state_dict()["best"] == 2.0


@pytest.mark.parametrize("make", [SGD, Adam])
def test_one_cycle_moves_momentum_against_the_rate(make: Any) -> None:
    optimizer = optimiser(make, rates=(0.3,), **({"momentum": 0.5} if make is SGD else {}))
    scheduler = OneCycleLR(optimizer, 1.0, 10, base_momentum=0.8, max_momentum=0.9)

    def momentum() -> float:
        group = optimizer.param_groups[0]
        return float(group["momentum"] if make is SGD else group["betas"][0])

    rows = [(optimizer.param_groups[0]["lr"], momentum())]
    for _ in range(9):
        scheduler.step()
        rows.append((optimizer.param_groups[0]["lr"], momentum()))
    assert rows[0] == pytest.approx((1 / 25, 0.9))
    assert rows[2] == pytest.approx((1.0, 0.8))
    assert rows[9] == pytest.approx((1 / 25 / 1e4, 0.9))
    if make is Adam:
        assert optimizer.param_groups[0]["betas"][1] == 0.999


def test_one_cycle_counts_epochs_times_steps() -> None:
    scheduler = OneCycleLR(optimiser(Adagrad), 1.0, None, 4, 5, cycle_momentum=False)
    assert scheduler.cycle.total_steps == 20
    for _ in range(20):
        scheduler.step()
    with pytest.raises(ArgumentError, match="step 21 of a cycle of 20"):
        scheduler.step()


def test_continuing_at_an_epoch() -> None:
    optimizer = optimiser(rates=(1.0,))
    ExponentialLR(optimizer, 0.5)
    later = ExponentialLR(optimizer, 0.5, last_epoch=3)
    assert later.last_epoch == 4 and later.base_lrs == [1.0]
    with pytest.raises(ArgumentError, match="last_epoch=3 needs 'initial_lr' in group 0"):
        ExponentialLR(optimiser(), 0.5, last_epoch=3)


def test_schedulers_of_ones_own() -> None:
    class Harmonic(LRScheduler):
        def get_lr(self) -> list[float]:
            return [base / (1 + self.last_epoch) for base in self.base_lrs]

    assert rates_over(Harmonic(optimiser(rates=(1.0,))), 3) == [1.0, 1 / 2, 1 / 3, 1 / 4]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: StepLR("SGD", 1), "StepLR: expected a lamina.optim optimiser, got str"),
        (lambda o: LambdaLR(o, [abs]), "lr_lambda has 1 values for 2 parameter groups"),
        (lambda o: OneCycleLR(o, 1.0), "give total_steps, or both epochs and steps_per_epoch"),
        (lambda o: OneCycleLR(o, [1.0], 5), "max_lr has 1 values for 2 parameter groups"),
        (lambda o: OneCycleLR(o, -1.0, 5), "OneCycleLR: max_lr must be at least 0"),
        (lambda o: OneCycleLR(optimiser(Adagrad), 1.0, 5), "Adagrad has no momentum to cycle"),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), r"factor must be in \[0, 1\), got 1.0"),
        (lambda o: ReduceLROnPlateau(o, min_lr=[0.1]), "min_lr has 1 values for 2"),
        (lambda o: ChainedScheduler([]), "expected at least one scheduler"),
        (
            lambda o: ChainedScheduler([ReduceLROnPlateau(o)]),
            r"schedulers\[0\] is a ReduceLROnPlateau; it must",
        ),
        (lambda o: SequentialLR(o, [StepLR(o, 1)], [2]), "1 schedulers need 0 milestones, got 1"),
        (
            lambda o: SequentialLR(o, [StepLR(o, 1) for _ in range(3)], [4, 4]),
            r"milestones must rise, got \[4, 4\]",
        ),
        (
            lambda o: SequentialLR(o, [StepLR(optimiser(), 1)], []),
            r"schedulers\[0\] belongs to another optimiser",
        ),
        (
            lambda o: StepLR(o, 1).load_state_dict(StepLR(optimiser(rates=(1,)), 1).state_dict()),
            "expected base_lrs for 2 parameter groups, got 1",
        ),
        (
            lambda o: _warmed_up(o).load_state_dict(
                {**_warmed_up(o).state_dict(), "_schedulers": []}
            ),
            "expected the state of 2 schedulers, got 0",
        ),
    ],
)
def test_what_does_not_fit(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make(optimiser())
