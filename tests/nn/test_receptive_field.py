"""Receptive fields, against perturbing the input."""

from collections.abc import Callable

import numpy as np
import pytest
from tests.nn.branches import Branches

import lamina
from lamina import nn
from lamina.nn.summary import ReceptiveField


class Residual(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: lamina.Tensor) -> lamina.Tensor:
        return x + self.inner(x)


class Ends(nn.Module):
    def forward(self, x: lamina.Tensor) -> lamina.Tensor:
        return lamina.cat([x[..., :5], x[..., 7:]], 2)


def conv(kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> nn.Module:
    return nn.Conv1d(1, 1, kernel, stride, padding, dilation)


MODELS: dict[str, Callable[[], nn.Module]] = {
    "stack": lambda: nn.Sequential(conv(5), nn.AvgPool1d(2), conv(3)),
    "strided, padded, dilated": lambda: nn.Sequential(conv(3, 2, 1), conv(3, 1, 2, dilation=2)),
    "residual": lambda: nn.Sequential(conv(3, 2), Residual(conv(5, padding=2)), nn.Identity()),
    "branches": lambda: Branches(conv(1), conv(3, padding=1), conv(7, padding=3)),
    "flipped": lambda: nn.Sequential(nn.Conv1d(1, 1, 4, flip=True), conv(2)),
    "upsampled": lambda: nn.Sequential(conv(3), nn.ConvTranspose1d(1, 1, 2, 2), conv(3, 2)),
    "pool": lambda: nn.Sequential(nn.AvgPool1d(3, 2, 1), nn.AvgPool1d(2)),
}


def perturbed(model: nn.Module, length: int) -> list[set[int]]:
    """For each output position, the inputs that a change of changes it."""
    for parameter in model.parameters():
        parameter.assign(np.full(parameter.shape, 0.5))
    x = np.arange(1.0, length + 1).reshape(1, 1, length).astype(np.float32)
    base = model(lamina.tensor(x)).numpy()
    seen: list[set[int]] = [set() for _ in range(base.shape[-1])]
    for place in range(length):
        other = x.copy()
        other[..., place] += 64
        changed = (model(lamina.tensor(other)).numpy() != base).any(axis=(0, 1))
        for output in np.flatnonzero(changed):
            seen[output].add(place)
    return seen


@pytest.mark.parametrize("name", MODELS)
def test_fields_are_the_hull_of_what_matters(name: str) -> None:
    model, length = MODELS[name](), 24
    found = model.summary((1, length)).rows[-1].receptive_field
    assert found is not None
    field = found[0]
    for unit, seen in enumerate(perturbed(model, length)):
        start = field.start + field.jump * unit
        stop = start + field.size
        assert max(start, 0) <= min(seen) and max(seen) < stop, unit
        inside = start >= 0 and stop <= length
        if inside and field.jump == int(field.jump) and name != "upsampled":
            assert (min(seen), max(seen)) == (start, stop - 1), unit


def test_recursion_of_the_textbook() -> None:
    layers = [(7, 2, 3), (3, 2, 1), (3, 1, 1), (3, 1, 1), (3, 2, 1), (3, 1, 1)]
    model = nn.Sequential(*[conv(k, s, p) for k, s, p in layers])
    size, jump, start = 1, 1, 0
    for (k, s, p), row in zip(layers, model.summary((1, 64)).rows, strict=True):
        size, jump, start = size + (k - 1) * jump, jump * s, start - p * jump
        assert row.receptive_field == (ReceptiveField(size, jump, start),)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_borders_of_every_kind_are_aside(mode: str) -> None:
    model = nn.Sequential(nn.Conv1d(1, 1, 5, 2, 2, padding_mode=mode), conv(2))
    found = model.summary((1, 20)).rows[-1].receptive_field
    assert found == (ReceptiveField(7, 2, -2),)
    assert perturbed(model, 20)[3] == set(range(4, 11))


def test_global_pooling_and_dense_layers_see_everything() -> None:
    head = nn.Sequential(conv(3), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(1, 2))
    fields = [row.receptive_field for row in head.summary((1, 10)).rows]
    assert fields[1:] == [(ReceptiveField(10, 0, 0),)] * 3
    dense = nn.Sequential(nn.Flatten(), nn.Linear(10, 2)).summary((1, 10))
    assert dense.rows[1].receptive_field == (ReceptiveField(10, 0, 0),)


def test_a_gate_on_the_whole_image_makes_the_field_whole() -> None:
    class Gate(nn.Module):
        def forward(self, x: lamina.Tensor) -> lamina.Tensor:
            return x * x.mean(2, keepdim=True)

    summary = nn.Sequential(conv(3), Gate()).summary((1, 10))
    assert summary.rows[1].receptive_field == (ReceptiveField(10, 0, 0),)


def test_what_the_indices_do_not_tell_is_not_guessed() -> None:
    for layer in (nn.Upsample(7, mode="linear"), nn.AdaptiveAvgPool1d(3), Ends()):
        rows = nn.Sequential(layer, conv(3)).summary((1, 10)).rows
        assert [row.receptive_field for row in rows] == [None, None]
        assert rows[0].cells()[-1] == "?"


def test_inputs_without_spatial_axes_have_no_field() -> None:
    assert nn.Linear(3, 2).summary((3,)).rows[0].receptive_field == ()
