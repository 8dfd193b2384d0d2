"""A compiled step overwrites weights and state, and nobody sees more of that than they should."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.train.toy import X, Y, assert_identical

import lamina
import lamina.functions as F
from lamina import nn, optim
from lamina.core.errors import NonFiniteError
from lamina.random import fold_in
from lamina.tensors import Tensor
from lamina.tensors.handle import as_tensor
from lamina.train import Trainer
from lamina.train.compiled import CompiledStep
from lamina.train.objective import Objective, resolve
from lamina.train.step import TrainingStep

KEY = lamina.random.key(1)
x, y = lamina.tensor(X), lamina.tensor(Y)


def network() -> nn.Module:
    lamina.manual_seed(0)
    # No bias before the batch normalisation: its gradient is zero but for rounding.
    first = nn.Linear(3, 4, bias=False)
    return nn.Sequential(first, nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3)).train()


def adam(model: nn.Module) -> optim.Optimizer:
    return optim.Adam(model.parameters(), lr=0.05)


def made(model: nn.Module, optimiser: optim.Optimizer | None = None) -> TrainingStep:
    return TrainingStep(model, Objective(resolve("cross_entropy")), optimiser or adam(model))


def run(step: Callable[..., Any], count: int = 1, first: int = 0) -> list[float]:
    return [step(x, y, fold_in(KEY, first + n)).loss.item() for n in range(count)]


def state(step: TrainingStep) -> Any:
    """Everything that a step changes, as copies."""
    weights = {name: np.array(value) for name, value in step.model.state_dict().items()}
    slots = {
        number: {name: np.array(value) for name, value in entries.items()}
        for number, entries in step.optimiser.state_dict()["state"].items()
    }
    return {"weights": weights, "slots": slots}


def check_close(one: Any, other: Any) -> None:
    for part in ("weights", "slots"):
        assert list(one[part]) == list(other[part])
    for name, value in one["weights"].items():
        np.testing.assert_allclose(other["weights"][name], value, rtol=1e-3, atol=1e-5)


def test_nothing_is_replaced_while_nobody_looks() -> None:
    step = made(network())
    compiled = CompiledStep(step)
    run(compiled)
    handles = [*step.handles(), *(s for d in step.optimiser.state.values() for s in d.values())]
    before = [(h.node, h.value, h.value.tolist()) for h in handles]
    del handles
    nodes = [id(node) for node, _, _ in before]
    arrays = [id(array) for _, array, _ in before]
    values = [value for _, _, value in before]
    del before
    run(compiled, 3)
    after = [*step.handles(), *(s for d in step.optimiser.state.values() for s in d.values())]
    assert [id(h.node) for h in after] == nodes
    assert [id(h.value) for h in after] == arrays
    assert all(h.tolist() != value for h, value in zip(after, values, strict=True))


LOOKS: dict[str, Callable[[TrainingStep], Any]] = {
    "view": lambda s: s.model[0].weight.numpy(),
    "part": lambda s: s.model[0].weight.numpy()[1:, :2],
    "detached": lambda s: s.model[0].weight.detach(),
    "node": lambda s: Tensor(s.model[0].weight.node),
    "state dict": lambda s: s.model.state_dict()["0.weight"],
    "slot": lambda s: s.optimiser.state[s.model[0].weight]["exp_avg"],
    "optimiser's state dict": lambda s: s.optimiser.state_dict()["state"][0]["exp_avg_sq"],
    "buffer": lambda s: s.model[1].running_mean.numpy(),
    "memory": lambda s: memoryview(s.model[0].weight.value),
    "dlpack": lambda s: np.from_dlpack(s.model[0].weight),
}


@pytest.mark.parametrize("kind", LOOKS)
def test_what_somebody_holds_stays_as_it_was(kind: str) -> None:
    step, other = made(network()), made(network())
    compiled, undisturbed = CompiledStep(step), CompiledStep(other)
    run(compiled, 2)
    held = LOOKS[kind](step)
    before = np.array(held)
    run(compiled, 3, 2)
    np.testing.assert_array_equal(held, before)
    assert not np.array_equal(np.array(LOOKS[kind](step)), before)
    run(undisturbed, 5)
    assert_identical(state(step), state(other))


@pytest.mark.parametrize("kind", LOOKS)
def test_after_a_look_steps_are_quick_again(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    step = made(network())
    compiled = CompiledStep(step)
    run(compiled, 2)
    held = LOOKS[kind](step)
    run(compiled, 2)
    monkeypatch.setattr(compiled, "_step", None)
    run(compiled, 3)
    del held


def test_a_graph_that_has_read_the_weights_keeps_them() -> None:
    step = made(network())
    compiled = CompiledStep(step)
    run(compiled)
    weight = step.model[0].weight
    product = (weight * weight).sum()
    before = np.array(weight)
    run(compiled)
    product.backward()
    assert weight.grad is None  # it has other values now, and is another variable
    first = lamina.tensor(before, requires_grad=True)
    (first * first).sum().backward()
    assert first.grad is not None


def test_arrays_that_are_shared_are_copied_first() -> None:
    shared = np.ones((3, 3), np.float32)
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    for layer in model:
        layer.weight.assign(as_tensor(shared))
    frozen = np.zeros(3, np.float32)
    frozen.flags.writeable = False
    model[0].bias.assign(as_tensor(frozen))
    model[1].bias.assign(as_tensor(np.zeros((3, 2), np.float32)[:, 0]))
    run(CompiledStep(made(model)), 2)
    assert shared.tolist() == np.ones((3, 3)).tolist()
    assert not np.array_equal(model[0].weight, model[1].weight)
    assert (np.array(model[0].bias) != 0).any()


def assigned(step: TrainingStep) -> None:
    step.model[0].weight.assign(np.full((4, 3), 0.25, np.float32))


def loaded(step: TrainingStep) -> None:
    values = {
        name: np.array(value) + np.array(value) for name, value in step.model.state_dict().items()
    }
    step.model.load_state_dict(values)


def optimiser_loaded(step: TrainingStep) -> None:
    saved = step.optimiser.state_dict()
    for slots in saved["state"].values():
        slots["exp_avg"] = np.array(slots["exp_avg"]) * 0 + 1
    step.optimiser.load_state_dict(saved)


def frozen(step: TrainingStep) -> None:
    step.model[0].requires_grad_(False)


def replaced(step: TrainingStep) -> None:
    lamina.manual_seed(5)
    step.model[2] = nn.Sequential(nn.ReLU(), nn.Linear(4, 4))


def evaluated(step: TrainingStep) -> None:
    step.model.eval()


def stepped(step: TrainingStep) -> None:
    step(x, y, KEY)


def slower(step: TrainingStep) -> None:
    step.optimiser.param_groups[0]["lr"] = 0.001


def other_betas(step: TrainingStep) -> None:
    step.optimiser.param_groups[0]["betas"] = (0.5, 0.9)


def decayed(step: TrainingStep) -> None:
    step.optimiser.param_groups[0]["weight_decay"] = 0.1


def slot_replaced(step: TrainingStep) -> None:
    entries = step.optimiser.state[step.model[0].weight]
    entries["exp_avg"] = entries["exp_avg"] * 0 + 1


def forgotten(step: TrainingStep) -> None:
    del step.optimiser.state[step.model[0].weight]


def with_gradient(step: TrainingStep) -> None:
    F.cross_entropy(step.model.eval()(x), y).backward()
    step.model.train()


CHANGES = [
    assigned, loaded, optimiser_loaded, frozen, replaced, evaluated, stepped, slower, other_betas,
    decayed, slot_replaced, forgotten, with_gradient,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.__name__)
def test_changes_between_steps_are_noticed(change: Callable[[TrainingStep], None]) -> None:
    steps = [made(network()), made(network())]
    runners: list[Callable[..., Any]] = [steps[0], CompiledStep(steps[1])]
    losses: list[list[float]] = []
    for step, runner in zip(steps, runners, strict=True):
        first = run(runner, 2)
        change(step)
        losses.append(first + run(runner, 3, 2))
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    check_close(state(steps[0]), state(steps[1]))


def test_a_learning_rate_that_is_a_tensor() -> None:
    losses = []
    for kind in (lambda s: s, CompiledStep):
        model = network()
        rate = lamina.tensor(0.1)
        step = made(model, optim.SGD(model.parameters(), lr=rate))
        runner = kind(step)
        found = run(runner, 2)
        rate.assign(0.01)
        losses.append(found + run(runner, 2, 2))
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)


class Centres(nn.Module):
    """A loss that learns too."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(lamina.ones(3))

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs * self.scale, targets)


