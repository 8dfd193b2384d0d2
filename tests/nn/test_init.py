"""Initialisers: ranges, moments, exact properties, keys."""

from math import sqrt
from statistics import NormalDist

import numpy as np
import pytest

import lamina
from lamina import nn
from lamina.core.errors import ArgumentError, ShapeError
from lamina.nn import init

KEY = lamina.random.key(7)
FAN_IN, FAN_OUT = 250, 100
UNIFORM = {
    "uniform_": (lambda t: init.uniform_(t, -2.0, 2.0, key=KEY), 2.0),
    "xavier_uniform_": (lambda t: init.xavier_uniform_(t, 2.0, key=KEY), 2 * sqrt(6 / 350)),
    "kaiming_uniform_": (
        lambda t: init.kaiming_uniform_(t, nonlinearity="relu", key=KEY),
        sqrt(6 / FAN_IN),
    ),
    "kaiming_uniform_ a=√5": (lambda t: init.kaiming_uniform_(t, sqrt(5), key=KEY), FAN_IN**-0.5),
    "kaiming_uniform_ out": (
        lambda t: init.kaiming_uniform_(t, mode="fan_out", nonlinearity="linear", key=KEY),
        sqrt(3 / FAN_OUT),
    ),
    "lecun_uniform_": (lambda t: init.lecun_uniform_(t, key=KEY), sqrt(3 / FAN_IN)),
}
NORMAL = {
    "normal_": (lambda t: init.normal_(t, 0.0, 3.0, key=KEY), 3.0),
    "xavier_normal_": (lambda t: init.xavier_normal_(t, key=KEY), sqrt(2 / 350)),
    "kaiming_normal_": (lambda t: init.kaiming_normal_(t, key=KEY), sqrt(2 / FAN_IN)),
    "lecun_normal_": (lambda t: init.lecun_normal_(t, key=KEY), FAN_IN**-0.5),
}


def weight() -> lamina.Tensor:
    return lamina.zeros(20, 50, 5, 1)


@pytest.mark.parametrize("name", UNIFORM)
def test_uniform(name: str) -> None:
    fill, bound = UNIFORM[name]
    values = fill(weight()).numpy() / bound
    assert abs(values).max() <= 1 and abs(values).max() > 0.99
    assert abs(values.mean()) < 0.05 and values.std() == pytest.approx(1 / sqrt(3), rel=0.05)


@pytest.mark.parametrize("name", NORMAL)
def test_normal(name: str) -> None:
    fill, std = NORMAL[name]
    values = np.sort(fill(weight()).numpy().ravel() / std)
    quantiles = [NormalDist().inv_cdf((i + 0.5) / values.size) for i in range(values.size)]
    assert abs(values - quantiles)[50:-50].max() < 0.15


def test_trunc_normal_is_the_conditional_distribution() -> None:
    values = init.trunc_normal_(lamina.zeros(5000), 1.0, 2.0, a=0.0, b=1.5, key=KEY).numpy()
    assert values.min() >= 0 and values.max() <= 1.5
    normal = NormalDist(1.0, 2.0)
    for point in (0.3, 0.75, 1.2):
        wanted = (normal.cdf(point) - normal.cdf(0)) / (normal.cdf(1.5) - normal.cdf(0))
        assert (values < point).mean() == pytest.approx(wanted, abs=0.03)
    with pytest.raises(ArgumentError, match="a < b"):
        init.trunc_normal_(lamina.zeros(2), a=1.0, b=-1.0)


