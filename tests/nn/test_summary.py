"""Summaries: the counts of the LeNet-5 paper, borders, receptive fields, output."""

import json
from io import StringIO

import pytest
from rich.console import Console

import lamina
import lamina.functions as F
from lamina import nn
from lamina.core.errors import ArgumentError

LENET5 = [
    ("c1", (6, 28, 28), 156, 122_304, 5, 1),
    ("s2", (6, 14, 14), 12, 5_880, 6, 2),
    ("c3", (16, 10, 10), 1_516, 151_600, 14, 2),
    ("s4", (16, 5, 5), 32, 2_000, 16, 4),
    ("c5", (120, 1, 1), 48_120, 48_120, 32, 4),
    ("f6", (84,), 10_164, 10_164, 32, 0),
    ("output", (10,), 0, 840, 32, 0),
]


def test_lenet5_is_the_papers() -> None:
    summary = nn.models.lenet5().summary((1, 32, 32))
    for row, (name, shape, parameters, connections, field, jump) in zip(
        summary.rows, LENET5, strict=True
    ):
        assert (row.name, row.output_shape) == (name, shape)
        assert (row.parameters, row.connections) == (parameters, connections), name
        assert row.receptive_field is not None
        assert [(f.size, f.jump) for f in row.receptive_field] == [(field, jump)] * 2
    assert (summary.parameters, summary.connections) == (60_000, 340_908)


def test_simplified_lenet() -> None:
    summary = nn.models.lenet().summary((1, 32, 32))
    assert summary.parameters == sum(row.parameters for row in summary.rows) == 61_706
    # Multiplications of the weights: a weight is used once for each output position.
    assert summary.multiply_adds == 784 * 150 + 100 * 2400 + 48_000 + 10_080 + 840


def row(module: nn.Module, *shapes: tuple[int, ...]) -> nn.summary.Row:
    return module.summary(*shapes).rows[-1]


def brute_force(height: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Pairs of an output and an input within the image, along one axis."""
    outputs = (height + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    places = [o * stride + k * dilation - padding for o in range(outputs) for k in range(kernel)]
    return sum(0 <= place < height for place in places)


@pytest.mark.parametrize(
    ("height", "kernel", "stride", "padding", "dilation"),
    [(8, 3, 1, 1, 1), (9, 5, 2, 2, 1), (10, 3, 3, 2, 2), (4, 4, 1, 3, 1)],
)
def test_padding_is_not_a_connection(
    height: int, kernel: int, stride: int, padding: int, dilation: int
) -> None:
    along = brute_force(height, kernel, stride, padding, dilation)
    layer = nn.Conv2d(4, 6, kernel, stride, padding, dilation, groups=2, bias=False)
    found = row(layer, (4, height, height))
    assert found.connections == found.multiply_adds == 6 * 2 * along**2


def test_transposed_convolution_connects_as_its_adjoint() -> None:
    plain = row(nn.Conv1d(2, 3, 3, 2, 1, bias=False), (2, 9))
    transposed = row(nn.ConvTranspose1d(3, 2, 3, 2, 1, bias=False), (3, 5))
    assert plain.output_shape == (3, 5) and transposed.output_shape == (2, 9)
    assert plain.connections == transposed.connections


def test_pools_connect_and_norms_and_activations_do_not() -> None:
    assert row(nn.MaxPool2d(2), (3, 6, 6)).connections == 3 * 36
    assert row(nn.AvgPool2d(3, 1, 1), (1, 4, 4)).connections == brute_force(4, 3, 1, 1, 1) ** 2
    for layer in (nn.BatchNorm2d(3), nn.GroupNorm(1, 3), nn.Softmax2d(), nn.GELU()):
        assert row(layer, (3, 4, 4)).connections == 0


def test_adaptive_pools_connect_within_their_windows() -> None:
    # Along an axis of 7, three windows: 0-2, 2-4, 4-6.
    for layer in (nn.AdaptiveAvgPool2d(3), nn.AdaptiveMaxPool2d(3)):
        assert row(layer, (2, 7, 7)).connections == 2 * 9**2


def test_weights_that_are_zero_are_connections_all_the_same() -> None:
    layer = nn.Linear(3, 2)
    nn.init.zeros_(layer.weight)
    assert row(layer, (3,)).connections == 8
    layer.requires_grad_(False)
    assert row(layer, (3,)).connections == 8


def test_functions_called_by_the_root_are_its_own_row() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(lamina.ones(3, 4))
            self.bias = nn.Parameter(lamina.ones(3))
            self.inner = nn.Linear(3, 2)

        def forward(self, x: lamina.Tensor) -> lamina.Tensor:
            return self.inner(F.linear(x, self.weight, self.bias).tanh())

    rows = Net().summary((4,)).rows
    assert [(r.name, r.parameters, r.multiply_adds) for r in rows] == [
        ("inner", 8, 6),
        ("", 15, 12),
    ]


def test_shared_and_frozen_parameters() -> None:
    shared = nn.Linear(3, 3)
    model = nn.Sequential(shared, nn.Tanh(), shared)
    summary = model.summary((3,))
    assert summary.parameters == 12 and sum(r.parameters for r in summary.rows) == 12
    assert summary.rows[0].multiply_adds == 18
    shared.weight.requires_grad_(False)
    assert model.summary((3,)).parameters == 3


def test_summary_changes_nothing() -> None:
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(), nn.Linear(3, 1))
    model[0].eval()
    lamina.manual_seed(0)
    model.summary((3,))
    assert [m.training for m in model] == [False, True, True]
    assert model[0].num_batches_tracked.item() == 0
    assert lamina.random.key_stream().state()["count"] == 0


def test_several_inputs_and_integer_inputs() -> None:
    assert row(nn.Bilinear(2, 3, 4), (2,), (3,)).connections == 4 * 6 + 4
    assert nn.Embedding(5, 3).summary((7,), dtype="int64").rows[0].output_shape == (7, 3)
    with pytest.raises(ArgumentError, match="give the shape of each input"):
        nn.Linear(1, 1).summary()


def test_memory_is_that_of_the_outputs() -> None:
    summary = nn.Sequential(nn.Linear(3, 5), nn.ReLU()).summary((3,))
    assert [r.memory for r in summary.rows] == [20, 20] and summary.memory == 40


def test_dictionary_is_json() -> None:
    plain = json.loads(json.dumps(nn.models.lenet5().summary((1, 32, 32)).to_dict()))
    assert plain["parameters"] == 60_000 and plain["connections"] == 340_908
    assert plain["rows"][0]["receptive_field"][0] == {"size": 5, "jump": 1.0, "start": 0.0}


def test_tables() -> None:
    summary = nn.models.lenet5().summary((1, 32, 32))
    console = Console(width=150, record=True, file=StringIO())
    console.print(summary)
    for text in (str(summary), console.export_text()):
        assert "60,000" in text and "340,908" in text and "16@10×10" in text
        assert "14×14 / 2×2" in text