def test_a_loss_may_have_parameters_of_its_own() -> None:
    scales = []
    for kind in (lambda s: s, CompiledStep):
        model, loss = network(), Centres()
        optimiser = optim.SGD([*model.parameters(), *loss.parameters()], lr=0.1, momentum=0.9)
        run(kind(TrainingStep(model, Objective(loss), optimiser)), 3)
        scales.append(np.array(loss.scale))
    np.testing.assert_allclose(scales[1], scales[0], rtol=1e-4)


def test_parameters_without_gradient_get_no_state() -> None:
    spare = nn.ModuleDict({"net": network(), "spare": nn.Linear(2, 2)})
    spare.forward = lambda t: spare["net"](t)  # type: ignore[method-assign]
    step = made(spare)
    run(CompiledStep(step), 2)
    assert spare["spare"].weight not in step.optimiser.state
    assert spare["net"][0].weight in step.optimiser.state


def test_outputs_only_where_they_are_wanted() -> None:
    step = made(network())
    assert CompiledStep(step, outputs=False)(x, y, KEY).outputs is None
    assert CompiledStep(step)(x, y, KEY).outputs is not None


# Undoing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [0, 1, 5, 70])
def test_a_step_is_undone_exactly(before: int) -> None:
    step = made(network())
    compiled = CompiledStep(step, guarded=True)
    for n in range(before):
        step.optimiser.param_groups[0]["lr"] = 0.05 / (n + 1)
        run(compiled, 1, n)
        assert compiled.finite()
    expected = state(step)
    (loss,) = run(compiled, 1, before)
    assert compiled.undo()
    assert_identical(state(step), expected)
    assert run(compiled, 1, before) == [loss]