@pytest.mark.parametrize("shape", [(8, 20), (20, 8), (6, 3, 2, 2)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    values = init.orthogonal_(lamina.zeros(shape), gain=2.0, key=KEY).numpy()
    matrix = values.reshape(shape[0], -1)
    small = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-5)
    assert init.orthogonal_(lamina.zeros(0, 3)).shape == (0, 3)


def test_sparse_has_exactly_so_many_zeros_a_column() -> None:
    values = init.sparse_(lamina.zeros(30, 40), 0.33, std=2.0, key=KEY).numpy()
    assert ((values == 0).sum(0) == 10).all()
    assert len({tuple(np.flatnonzero(column)) for column in values.T}) > 30
    assert values[values != 0].std() == pytest.approx(2.0, rel=0.1)


def test_exact_values() -> None:
    assert init.ones_(lamina.zeros(2)).tolist() == [1, 1]
    assert init.zeros_(lamina.ones(2)).tolist() == [0, 0]
    assert init.constant_(lamina.zeros(2), 3.5).tolist() == [3.5, 3.5]
    np.testing.assert_array_equal(init.eye_(lamina.zeros(2, 3)), np.eye(2, 3))


@pytest.mark.parametrize("groups", [1, 2])
def test_dirac_passes_the_input_on(groups: int) -> None:
    layer = nn.Conv2d(4, 4, 3, padding="same", groups=groups, bias=False)
    init.dirac_(layer.weight, groups)
    x = lamina.random.normal(KEY, (2, 4, 5, 5))
    np.testing.assert_array_equal(layer(x), x)


def test_gains() -> None:
    assert init.calculate_gain("conv2d") == init.calculate_gain("sigmoid") == 1
    assert init.calculate_gain("leaky_relu", 2.0) == pytest.approx(sqrt(2 / 5))
    assert init.calculate_gain("leaky_relu") == pytest.approx(sqrt(2 / 1.0001))
    with pytest.raises(ArgumentError, match="unknown nonlinearity 'silly'; known: sigmoid"):
        init.calculate_gain("silly")


def test_a_key_decides_and_none_takes_the_next() -> None:
    a, b = (init.normal_(lamina.zeros(5), key=KEY).tolist() for _ in range(2))
    assert a == b
    lamina.manual_seed(1)
    c, d = (init.normal_(lamina.zeros(5)).tolist() for _ in range(2))
    lamina.manual_seed(1)
    assert c != d and c == init.normal_(lamina.zeros(5)).tolist()


def test_seed_decides_the_whole_model() -> None:
    lamina.manual_seed(3)
    first = {k: v.tolist() for k, v in nn.models.lenet().state_dict().items()}
    lamina.manual_seed(3)
    assert first == {k: v.tolist() for k, v in nn.models.lenet().state_dict().items()}


def test_dtype_and_gradient_stay() -> None:
    parameter = nn.Parameter(np.zeros(3))
    assert init.uniform_(parameter) is parameter
    assert parameter.dtype == np.float64 and parameter.requires_grad and parameter.is_leaf


@pytest.mark.parametrize("layer", [nn.Linear(16, 400), nn.Conv2d(4, 100, 2), nn.Conv1d(16, 400, 1)])
def test_layers_start_within_one_over_root_fan_in(layer: nn.Module) -> None:
    for values in (layer.weight.numpy(), layer.bias.numpy()):
        assert 0.23 < abs(values).max() <= 0.25
        assert values.std() == pytest.approx(0.25 / sqrt(3), rel=0.15)


def test_wrong_shapes_and_arguments() -> None:
    with pytest.raises(ShapeError, match=r"fans: expected a tensor of 2 axes or more.*\(3,\)"):
        init.xavier_normal_(lamina.zeros(3))
    with pytest.raises(ShapeError, match="eye_: expected a tensor of 2 axes, got"):
        init.eye_(lamina.zeros(3))
    with pytest.raises(ShapeError, match="dirac_: expected a tensor of 3 to 5 axes"):
        init.dirac_(lamina.zeros(3, 3))
    with pytest.raises(ArgumentError, match="3 outputs do not fall into 2 groups"):
        init.dirac_(lamina.zeros(3, 3, 3), groups=2)
    with pytest.raises(ArgumentError, match="mode must be 'fan_in' or 'fan_out'"):
        init.kaiming_normal_(weight(), mode="fan")
    with pytest.raises(ArgumentError, match=r"sparsity must lie in \[0, 1\], got 2"):
        init.sparse_(lamina.zeros(2, 2), 2)
