"""Feature maps of a network's layers."""

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina import nn
from lamina.core.errors import ArgumentError, ShapeError
from lamina.data import digits
from lamina.insight import feature_maps
from lamina.nn import models


def test_the_maps_are_the_layers_outputs() -> None:
    model = models.create("lenet")
    x = digits(size=32).inputs[:2]
    found = feature_maps(model, x, "conv1")
    expected = F.conv2d(lamina.tensor(x), model.conv1.weight, model.conv1.bias)
    np.testing.assert_allclose(found.maps, expected.numpy(), rtol=1e-5, atol=1e-6)
    assert (found.layer, found.type, found.maps.shape) == ("conv1", "Conv2d", (2, 6, 28, 28))


def test_in_evaluation_mode_and_then_as_before() -> None:
    model = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm1d(1)).train()
    x = np.ones((2, 1, 4), np.float32)
    np.testing.assert_array_equal(feature_maps(model, x, "0").maps, x)
    assert all(part.training for part in model.modules())
    assert model[1].running_mean.tolist() == [0.0]


def test_errors() -> None:
    model = nn.Sequential(nn.Conv1d(1, 1, 1), nn.Flatten())
    x = np.ones((2, 1, 4), np.float32)
    with pytest.raises(ArgumentError, match="no layer 'conv' is called; the layers are 0, 1"):
        feature_maps(model, x, "conv")
    with pytest.raises(ShapeError, match="without spatial axes"):
        feature_maps(model, x, "1")
