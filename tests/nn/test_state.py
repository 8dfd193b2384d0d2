"""State dicts: PyTorch's keys, and loading all or nothing."""

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import nn
from lamina.core.errors import ArgumentError

KEYS: list[tuple[nn.Module, dict[str, tuple[int, ...]]]] = [
    (nn.Linear(3, 4), {"weight": (4, 3), "bias": (4,)}),
    (nn.Linear(3, 4, bias=False), {"weight": (4, 3)}),
    (nn.Bilinear(2, 3, 4), {"weight": (4, 2, 3), "bias": (4,)}),
    (nn.Embedding(5, 2), {"weight": (5, 2)}),
    (nn.Conv1d(4, 6, 3, groups=2), {"weight": (6, 2, 3), "bias": (6,)}),
    (nn.Conv2d(4, 6, (3, 2)), {"weight": (6, 4, 3, 2), "bias": (6,)}),
    (nn.Conv3d(1, 2, 2, bias=False), {"weight": (2, 1, 2, 2, 2)}),
    (nn.ConvTranspose2d(4, 6, 3, groups=2), {"weight": (4, 3, 3, 3), "bias": (6,)}),
    (
        nn.BatchNorm2d(3),
        {
            "weight": (3,),
            "bias": (3,),
            "running_mean": (3,),
            "running_var": (3,),
            "num_batches_tracked": (),
        },
    ),
    (nn.BatchNorm1d(3, track_running_stats=False), {"weight": (3,), "bias": (3,)}),
    (nn.BatchNorm1d(3, affine=False, track_running_stats=False), {}),
    (nn.InstanceNorm2d(3), {}),
    (nn.InstanceNorm2d(3, affine=True), {"weight": (3,), "bias": (3,)}),
    (nn.LayerNorm((2, 3)), {"weight": (2, 3), "bias": (2, 3)}),
    (nn.LayerNorm(3, bias=False), {"weight": (3,)}),
    (nn.GroupNorm(2, 4), {"weight": (4,), "bias": (4,)}),
    (nn.RMSNorm(4), {"weight": (4,)}),
    (nn.PReLU(3), {"weight": (3,)}),
    (nn.CrossEntropyLoss(weight=lamina.ones(3)), {"weight": (3,)}),
    (nn.CrossEntropyLoss(), {}),
    (nn.BCEWithLogitsLoss(pos_weight=lamina.ones(2)), {"pos_weight": (2,)}),
    (nn.ReLU(), {}),
    (
        nn.Sequential(nn.Linear(1, 2), nn.Sequential(nn.Linear(2, 1, bias=False))),
        {"0.weight": (2, 1), "0.bias": (2,), "1.0.weight": (1, 2)},
    ),
]


@pytest.mark.parametrize(("module", "expected"), KEYS, ids=lambda v: type(v).__name__)
def test_keys_and_shapes(module: nn.Module, expected: dict[str, Any]) -> None:
    found = {key: value.shape for key, value in module.state_dict().items()}
    assert list(found.items()) == list(expected.items())


@pytest.mark.parametrize(("module", "expected"), KEYS, ids=lambda v: type(v).__name__)
def test_round_trip(module: nn.Module, expected: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    values = {
        key: rng.integers(1, 9, value.shape).astype(value.dtype)
        for key, value in module.state_dict().items()
    }
    assert module.load_state_dict(values) == ([], [])
    for key, value in module.state_dict().items():
        np.testing.assert_array_equal(value, values[key])


def test_state_is_a_snapshot_without_history() -> None:
    layer = nn.Linear(2, 2)
    before = layer.state_dict()["weight"]
    old = before.tolist()
    layer.weight.assign(np.zeros((2, 2)))
    assert before.tolist() == old and not before.requires_grad


def test_loading_keeps_dtype_gradient_and_identity() -> None:
    layer = nn.Linear(2, 1, bias=False)
    weight = layer.weight
    layer.load_state_dict({"weight": np.array([[0.1, 0.2]])})
    assert layer.weight is weight and weight.requires_grad
    np.testing.assert_array_equal(weight, np.array([[0.1, 0.2]], np.float32))


def test_problems_are_listed_together_and_nothing_changes() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    state = {key: value.numpy() + 1 for key, value in model.state_dict().items()}
    before = {key: value.tolist() for key, value in model.state_dict().items()}
    state["0.weight"] = np.zeros((3, 3))
    state["1.num_batches_tracked"] = np.array(1.5)
    state["extra"] = np.zeros(1)
    del state["1.bias"]
    with pytest.raises(ArgumentError) as caught:
        model.load_state_dict(state)
    assert str(caught.value) == (
        "load_state_dict into Sequential:\n"
        "  0.weight: expected shape (3, 2), got (3, 3)\n"
        "  1.num_batches_tracked: expected dtype int64, got float64\n"
        "  missing: 1.bias\n"
        "  unexpected: extra"
    )
    assert {key: value.tolist() for key, value in model.state_dict().items()} == before


def test_without_strictness_the_rest_is_loaded() -> None:
    layer = nn.Linear(1, 1)
    result = layer.load_state_dict({"weight": [[7.0]], "other": 1}, strict=False)
    assert result.missing_keys == ["bias"] and result.unexpected_keys == ["other"]
    assert layer.weight.tolist() == [[7.0]]
    with pytest.raises(ArgumentError, match="weight: expected shape"):
        layer.load_state_dict({"weight": [7.0]}, strict=False)


def test_transient_buffers_stay_out() -> None:
    module = nn.Module()
    module.register_buffer("kept", lamina.ones(1))
    module.register_buffer("scratch", lamina.ones(1), persistent=False)
    assert list(module.state_dict()) == ["kept"]
    module.register_buffer("scratch", lamina.ones(1))
    assert list(module.state_dict()) == ["kept", "scratch"]


def test_pytorch_state_loads_and_gives_pytorch_outputs() -> None:
    torch = pytest.importorskip("torch")

    def build(library: Any) -> Any:
        return library.Sequential(
            library.Conv2d(1, 4, 3, padding=1),
            library.BatchNorm2d(4),
            library.ReLU(),
            library.MaxPool2d(2),
            library.Flatten(),
            library.Linear(64, 5),
        )

    theirs, ours = build(torch.nn), build(nn)
    theirs(torch.randn(3, 1, 8, 8))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    x = np.random.default_rng(0).normal(size=(2, 1, 8, 8)).astype(np.float32)
    with torch.no_grad():
        expected = theirs.eval()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(ours.eval()(lamina.tensor(x)), expected, rtol=1e-4, atol=1e-5)
