"""Counts against dense layers: known answers of LeNet-5, and dense layers themselves."""

from lamina import nn
from lamina.insight import dense_comparison
from lamina.nn import models


def test_lenet_counts() -> None:
    """LeCun et al. 1998: 60,000 trainable parameters, 340,908 connections."""
    found = dense_comparison(models.create("lenet5"), (1, 32, 32))
    assert (found.parameters, found.connections) == (60_000, 340_908)
    counts = {
        layer.name: (layer.parameters, layer.connections, layer.dense) for layer in found.layers
    }
    assert counts["c1"] == (156, 122_304, 4704 * 1025)
    assert counts["s2"] == (12, 5_880, 1176 * 4705)
    assert counts["c3"] == (1_516, 151_600, 1600 * 1177)
    assert counts["s4"] == (32, 2_000, 400 * 1601)
    assert counts["c5"] == (48_120, 48_120, 48_120)  # a convolution over all of its input is dense
    assert counts["output"] == (0, 840, 850)
    assert found.dense == sum(dense for _, _, dense in counts.values())


def test_a_dense_layer_is_what_it_is_compared_with() -> None:
    (layer,) = dense_comparison(nn.Linear(7, 5), (7,)).layers
    assert layer.parameters == layer.connections == layer.dense == 40


def test_a_dense_layer_along_an_axis_shares_its_weights() -> None:
    (layer,) = dense_comparison(nn.Linear(4, 3), (5, 4)).layers
    assert layer.dense == 15 * 21 and layer.parameters == 15 and layer.connections == 75


def test_as_data_and_text() -> None:
    found = dense_comparison(nn.Sequential(nn.Conv1d(1, 2, 3), nn.ReLU()), (1, 9))
    data = found.to_dict()
    assert data["layers"][0]["dense"] == data["dense"] == 14 * 10
    assert [data["parameters"], data["connections"]] == [8, 56]
    assert "17.5×" in str(found).splitlines()[-1]
