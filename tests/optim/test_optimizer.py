"""`Optimizer`: groups, steps in place, saved state, and its errors."""

import json
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.core.errors import ArgumentError, DTypeError, ShapeError
from lamina.optim import SGD, Adadelta, Adagrad, Adam, AdamW, Optimizer, RMSprop
from lamina.tensors import Tensor

MAKERS: dict[str, Any] = {
    "SGD": lambda p: SGD(p, lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "Adagrad": lambda p: Adagrad(p, lr=0.1, lr_decay=0.1),
    "RMSprop": lambda p: RMSprop(p, lr=0.01, momentum=0.9, centered=True),
    "Adadelta": lambda p: Adadelta(p, lr=0.7),
    "Adam": lambda p: Adam(p, lr=0.1, amsgrad=True),
    "AdamW": lambda p: AdamW(p, lr=0.1, weight_decay=0.1),
}
EACH = pytest.mark.parametrize("name", MAKERS)


def leaf(*values: float) -> Tensor:
    return lamina.tensor(list(values), requires_grad=True)


def train(parameters: list[Tensor], optimizer: Optimizer, steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        w, b = parameters
        ((w * w).sum() + (w.sum() * b - 1.0).square().sum()).backward()
        optimizer.step()


def snapshot(parameters: list[Tensor]) -> list[bytes]:
    return [p.numpy().tobytes() for p in parameters]


def become_double(parameter: Tensor) -> None:
    parameter.node = lamina.tensor(parameter.numpy().astype("float64"), requires_grad=True).node


def pair() -> list[Tensor]:
    return [leaf(1.0, -2.0, 0.5), leaf(0.3)]


@EACH
def test_resumed_equals_uninterrupted_bit_for_bit(name: str) -> None:
    straight = pair()
    train(straight, MAKERS[name](straight), 9)
    first = pair()
    optimizer = MAKERS[name](first)
    train(first, optimizer, 4)
    second = [leaf(*p.tolist()) for p in first]
    resumed = MAKERS[name](second)
    resumed.load_state_dict(optimizer.state_dict())
    train(second, resumed, 5)
    assert snapshot(second) == snapshot(straight)


@EACH
def test_state_survives_arrays_and_json(name: str) -> None:
    """Groups are JSON, slots are arrays: a checkpoint needs nothing else."""
    parameters = pair()
    optimizer = MAKERS[name](parameters)
    train(parameters, optimizer, 3)
    saved = optimizer.state_dict()
    arrays = {i: {k: np.asarray(v) for k, v in s.items()} for i, s in saved["state"].items()}
    other = [leaf(*p.tolist()) for p in parameters]
    resumed = MAKERS[name](other)
    groups = json.loads(json.dumps(saved["param_groups"]))
    resumed.load_state_dict({"state": arrays, "param_groups": groups})
    train(parameters, optimizer, 3)
    train(other, resumed, 3)
    assert snapshot(other) == snapshot(parameters)


def test_state_dict_has_the_customary_structure() -> None:
    w, b = pair()
    optimizer = Adam([{"params": [w]}, {"params": [b], "lr": 0.5}])
    train([w, b], optimizer, 1)
    saved = optimizer.state_dict()
    assert [group["params"] for group in saved["param_groups"]] == [[0], [1]]
    assert [group["lr"] for group in saved["param_groups"]] == [1e-3, 0.5]
    assert saved["state"].keys() == {0, 1}
    assert saved["state"][1].keys() == {"step", "exp_avg", "exp_avg_sq"}
    assert saved["state"][0]["step"].item() == 1


def test_state_dict_is_a_snapshot() -> None:
    parameters = pair()
    rate = lamina.tensor(0.5)
    optimizer = SGD(parameters, lr=rate, momentum=0.9)
    train(parameters, optimizer, 1)
    saved = optimizer.state_dict()
    before = saved["state"][0]["momentum_buffer"].tolist()
    train(parameters, optimizer, 1)
    rate.assign(0.25)
    assert saved["state"][0]["momentum_buffer"].tolist() == before
    assert saved["param_groups"][0]["lr"].item() == 0.5
    optimizer.state_dict()["state"][0].clear()
    assert optimizer.state[parameters[0]].keys() == {"momentum_buffer"}


def test_foreign_execution_options_are_left_out() -> None:
    optimizer = SGD(pair(), lr=0.1)
    saved = optimizer.state_dict()
    saved["param_groups"][0] |= {"foreach": None, "fused": None, "lr": 0.2}
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["lr"] == 0.2
    assert "foreach" not in optimizer.param_groups[0]


def test_steps_counted_in_floats_load() -> None:
    optimizer = Adam(pair())
    train(optimizer.param_groups[0]["params"], optimizer, 2)
    saved = optimizer.state_dict()
    saved["state"][0]["step"] = np.float32(7.0)
    optimizer.load_state_dict(saved)
    step = optimizer.state[optimizer.param_groups[0]["params"][0]]["step"]
    assert (step.item(), step.dtype) == (7, np.dtype("int64"))


def test_loaded_state_does_not_share_memory() -> None:
    optimizer = SGD(pair(), momentum=0.9)
    buffers = [np.ones(3, np.float32), np.ones(1, np.float32)]
    saved = optimizer.state_dict()
    saved["state"] = {i: {"momentum_buffer": buffer} for i, buffer in enumerate(buffers)}
    optimizer.load_state_dict(saved)
    buffers[0][:] = 7.0
    assert [s["momentum_buffer"].tolist() for s in optimizer.state.values()] == [[1.0] * 3, [1.0]]


def test_groups_have_their_own_options() -> None:
    w, b, c = leaf(1.0), leaf(1.0), leaf(1.0)
    groups: list[dict[str, Any]] = [{"params": w}, {"params": [b], "lr": 0.25, "weight_decay": 1.0}]
    optimizer = SGD(groups, lr=0.5)
    optimizer.add_param_group({"params": [c], "maximize": True})
    (w + b + c).sum().backward()
    optimizer.step()
    assert (w.item(), b.item(), c.item()) == (0.5, 1 - 0.25 * 2, 1.5)
    assert groups[0].keys() == {"params"}


def test_rates_may_change_between_steps() -> None:
    w = leaf(1.0)
    optimizer = SGD([w], lr=0.5)
    w.grad = lamina.tensor([1.0])
    optimizer.param_groups[0]["lr"] = 0.25
    optimizer.step()
    assert w.item() == 0.75


def test_a_momentum_set_later_starts_from_nothing() -> None:
    w = leaf(0.0)
    optimizer = SGD([w], lr=1.0)
    for momentum, expected in ((0.0, -1.0), (0.5, -2.0), (0.5, -3.5)):
        w.grad = lamina.tensor([1.0])
        optimizer.param_groups[0]["momentum"] = momentum
        optimizer.step()
        assert w.item() == expected


def test_a_buffer_without_a_counter_is_damped() -> None:
    """As PyTorch saves it: v = 0.5·8 + (1 - 0.25)·4 = 7, not 0.5·8 + 4."""
    w = leaf(0.0)
    optimizer = SGD([w], lr=1.0, momentum=0.5, dampening=0.25)
    saved = optimizer.state_dict() | {"state": {0: {"momentum_buffer": np.array([8.0])}}}
    optimizer.load_state_dict(saved)
    w.grad = lamina.tensor([4.0])
    optimizer.step()
    assert w.item() == -7.0


def test_parameters_without_gradient_are_skipped() -> None:
    w, b = leaf(1.0), leaf(1.0)
    optimizer = AdamW([w, b], lr=0.1, weight_decay=0.5)
    w.sum().backward()
    optimizer.step()
    assert w.item() != 1.0 and b.item() == 1.0
    assert set(optimizer.state) == {w}


def test_parameters_stay_leaves_that_require_gradients() -> None:
    w = leaf(1.0)
    optimizer = SGD([w], lr=0.5)
    w.sum().backward()
    optimizer.step()
    assert w.is_leaf and w.requires_grad
    optimizer.zero_grad()
    (w * w).sum().backward()
    assert w.grad is not None and w.grad.tolist() == [1.0]


def test_zero_grad() -> None:
    w = leaf(1.0)
    optimizer = SGD([w])
    w.sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert w.grad is not None and w.grad.tolist() == [0.0]
    optimizer.zero_grad()
    assert w.grad is None


def test_closure_is_evaluated_with_gradients_and_returned() -> None:
    w = leaf(2.0)
    optimizer = SGD([w], lr=0.25)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with lamina.no_grad():
        assert optimizer.step(closure).item() == 4.0
    assert w.item() == 1.0


def test_parameter_names_are_kept_and_reported() -> None:
    w = leaf(1.0, 2.0)
    optimizer = SGD([("layer.weight", w)])
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["layer.weight"]
    w.grad = lamina.tensor([1.0, 1.0])
    become_double(w)
    with pytest.raises(DTypeError, match=r"parameter 'layer.weight' is float32.* float64"):
        optimizer.step()


def test_a_bad_gradient_changes_no_parameter() -> None:
    w, b = leaf(1.0), leaf(1.0)
    optimizer = SGD([w, b], lr=0.5)
    w.grad = b.grad = lamina.tensor([1.0])
    become_double(b)
    with pytest.raises(DTypeError, match="gradient of parameter 1 of group 0"):
        optimizer.step()
    assert w.item() == 1.0


def test_state_of_another_dtype() -> None:
    w = leaf(1.0)
    optimizer = SGD([w], momentum=0.9)
    w.sum().backward()
    optimizer.step()
    become_double(w)
    w.grad = lamina.tensor(np.ones(1))
    with pytest.raises(DTypeError, match="'momentum_buffer' is float32.*convert a model before"):
        optimizer.step()


def test_a_bad_rate_is_found_at_the_step() -> None:
    w = leaf(1.0)
    optimizer = SGD([w])
    w.grad = lamina.tensor([1.0])
    optimizer.param_groups[0]["lr"] = float("nan")
    with pytest.raises(ArgumentError, match="lr must be at least 0 and finite, got nan"):
        optimizer.step()


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ([], ArgumentError, "got no parameters"),
        (leaf(1.0), ArgumentError, "params must be an iterable of tensors.*got Tensor"),
        (3, ArgumentError, r"got int; pass model.parameters\(\)"),
        ([np.ones(2)], ArgumentError, "parameter 0 of group 0 must be a Tensor, got ndarray"),
        (
            [lamina.tensor([1, 2])],
            DTypeError,
            "parameter 0 of group 0 must be of floats, got int64",
        ),
        ([{"lr": 0.1}], ArgumentError, r"needs 'params', got the keys \['lr'\]"),
        ([{"params": [leaf(1.0)], "rate": 0.1}], ArgumentError, "no option 'rate'; it has lr"),
        ([{"params": [leaf(1.0)], "lr": -1}], ArgumentError, "lr must be at least 0"),
        ([{"params": {leaf(1.0)}}], ArgumentError, "must have an order"),
    ],
)
def test_unusable_parameters(params: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        SGD(params)


def test_a_parameter_may_be_there_once() -> None:
    w, b = pair()
    with pytest.raises(ArgumentError, match="parameter 1 of group 0 is there twice"):
        SGD([w, w])
    optimizer = SGD([w])
    with pytest.raises(ArgumentError, match="parameter 1 of group 1 is there twice"):
        optimizer.add_param_group({"params": [b, w]})
    assert len(optimizer.param_groups) == 1


def _without(entries: dict[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in entries.items() if k != key}


def _changed(saved: dict[str, Any], kind: str) -> dict[str, Any]:
    group = saved["param_groups"][0]
    changes: dict[str, Any] = {
        "groups": {**saved, "param_groups": [group, group]},
        "count": {**saved, "param_groups": [{**group, "params": [0]}]},
        "option": {**saved, "param_groups": [_without(group, "betas")]},
        "range": {**saved, "param_groups": [{**group, "lr": -1.0}]},
        "owner": {**saved, "state": {5: saved["state"][0]}},
        "slots": {**saved, "state": {0: {"step": saved["state"][0]["step"]}}},
        "counter": {**saved, "state": {0: _without(saved["state"][0], "step")}},
        "shape": {**saved, "state": {0: saved["state"][1]}},
    }
    return dict(changes[kind])


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("groups", ArgumentError, "expected 1 parameter groups, got 2"),
        ("count", ArgumentError, "a group has 2 parameters, but 1 were saved"),
        ("option", ArgumentError, "the saved group has no 'betas'"),
        ("range", ArgumentError, "lr must be at least 0"),
        ("owner", ArgumentError, "state of parameter 5, which is in no group"),
        ("slots", ArgumentError, r"state of parameter 0 has \['step'\], expected"),
        ("counter", ArgumentError, r"has \['exp_avg', 'exp_avg_sq'\], expected"),
        ("shape", ShapeError, r"'exp_avg' has shape \(1,\), expected \(3,\)"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(
    kind: str, error: type[Exception], message: str
) -> None:
    parameters = pair()
    optimizer = Adam(parameters)
    train(parameters, optimizer, 2)
    groups, state = optimizer.param_groups, optimizer.state
    with pytest.raises(error, match=message):
        optimizer.load_state_dict(_changed(optimizer.state_dict(), kind))
    assert optimizer.param_groups is groups and optimizer.state is state


def test_repr_lists_the_groups() -> None:
    assert repr(SGD(pair(), lr=0.1)).startswith("SGD(\n  group 0: 2 parameters (4 values), lr=0.1,")
