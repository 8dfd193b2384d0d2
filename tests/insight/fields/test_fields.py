"""Receptive fields by arithmetic, against those that gradients measure, unit by unit."""

from collections.abc import Callable, Iterator
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
from lamina import nn
from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Shape
from lamina.insight.fields import (
    LayerFields,
    effective_field,
    measured_field,
    measured_fields,
    receptive_field,
)
from lamina.insight.fields.box import Box, hull
from lamina.nn import models
from tests.nn.branches import Branches


class Residual(nn.Module):
    def __init__(self, inner: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.inner, self.shortcut = inner, shortcut
        self.relu = nn.ReLU()

    def forward(self, x: lamina.Tensor) -> lamina.Tensor:
        return self.relu(self.inner(x) + self.shortcut(x))


class Ends(nn.Module):
    def forward(self, x: lamina.Tensor) -> lamina.Tensor:
        return lamina.cat([x[..., :3], x[..., 5:]], 2)


def inception() -> nn.Module:
    narrow = nn.Conv2d(2, 2, 1)
    middle = nn.Sequential(nn.Conv2d(2, 1, 1), nn.ReLU(), nn.Conv2d(1, 2, 3, padding=1))
    broad = nn.Sequential(nn.Conv2d(2, 1, 1), nn.ReLU(), nn.Conv2d(1, 2, 5, padding=2))
    pooled = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(2, 1, 1))
    return nn.Sequential(nn.Conv2d(1, 2, 3, 2), Branches(narrow, middle, broad, pooled))


def residual() -> nn.Module:
    inner = nn.Sequential(
        nn.Conv2d(2, 3, 3, 2, 1), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 3, padding=1)
    )
    return nn.Sequential(nn.Conv2d(1, 2, 3), Residual(inner, nn.Conv2d(2, 2, 1, 2)))


def upsampler() -> nn.Module:
    grow = [nn.ConvTranspose2d(2, 2, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(2, 1, 3, 3)]
    return nn.Sequential(nn.Conv2d(1, 2, 3, 2), nn.Tanh(), *grow)


MODELS: dict[str, tuple[Callable[[], nn.Module], Shape]] = {
    "dilated stack": (
        lambda: nn.Sequential(*[nn.Conv1d(1, 1, 3, dilation=d) for d in (1, 2, 4)]),
        (1, 24),
    ),
    "dilated, padded": (
        lambda: nn.Sequential(*[nn.Conv1d(1, 1, 3, padding=d, dilation=d) for d in (2, 4)]),
        (1, 15),
    ),
    "strided, padded": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 3, 5, 2, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(3, 1, (1, 2))
        ),
        (2, 15, 18),
    ),
    "inception": (inception, (1, 11, 9)),
    "residual": (residual, (1, 9, 8)),
    "upsampler": (upsampler, (1, 5, 3)),
    "stride longer than the kernel": (
        lambda: nn.Sequential(nn.Conv1d(1, 1, 2, 4), nn.ConvTranspose1d(1, 1, 1, 2)),
        (1, 15),
    ),
    "three axes": (
        lambda: nn.Sequential(nn.Conv3d(1, 2, (3, 1, 2), padding=(1, 0, 1)), nn.MaxPool3d(2)),
        (1, 4, 5, 6),
    ),
    "one axis, pooled": (
        lambda: nn.Sequential(nn.Conv1d(2, 4, 4, 3, 2, groups=2), nn.AvgPool1d(3, 2, 1)),
        (2, 29),
    ),
    "reflected border": (
        lambda: nn.Sequential(nn.Conv1d(1, 1, 5, 2, 2, padding_mode="reflect"), nn.Sigmoid()),
        (1, 11),
    ),
    "interpolated": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (1, 4, 5)),
    "adaptive pooling": (lambda: nn.AdaptiveMaxPool2d((3, 2)), (1, 7, 5)),
    "pixel shuffle": (lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.PixelShuffle(2)), (1, 5, 6)),
    "cut out": (lambda: nn.Sequential(Ends(), nn.Conv1d(1, 1, 2)), (1, 9)),
    "dense end": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3, 2), nn.Flatten(), nn.Linear(12, 3), nn.Softmax(1)),
        (1, 5, 7),
    ),
}


