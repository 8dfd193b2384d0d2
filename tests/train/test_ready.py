"""Native code looks whether all is as before, as Python does; and gives results again."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import numpy as np
import pytest
from tests.train.toy import X, Y

import lamina
from lamina import nn, optim
from lamina.compiler import entries, watching
from lamina.random import fold_in
from lamina.tensors import Tensor
from lamina.tensors.handle import as_tensor
from lamina.train import ready
from lamina.train.compiled import CompiledStep
from lamina.train.objective import Objective, resolve
from lamina.train.step import StepResult, TrainingStep

KEY = lamina.random.key(1)
x, y = lamina.tensor(X), lamina.tensor(Y)
WAYS = ("native", "python", "no native code")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell native code in the first step in which all is as before, and in every later one."""
    monkeypatch.setattr(ready, "WAIT", 0)
    monkeypatch.setattr(ready, "RETRY", 1)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How it is looked: natively, or by Python, where layouts are not known or nothing is."""
    if request.param == "python":
        monkeypatch.setattr(watching, "COUNTED", False)
    elif request.param == "no native code":
        monkeypatch.setattr(entries, "native", lambda: None)
    return str(request.param)


def made() -> TrainingStep:
    lamina.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))
    optimiser = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return TrainingStep(model, Objective(resolve("cross_entropy")), optimiser)


def run(step: Callable[..., StepResult], count: int = 1, first: int = 0) -> list[float]:
    return [step(x, y, fold_in(KEY, first + n)).loss.item() for n in range(count)]


def told(step: TrainingStep, outputs: bool = False) -> CompiledStep:
    """Return a step that native code has been told of."""
    compiled = CompiledStep(step, outputs=outputs)
    run(compiled, 3)
    assert compiled._ready.look is not ready._never
    assert (compiled._ready.first is not ready._never) is not outputs
    return compiled


def weight(step: TrainingStep) -> Tensor:
    found: Tensor = step.model[0].weight
    return found


def slots(step: TrainingStep) -> dict[str, Any]:
    return step.optimiser.state[weight(step)]


def like(tensor: Tensor) -> Tensor:
    return lamina.tensor(np.full(tensor.shape, 0.25, np.float32))


# What is done between two steps. What it returns is held during those after it.


def slot_replaced(step: TrainingStep) -> Any:
    slots(step)["momentum_buffer"] = like(weight(step))


def slot_replaced_and_held(step: TrainingStep) -> Any:
    old = slots(step)["momentum_buffer"]
    slots(step)["momentum_buffer"] = like(weight(step))
    return old


def slot_deleted_and_held(step: TrainingStep) -> Any:
    return slots(step).pop("momentum_buffer")


def slot_assigned(step: TrainingStep) -> Any:
    slots(step)["momentum_buffer"].assign(like(weight(step)))


def slots_replaced(step: TrainingStep) -> Any:
    step.optimiser.state[weight(step)] = {"momentum_buffer": like(weight(step))}


def slots_copied(step: TrainingStep) -> Any:
    old = slots(step)
    step.optimiser.state[weight(step)] = dict(old)
    return old


def slots_deleted(step: TrainingStep) -> Any:
    del step.optimiser.state[weight(step)]


def slots_exchanged(step: TrainingStep) -> Any:
    one, other = weight(step), step.model[2].weight
    step.optimiser.state[one], step.optimiser.state[other] = (
        {"momentum_buffer": like(one)},
        {"momentum_buffer": like(other)},
    )


def state_replaced(step: TrainingStep) -> Any:
    old = step.optimiser.state
    step.optimiser.state = {p: {k: like(v) for k, v in d.items()} for p, d in old.items()}
    return old


def state_copied(step: TrainingStep) -> Any:
    old = step.optimiser.state
    step.optimiser.state = {p: dict(entries) for p, entries in old.items()}
    return old


def optimiser_loaded(step: TrainingStep) -> Any:
    saved = step.optimiser.state_dict()
    for entries_ in saved["state"].values():
        entries_["momentum_buffer"] = like(entries_["momentum_buffer"])
    step.optimiser.load_state_dict(saved)
    return saved


def snapshot(step: TrainingStep) -> Any:
    return step.optimiser.state_dict(), step.model.state_dict()


def graph(step: TrainingStep) -> Any:
    return (weight(step) * weight(step)).sum()


def group_replaced(step: TrainingStep) -> Any:
    step.optimiser.param_groups[0] = {**step.optimiser.param_groups[0], "lr": 0.01}


def groups_replaced(step: TrainingStep) -> Any:
    step.optimiser.param_groups = [{**step.optimiser.param_groups[0], "lr": 0.01}]


def group_added(step: TrainingStep) -> Any:
    step.optimiser.add_param_group({"params": [nn.Parameter(np.zeros(2, np.float32))]})


def rate_changed(step: TrainingStep) -> Any:
    old = step.optimiser.param_groups[0]["lr"]
    step.optimiser.param_groups[0]["lr"] = old / 3
    return old


def module_added(step: TrainingStep) -> Any:
    lamina.manual_seed(5)
    step.model.append(nn.Linear(3, 3))


def module_replaced(step: TrainingStep) -> Any:
    old = step.model[1]
    step.model[1] = nn.ReLU()
    return old


def frozen(step: TrainingStep) -> Any:
    weight(step).requires_grad_(False)


WEIGHTS: dict[str, Callable[[TrainingStep], Any]] = {
    "view": lambda s: weight(s).numpy(),
    "part": lambda s: weight(s).numpy()[1:],
    "node": lambda s: weight(s).node,
    "array": lambda s: weight(s).value,
    "slot": lambda s: slots(s)["momentum_buffer"],
    "slot's view": lambda s: slots(s)["momentum_buffer"].numpy(),
    "memory": lambda s: memoryview(weight(s).value),
    "assigned": lambda s: weight(s).assign(like(weight(s))),
    **{
        f.__name__: f
        for f in (
            *(slot_replaced, slot_replaced_and_held, slot_deleted_and_held, slot_assigned),
            *(slots_replaced, slots_copied, slots_deleted, slots_exchanged, state_replaced),
            *(state_copied, optimiser_loaded, snapshot, graph, module_added, module_replaced),
            frozen,
        )
    },
}
NUMBERS: dict[str, Callable[[TrainingStep], Any]] = {
    f.__name__: f for f in (group_replaced, groups_replaced, group_added, rate_changed)
}
TOUCHES = WEIGHTS | NUMBERS


def native(compiled: CompiledStep) -> StepResult | None:
    """Return what native code answers: None if something is not as it was."""
    one, optimiser = compiled._ready, compiled.step.optimiser
    if optimiser.state is not one.state or optimiser.param_groups is not one.groups:
        return None
    return one.first(x, y, KEY) or one.second(x, y, KEY)


@pytest.mark.parametrize("touch", TOUCHES)
def test_native_code_sees_what_is_touched(touch: str) -> None:
    step = made()
    compiled = told(step)
    before = [np.array(h) for h in step.handles()]
    held = TOUCHES[touch](step)
    after = [np.array(h) for h in step.handles()]
    assert native(compiled) is None
    for was, now, handle in zip(before, after, step.handles(), strict=False):
        np.testing.assert_array_equal(now, handle)
        assert touch in ("assigned",) or was.tolist() == now.tolist()
    del held


@pytest.mark.parametrize("touch", WEIGHTS)
def test_so_does_the_look_alone(touch: str) -> None:
    step = made()
    compiled = told(step, outputs=True)
    assert compiled._ready.look() is True
    held = WEIGHTS[touch](step)
    assert step.optimiser.state is not compiled._ready.state or compiled._ready.look() is False
    del held


def copies(held: Any) -> Any:
    """Return the values of what is held."""
    if isinstance(held, dict):
        return {id(k): copies(v) for k, v in held.items()}
    if isinstance(held, list | tuple):
        return [copies(v) for v in held]
    values = held.value if hasattr(held, "operation") else held
    numbers = isinstance(values, Tensor | np.ndarray | memoryview)
    return np.array(values).tolist() if numbers else None


@pytest.mark.parametrize("outputs", [True, False])
@pytest.mark.parametrize("touch", TOUCHES)
def test_steps_go_on_as_dynamically(touch: str, outputs: bool, way: str) -> None:
    steps = [made(), made()]
    runners = [steps[0], CompiledStep(steps[1], outputs=outputs)]
    losses, weights = [], []
    for step, runner in zip(steps, runners, strict=True):
        first = run(runner, 3)
        held = TOUCHES[touch](step)
        before = None if touch == "assigned" else copies(held)
        losses.append([*first, *run(runner, 4, 3)])
        assert runner is step or before is None or copies(held) == before
        weights.append([np.array(handle) for handle in step.handles()])
        del held
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_a_gradient_is_taken_away(way: str) -> None:
    step = made()
    compiled = CompiledStep(step, outputs=False)
    run(compiled, 3)
    weight(step).grad = like(weight(step))
    run(compiled)
    assert weight(step).grad is None
    run(compiled)


def test_native_code_is_told_anew() -> None:
    step = made()
    compiled = told(step)
    for name, touch in TOUCHES.items():
        held = touch(step)
        run(compiled, 4)
        del held
        run(compiled, 4)
        assert native(compiled) is not None, name


def test_python_looks_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = told(made())
    monkeypatch.setattr(compiled, "_as_before", None)
    assert len(set(run(compiled, 17, 3))) == 17


# Results -----------------------------------------------------------------------------------------


def test_two_results_are_given_in_turn() -> None:
    compiled = told(made())
    result, seen = None, set()
    for number in range(20):
        result = compiled(x, y, fold_in(KEY, number))
        seen.add(id(result))
    assert len(seen) == 2 and result is not None


HELD: dict[str, Callable[[StepResult], Any]] = {
    "result": lambda r: r,
    "loss": lambda r: r.loss,
    "node": lambda r: r.loss.node,
    "array": lambda r: r.loss.value,
    "view": lambda r: r.loss.numpy(),
    "memory": lambda r: memoryview(r.loss.value),
    "detached": lambda r: r.loss.detach(),
    "graph": lambda r: r.loss * 2,
    "dlpack": lambda r: np.from_dlpack(r.loss),
}


def value(held: Any) -> float:
    if isinstance(held, StepResult):
        held = held.loss
    return float(np.array(held.value if hasattr(held, "operation") else held))


@pytest.mark.parametrize("kind", HELD)
def test_results_that_are_held_stay(kind: str, way: str) -> None:
    compiled = CompiledStep(made(), outputs=False)
    run(compiled, 3)
    held, before = [], []
    for number in range(12):
        held.append(HELD[kind](compiled(x, y, fold_in(KEY, number))))
        before.append(value(held[-1]))
    assert [value(one) for one in held] == before
    assert len(set(before)) == 12
    assert len({id(one) for one in held}) == 12


def named(loss: Tensor) -> None:
    loss.named("mine")


def assigned(loss: Tensor) -> None:
    loss.assign(3.0)


def learned(loss: Tensor) -> None:
    loss.requires_grad_()


def reshaped(loss: Tensor) -> None:
    loss.value.resize((1, 1), refcheck=False)


def with_gradient(loss: Tensor) -> None:
    loss.grad = lamina.tensor(2.0)


def locked(loss: Tensor) -> None:
    loss.value.flags.writeable = False


@pytest.mark.parametrize(
    "change", [named, assigned, learned, reshaped, with_gradient, locked], ids=lambda c: c.__name__
)
def test_results_that_were_changed_are_not_given_again(change: Callable[[Tensor], None]) -> None:
    compiled, other = told(made()), CompiledStep(made(), outputs=False)
    run(other, 3)
    for number in range(8):
        key = fold_in(KEY, number)
        loss = compiled(x, y, key).loss
        assert loss.item() == other(x, y, key).loss.item()
        assert (loss.shape, loss.node.name, loss.grad, loss.requires_grad) == (
            (),
            None,
            None,
            False,
        )
        assert loss.value.flags.writeable
        change(loss)
        del loss


def test_a_weak_reference_dies() -> None:
    compiled = told(made())
    loss = compiled(x, y, KEY).loss
    weak = weakref.ref(loss)
    del loss
    run(compiled, 4)
    found = weak()
    assert found is None or found is not compiled(x, y, KEY).loss


# Batches -----------------------------------------------------------------------------------------


def test_batches_of_every_kind(way: str) -> None:
    compiled, dynamic = CompiledStep(made(), outputs=False), made()
    run(compiled, 3)
    run(dynamic, 3)
    half, strided = (lamina.tensor(X[:7]), lamina.tensor(Y[:7])), as_tensor(np.repeat(X, 2, 0)[::2])
    for inputs, targets in (half, (x, y), (strided, y), (x, y), (nn.Parameter(X), y), (x, y)):
        got, want = compiled(inputs, targets, KEY), dynamic(inputs, targets, KEY)
        np.testing.assert_allclose(got.loss.item(), want.loss.item(), rtol=1e-4)


class Following(nn.Module):
    """Its buffer goes after what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.register_buffer("seen", lamina.tensor(X))

    def forward(self, given: Tensor) -> Tensor:
        self.seen.assign(given.detach() * 0.5)
        return self.layer(given + self.seen)