def test_it_is_undone_under_the_eyes_of_others() -> None:
    step = made(network())
    compiled = CompiledStep(step, guarded=True)
    run(compiled, 3)
    expected = state(step)
    run(compiled, 1, 3)
    seen = step.model[0].weight.numpy()
    after = seen.copy()
    assert compiled.undo()
    assert_identical(state(step), expected)
    np.testing.assert_array_equal(seen, after)


def test_data_that_were_changed_in_place_are_noticed() -> None:
    step = made(network())
    compiled = CompiledStep(step, guarded=True)
    run(compiled)
    batch = X.copy()
    for n in range(3):
        batch[:] = np.roll(X, n, axis=0)
        compiled(as_tensor(batch), y, KEY)
    assert not compiled.undo()
    assert all(np.isfinite(np.array(h)).all() for h in step.handles())


def test_the_trainer_says_so() -> None:
    model = network()
    trainer = Trainer(model, "cross_entropy", adam(model), engine="compiled")
    batch = X.copy()

    def batches() -> Any:
        for scale in (1.0, 2.0, 3.0, 1e38):
            batch[:] = X * np.float32(scale)
            yield batch, Y

    class Source:
        def __iter__(self) -> Any:
            return batches()

    with pytest.raises(NonFiniteError) as caught:
        trainer.fit(Source(), epochs=2, progress="none")
    assert "changed in place" in str(getattr(caught.value, "__notes__", ""))