def each_layer(name: str) -> Iterator[tuple[nn.Module, Shape, LayerFields]]:
    make, shape = MODELS[name]
    model = make()
    for layer in receptive_field(model, shape):
        yield model, shape, layer


@pytest.mark.parametrize("name", MODELS)
def test_every_unit_sees_what_gradients_reach(name: str) -> None:
    """The box by arithmetic is the smallest around the measured support, borders included."""
    for model, shape, layer in each_layer(name):
        measured = measured_fields(model, shape, layer.name, patience=4)
        assert measured.shape == layer.unit_shape + shape[1:]
        for unit in np.ndindex(layer.unit_shape):
            assert layer.of(unit) == hull(measured[unit]), (layer.name, unit)


def clipped_recursion(layer: LayerFields, unit: Shape, extents: Shape) -> Box:
    assert layer.axes is not None
    at = unit or (0,) * len(extents)
    firsts = [axis.start + axis.jump * n for axis, n in zip(layer.axes, at, strict=True)]
    low = [max(ceil(first), 0) for first in firsts]
    high = [
        min(floor(first) + axis.size, extent)
        for first, axis, extent in zip(firsts, layer.axes, extents, strict=True)
    ]
    return Box(tuple(low), tuple(high))


@pytest.mark.parametrize(
    "name", ["dilated stack", "strided, padded", "inception", "residual", "three axes"]
)
def test_size_stride_and_offset_give_the_same_boxes(name: str) -> None:
    for _, shape, layer in each_layer(name):
        for unit in np.ndindex(layer.unit_shape):
            box = clipped_recursion(layer, unit, shape[1:])
            assert layer.of(unit) == box, (layer.name, unit)


def test_a_border_can_clip_more_than_the_recursion_knows() -> None:
    """A dilated kernel that reads at -1 and 1 sees 1 … 3 of the image, not 0 … 3."""
    layer = receptive_field(nn.Conv1d(1, 1, 3, padding=1, dilation=2), (1, 8))[""]
    assert clipped_recursion(layer, (0,), (8,)) == Box((0,), (4,))
    assert layer.of(0) == Box((1,), (4,))
    assert hull(measured_field(nn.Conv1d(1, 1, 3, padding=1, dilation=2), (1, 8), "", 0)) == (
        Box((1,), (4,))
    )


def test_lenet() -> None:
    """The fields of LeNet-5: 5, 6, 14, 16, 32 (and in `lamina summary` the same)."""
    model = models.create("lenet5")
    fields = receptive_field(model, (1, 32, 32))
    sizes = [layer.axes[0].size for layer in fields if layer.axes]
    assert sizes == [5, 6, 14, 16, 32, 32, 32]
    jumps = [layer.axes[0].jump for layer in fields if layer.axes]
    assert jumps == [1, 2, 2, 4, 4, 0, 0]
    for name, unit in {"c1": (0, 27), "s2": (3, 5), "c3": (9, 0), "s4": (2, 4), "f6": ()}.items():
        assert fields.of(name, unit) == hull(measured_field(model, (1, 32, 32), name, unit))
    assert fields.of("s4", (2, 4)) == Box((8, 16), (24, 32))


def test_a_wide_maximum_is_measured_over_many_inputs() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 5), nn.ReLU(), nn.MaxPool2d(6))
    measured = measured_field(model, (1, 32, 32), "2", (2, 3))
    assert receptive_field(model, (1, 32, 32)).of("2", (2, 3)) == hull(measured)