def test_a_watched_array_is_not_taken() -> None:
    lamina.manual_seed(0)
    model = Following()
    optimiser = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    compiled = told(TrainingStep(model, Objective(resolve("cross_entropy")), optimiser))
    assert compiled._ready.first(model.seen, y, KEY) is None
    assert compiled._ready.first(x, y, KEY) is not None


def test_what_is_no_batch_is_an_error_as_before() -> None:
    compiled = told(made())
    with pytest.raises(AttributeError):
        compiled(X, Y, KEY)  # type: ignore[arg-type]
    empty = Tensor.__new__(Tensor)
    with pytest.raises(AttributeError):
        compiled(empty, y, KEY)
    run(compiled)


def test_threads_do_not_get_one_another_s_results() -> None:
    compiled = told(made())
    found: list[StepResult] = []

    def work() -> None:
        for _ in range(300):
            result = compiled(x, y, KEY)
            assert np.isfinite(result.loss.item())
        found.append(result)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(result.loss.value) for result in found}) == 4


def test_no_references_are_lost() -> None:
    compiled = told(made())
    given = [x.node.value, y.node.value, KEY.node.value, None, True, False]

    def counts() -> Iterator[int]:
        from sys import getrefcount

        return map(getrefcount, given)

    before = list(counts())
    for _ in range(100):
        compiled(x, y, KEY)
        compiled._ready.look()
        compiled._ready.first(x, y)
    assert [abs(a - b) < 20 for a, b in zip(counts(), before, strict=True)] == [True] * 6
