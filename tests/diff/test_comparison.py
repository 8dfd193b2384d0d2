"""All ways side by side, and networks as functions of one tensor."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina import diff, nn
from lamina.core.errors import ArgumentError
from lamina.diff import examples
from lamina.diff.comparison import MOST_DIGITS, all_engines, digits
from lamina.diff.kinks import kink


def float64(values: object) -> lamina.Tensor:
    return lamina.tensor(np.asarray(values, np.float64))


FUNCTIONS = {
    "logistic unit": (examples.logistic_unit, [0.5, -1.0, 2.0]),
    "rosenbrock": (examples.rosenbrock, np.linspace(-1, 1, 6)),
    "iterated": (examples.iterated(4), 0.3),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_all_ways_agree(name: str) -> None:
    f, x = FUNCTIONS[name]
    found = diff.compare(f, float64(x))
    assert [row.way for row in found.rows] == [engine.way for engine in all_engines()]
    for row in found.rows:
        assert row.digits is not None
        assert row.digits > (4 if "numerical" in row.way and "complex" not in row.way else 12)
    assert found["reverse"].derivative is found.reference


def test_rosenbrock_by_hand() -> None:
    found = diff.compare(examples.rosenbrock, float64([-1.2, 1.0]), [diff.Reverse()])
    np.testing.assert_allclose(found.reference.value, 24.2)
    np.testing.assert_allclose(found.reference.jacobian, [-215.6, -88.0])


def test_a_kink_is_named() -> None:
    found = diff.compare(examples.kink, float64([0.0, 1.0]))
    row = found["numerical, forward"]
    assert row.problem == (
        "a kink at element [0]: its slope is -1 from the left and 1 from the right"
    )
    assert row.problem in found.to_markdown() and not found["forward"].problem
    smooth = diff.compare(examples.kink, float64([0.5, 1.0]))
    assert not any(row.problem for row in smooth.rows)


@pytest.mark.parametrize("power", [1, 2, 3])
def test_kinks_of_either_side(power: int) -> None:
    f = lambda x: lamina.abs(x) ** power + 100 * x  # noqa: E731
    assert (kink(f, float64([0.0]), (0,)) is not None) == (power == 1)
    assert kink(f, float64([1e-3]), (0,)) is None
    steep = lambda x: lamina.exp(5000 * x)  # noqa: E731
    assert kink(steep, float64([1e-3]), (0,)) is None


def test_a_way_that_refuses_says_why() -> None:
    found = diff.compare(lambda x: lamina.sort(x)[0].sum(), float64([2.0, 1.0]))
    assert found["symbolic"].derivative is None
    assert "no formula that could be written out" in found["symbolic"].problem
    assert "no formula" in str(found) and "no formula" in found.to_markdown()
    with pytest.raises(ArgumentError, match="no way works on this function"):
        diff.compare(lamina.abs, float64([0.0]), [diff.Numerical("complex")])


def test_the_table() -> None:
    found = diff.compare(
        lambda x: (x * x).sum(), float64([1.0, 2.0]), [diff.Reverse(), diff.Numerical()]
    )
    lines = str(found).splitlines()
    assert lines[0].split()[:3] == ["way", "runs", "operations"]
    assert lines[1].startswith("reverse mode") and lines[2].startswith("numerical, central  5")
    assert found.to_markdown().splitlines()[1].startswith("| --- | --: |")
    with pytest.raises(ArgumentError, match="no way is called 'sideways'; there are reverse mode"):
        found["sideways"]


def test_digits() -> None:
    one = np.ones(3)
    assert digits(one, one) == MOST_DIGITS
    assert digits(one * (1 + 1e-5), one) == pytest.approx(5, abs=0.01)
    assert digits(one * np.nan, one) == -np.inf
    assert digits(np.zeros(3) + 1e-3, np.zeros(3)) == pytest.approx(3)


def test_a_network_by_its_parameters() -> None:
    lamina.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    x, y = lamina.randn(5, 3).double(), lamina.tensor([0, 1, 1, 0, 1])
    f = diff.network_function(net, x, y, F.cross_entropy)
    found = diff.Reverse().jacobian(f, f.start)
    net.zero_grad()
    F.cross_entropy(net(x), y).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None
        np.testing.assert_allclose(f.part(name, found.jacobian), parameter.grad.numpy(), rtol=1e-12)
    outputs = diff.network_function(net, x)
    assert diff.Forward().jacobian(outputs, outputs.start).jacobian.shape == (5, 2, 26)


def test_a_network_by_its_input() -> None:
    lamina.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3)
    ).double()
    x = lamina.randn(1, 1, 6, 6).double()
    f = diff.input_function(net, lamina.tensor([2]), F.cross_entropy)
    found = diff.compare(
        f, x, [diff.Reverse(), diff.Forward(), diff.Numerical(), diff.Numerical("complex")]
    )
    assert found["forward"].digits > 13 and found["numerical, complex"].digits > 13
    assert found["numerical, central"].digits > 6


def test_a_network_by_one_layer() -> None:
    lamina.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    x, y = lamina.randn(5, 3).double(), lamina.tensor([0, 1, 1, 0, 1])
    whole, last = (
        diff.network_function(net, x, y, F.cross_entropy, layer) for layer in (None, "2")
    )
    gradient = diff.Reverse().jacobian(whole, whole.start).jacobian
    np.testing.assert_allclose(
        diff.Reverse().jacobian(last, last.start).jacobian, gradient[-10:], rtol=1e-13
    )
    assert list(last.slices) == ["2.weight", "2.bias"]
    with pytest.raises(ArgumentError, match="no layer '1' with parameters; there are: 0, 2"):
        diff.network_function(net, x, layer="1")
    with pytest.raises(ArgumentError, match="loss was given without y; give both"):
        diff.input_function(net, loss=F.cross_entropy)


def test_networks_in_training_mode_are_not_changed() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).double()
    x = lamina.randn(4, 3).double()
    for engine in (diff.Forward(), diff.Reverse(), diff.Numerical(), diff.Symbolic()):
        engine.jacobian(diff.input_function(net), x)
        f = diff.network_function(net, x)
        engine.jacobian(f, f.start)
    assert net[1].running_mean.tolist() == [0, 0] and net[1].num_batches_tracked.item() == 0


def test_a_way_that_breaks_says_how() -> None:
    class Divides(diff.Reverse):
        def jacobian(self, f: diff.Function, x: lamina.Tensor) -> diff.Derivative:
            raise ZeroDivisionError("a step of 0")

    found = diff.compare(lamina.exp, float64([1.0]), [diff.Forward(), Divides()])
    assert found["reverse"].problem == "ZeroDivisionError: a step of 0"


def test_compiled_functions_take_part() -> None:
    f = lamina.compile(examples.rosenbrock)
    found = diff.compare(f, float64([0.5, -0.5, 2.0]))
    assert found["numerical, central"].digits > 8 and found["symbolic"].digits > 12


def test_examples_check_their_arguments() -> None:
    with pytest.raises(ArgumentError, match="times must not be negative, got -1"):
        examples.iterated(-1)
    assert float(examples.iterated(3, lambda x: x + 1)(lamina.tensor(0.5))) == 3.5