@settings(max_examples=40, deadline=None)
@given(
    layers=st.lists(
        st.tuples(
            st.sampled_from(["conv", "transposed", "pool"]),
            st.integers(1, 3),
            st.integers(1, 3),
            st.integers(0, 1),
            st.integers(1, 2),
        ),
        min_size=1,
        max_size=3,
    ),
    length=st.integers(9, 14),
)
def test_random_stacks(layers: list[tuple[str, int, int, int, int]], length: int) -> None:
    made: list[nn.Module] = []
    for kind, k, s, p, d in layers:
        padding = min(p, k // 2)
        if kind == "conv":
            made.append(nn.Conv1d(1, 1, k, s, padding, d))
        elif kind == "transposed":
            made.append(nn.ConvTranspose1d(1, 1, k, s, padding, dilation=d))
        else:
            made.append(nn.AvgPool1d(k, s, padding))
    model = nn.Sequential(*made)
    try:
        fields = receptive_field(model, (1, length))
    except ShapeError:
        return  # nothing is left of the signal
    last = fields.layers[-1]
    measured = measured_fields(model, (1, length), last.name, patience=2)
    for unit in range(last.unit_shape[0]):
        assert last.of(unit) == hull(measured[unit])


def test_what_depends_on_values_is_unknown_but_measured() -> None:
    class Sorted(nn.Module):
        def forward(self, x: lamina.Tensor) -> lamina.Tensor:
            return x.sort(2)[0]

    model = Sorted()
    layer = receptive_field(model, (1, 4))[""]
    assert not layer.known and "?" in layer.cells()
    with pytest.raises(ArgumentError, match="measured_field"):
        layer.of(0)
    assert measured_field(model, (1, 4), "", 0).all()


def test_what_does_not_depend_on_the_input_sees_nothing() -> None:
    class Constant(nn.Module):
        def forward(self, x: lamina.Tensor) -> lamina.Tensor:
            return lamina.ones((1, 1, 3))

    assert receptive_field(Constant(), (1, 4))[""].of(1).empty


def test_the_effective_field_of_averages_is_a_triangle() -> None:
    """Two means of three: weights 1 2 3 2 1, ninths."""
    model = nn.Sequential(nn.AvgPool1d(3, 1), nn.AvgPool1d(3, 1))
    found = effective_field(model, np.ones((2, 1, 9)), "1", 2)
    np.testing.assert_allclose(found * 9, [0, 0, 1, 2, 3, 2, 1, 0, 0])


def test_the_model_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.Conv1d(1, 1, 3), nn.Dropout(0.5), nn.BatchNorm1d(1)).train()
    before = {name: np.array(value) for name, value in model.state_dict().items()}
    receptive_field(model, (1, 9))
    measured_fields(model, (1, 9), "2")
    assert all(part.training for part in model.modules())
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(np.array(value), before[name])


def test_errors_say_what_to_do() -> None:
    model = nn.Sequential(nn.Conv1d(1, 1, 3))
    with pytest.raises(ShapeError, match="channels and spatial axes"):
        receptive_field(model, (3,))
    fields = receptive_field(model, (1, 9))
    with pytest.raises(ArgumentError, match="no layer 'conv'; the layers are 0"):
        fields["conv"]
    for unit in (7, -1, (0, 0), 1.5):
        with pytest.raises(ArgumentError, match=r"a place in \(7,\)"):
            fields.of("0", unit)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"a place in \(7,\)"):
        measured_field(model, (1, 9), "0", 9)
    with pytest.raises(ArgumentError, match="no layer 'x'"):
        measured_field(model, (1, 9), "x", 0)


def test_the_table_as_data() -> None:
    fields = receptive_field(nn.Sequential(nn.Conv2d(1, 2, (3, 5), (1, 2), (0, 2))), (1, 9, 9))
    row = fields.to_dict()["layers"][0]
    assert (row["size"], row["stride"], row["offset"]) == ([3, 5], [1, 2], [0, -2])
    assert "3, 5" in str(fields) and "0, -2" in str(fields)
    assert len(fields) == 1


def test_the_box_of_an_array() -> None:
    image = np.arange(12).reshape(3, 4)
    box = Box((1, 1), (3, 3))
    assert image[box.slices].tolist() == [[5, 6], [9, 10]]
    assert hull(image > 20).empty and str(hull(image > 20)) == "nothing"
