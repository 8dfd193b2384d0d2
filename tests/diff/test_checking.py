"""Wrong derivatives are found and named; right ones pass, at kinks too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina import nn
from lamina.core.errors import ArgumentError
from lamina.core.node import Example, Node, Operation, apply
from lamina.core.types import Array, Type
from lamina.diff import GradientCheckError, check_grads, check_module_grads
from lamina.diff.diagnosis import likely_fault
from lamina.ops import SCALARS, scalars
from lamina.ops.pointwise import Pointwise
from lamina.ops.scalars import multiply
from lamina.tensors import Tensor, pointwise


def draw(*shape: int, seed: int = 0) -> Tensor:
    return lamina.tensor(np.random.default_rng(seed).normal(size=shape))


RIGHT: dict[str, tuple[Callable[..., Any], Any]] = {
    "pointwise": (lambda x, y: lamina.tanh(x) * lamina.exp(y), (draw(3), draw(3, seed=1))),
    "a matrix product": (lambda a, b: a @ b, (draw(2, 3), draw(3, 2, seed=1))),
    "a dict": (lambda p: lamina.sin(p["w"]) @ p["b"], {"w": draw(2, 3), "b": draw(3, seed=1)}),
    "several outputs": (lambda x: (x.sum(), {"square": x * x}), draw(3)),
    "whole numbers beside": (lambda x, i: x[i], (draw(4), lamina.tensor([0, 2, 2]))),
    "convolution": (F.conv2d, (draw(1, 2, 4, 4), draw(2, 2, 3, 3, seed=1))),
    "softmax": (lambda x: F.cross_entropy(x, lamina.tensor([0, 2])), draw(2, 3)),
    "a scalar": (lambda x: x**3, draw()),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_derivatives_pass(name: str) -> None:
    f, args = RIGHT[name]
    report = check_grads(f, args)
    assert report.error < 1e-6 and report.kinks == 0
    assert {(c.order, c.mode) for c in report.checks} == {
        (order, mode) for order in (1, 2) for mode in ("reverse", "forward")
    }


def test_names() -> None:
    f = lambda p, x: p["layer"]["w"] * x[1]  # noqa: E731
    report = check_grads(f, ({"layer": {"w": draw(2)}}, [draw(2), draw(2)]), order=1)
    assert [c.name for c in report.checks][:3] == ["0['layer']['w']", "1[0]", "1[1]"]


KINKS: dict[str, tuple[Callable[..., Any], list[float]]] = {
    "relu at 0": (F.relu, [-1.0, 0.0, 2.0]),
    "abs at 0": (lamina.abs, [0.0, 1.0]),
    "a maximum between equals": (lambda x: F.max_pool1d(x.reshape(1, 4), 2), [1.0, 1.0, 2.0, 3.0]),
    "hardtanh at its ends": (F.hardtanh, [-1.0, 0.5, 1.0]),
    "close to a kink": (F.relu, [1e-7, -1e-7]),
}


@pytest.mark.parametrize("name", KINKS)
def test_kinks_are_no_faults(name: str) -> None:
    f, x = KINKS[name]
    report = check_grads(f, lamina.tensor(np.array(x)), order=1)
    assert report.kinks > 0 or name == "abs at 0"  # where the difference is 0, as the derivative


def test_modules() -> None:
    lamina.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(12, 2),
    )  # fmt: skip
    report = check_module_grads(net, lamina.randn(3, 1, 4, 4))
    names = {c.name for c in report.checks}
    assert {"0.weight", "1.weight", "5.bias", "inputs[0]"} <= names
    assert report.error < 1e-5


# Planted faults -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Faulty(Pointwise):
    """``x · y`` with a wrong derivative by x."""

    fault: str = ""

    def _wrong(self, node: Node, index: int, cotangent: Node) -> Node | None:
        right = super().vjp(node, index, cotangent)
        assert right is not None
        if index == 1 or not self.fault:
            return right
        times = {"double": 2.0, "sign": -1.0, "slightly": 1 + 1e-4}
        if self.fault in times:
            return (times[self.fault] * Tensor(right)).node
        if self.fault == "turned":
            return Tensor(right).T.node
        if self.fault == "nothing":
            return None
        return (Tensor(right) + Tensor(node.operands[0])).node

    vjp = _wrong
    jvp = _wrong


def faulty(fault: str) -> Callable[..., Tensor]:
    def f(x: Tensor, y: Tensor) -> Tensor:
        return Tensor(apply(Faulty(multiply, fault), x.node, y.node))

    return f


@pytest.mark.parametrize(
    "fault, words",
    [
        ("double", "constant factor: it is 2 times"),
        ("sign", "a sign: it is -1 times"),
        ("turned", r"transposed: it agrees with axes in the order \(1, 0\)"),
        ("nothing", "0 everywhere: nothing arrives"),
        ("slightly", "precision: it agrees in 4 digits|constant factor: it is 1.0001 times"),
        ("a term", "A term is likely missing or wrong"),
    ],
)
@pytest.mark.parametrize("mode", ["reverse", "forward"])
def test_faults_are_found_and_named(fault: str, words: str, mode: Any) -> None:
    args = {"x": draw(3, 3), "y": draw(3, 3, seed=1)}
    f = lambda p: faulty(fault)(p["x"], p["y"])  # noqa: E731
    if (fault, mode) == ("turned", "forward"):  # this turns the output round, not the argument
        words = "transposed: the Jacobian agrees with axis 0 .* and axis 1 of the .* exchanged"
    with pytest.raises(GradientCheckError, match=words) as caught:
        check_grads(f, args, order=1, modes=[mode])
    at = "y[" if (fault, mode) == ("a term", "forward") else "x["  # there y's are wrong too
    assert f"the derivative by {at}" in str(caught.value) and f"{mode} mode" in str(caught.value)


def test_the_same_without_a_fault_passes() -> None:
    check_grads(faulty(""), (draw(3, 3), draw(3, 3, seed=1)))


def test_the_message_has_both_values() -> None:
    words = r"by 0\[0\] is 6\.8\d+, but differences give 3\.4\d+ \(relative error 1\.0e\+00; 1 of 1"
    with pytest.raises(GradientCheckError, match=words) as caught:
        check_grads(faulty("double"), (lamina.tensor([2.0]), lamina.tensor([3.0])), order=1)
    assert isinstance(caught.value, RuntimeError)


def test_what_is_not_finite() -> None:
    assert "not finite" in likely_fault(np.array([np.nan]), np.array([1.0]))


def test_bad_requests() -> None:
    with pytest.raises(ArgumentError, match="no floats among the arguments"):
        check_grads(lambda x: x, lamina.arange(3))
    with pytest.raises(ArgumentError, match="order 1 or 2"):
        check_grads(lamina.sin, draw(2), order=3)
    with pytest.raises(ArgumentError, match="returns no floats"):
        check_grads(lambda x: x > 0, draw(2))


# Faults that hide, and right derivatives that look wrong --------------------------------------


NUMBERS = count()


def scalar_with(name: str, derivatives: Callable[..., Any]) -> Callable[[Tensor], Tensor]:
    """Return a scalar function as a function of tensors, with other derivatives."""
    fresh = f"wrong {name} {next(NUMBERS)}"  # functions of one name are the same function
    planted = replace(SCALARS[name], name=fresh, derivatives=derivatives)
    return lambda x: pointwise(planted, x)


doubled_sin = scalar_with("sin", lambda x, y: 2 * scalars.cos(x))
doubled_relu = scalar_with("relu", lambda x, y: scalars.where(x <= 0, 0, 2))


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e-11, 1e9])
def test_faults_of_derivatives_of_any_size_are_found(scale: float) -> None:
    with pytest.raises(GradientCheckError, match="constant factor: it is 2 times"):
        check_grads(lambda x: doubled_sin(x) * scale, draw(4), order=1)
    check_grads(lambda x: lamina.sin(x) * scale, draw(4), order=1)


def test_a_kink_does_not_hide_a_fault_or_its_kind() -> None:
    x = lamina.tensor(np.array([0.0, 1.0, 2.0, -1.0]))
    with pytest.raises(GradientCheckError, match="constant factor: it is 2 times"):
        check_grads(doubled_relu, x, order=1)
    with pytest.raises(GradientCheckError):
        check_grads(doubled_relu, lamina.tensor(np.array([0.0])), order=1)


def test_a_second_derivative_that_is_wrong() -> None:
    """The rule of sin is right, but is written with a cosine whose own rule is not."""
    wrong_cos = replace(SCALARS["cos"], name="wrong cos", derivatives=lambda x, y: scalars.sin(x))
    f = scalar_with("sin", lambda x, y: wrong_cos(x))
    check_grads(f, draw(3), order=1)
    with pytest.raises(GradientCheckError, match=r"order 2 \(of reverse mode\).*a sign"):
        check_grads(f, draw(3), modes=["reverse"])


class Turned(Operation):
    """``W x``, whose adjoint forgets to transpose: W v for Wᵀ v."""

    name = "turned"

    def infer(self, *operands: Type) -> Type:
        return operands[1]

    def evaluate(self, *operands: Array) -> Array:
        return operands[0] @ operands[1]

    def vjp(self, node: Node, index: int, cotangent: Node, /) -> Node | None:
        return apply(Turned(), node.operands[0], cotangent) if index == 1 else None

    @classmethod
    def examples(cls, rng: np.random.Generator) -> Iterator[Example]:
        return iter(())


def test_an_adjoint_that_forgets_to_transpose() -> None:
    w = draw(4, 4)
    f = lambda x: Tensor(apply(Turned(), w.node, x.node))  # noqa: E731
    words = "transposed: the Jacobian agrees with the axes of result and argument exchanged"
    with pytest.raises(GradientCheckError, match=words):
        check_grads(f, draw(4), order=1, modes=["reverse"])


def test_a_sum_for_a_mean_is_told() -> None:
    f = lambda x: scalar_with("sin", lambda x, y: 5 * scalars.cos(x))(x) / 5  # noqa: E731
    with pytest.raises(GradientCheckError, match="is 5 times .*the length of axis 0: a sum for a"):
        check_grads(f, draw(5), order=1)


def test_float32_inside_is_a_matter_of_precision() -> None:
    f = lambda x: lamina.sin(x.to("float32")).to("float64")  # noqa: E731
    with pytest.raises(GradientCheckError, match="Likely precision"):
        check_grads(f, draw(4), order=1)
    check_grads(f, draw(4), order=1, tolerance=1e-2)


V, W = draw(1, 6), draw(6, 2, seed=1)
NO_DERIVATIVE: dict[str, tuple[Callable[..., Any], Any]] = {
    "kinks of all signs meet": (lambda x: F.relu(x @ V) @ W, np.zeros((1, 1))),
    "abs, whose slope jumps": (lamina.abs, [0.0, 1.0]),
    "three maxima": (lambda x: x.max(), [1.0, 1.0, 1.0]),
    "a jump": (lambda x: lamina.where(x > 0, 1.0, 0.0) + x, [0.0]),
    "a root at 0": (lambda x: lamina.sqrt(x).sum(), [0.0]),
    "windows of equals": (lambda x: F.max_pool2d(x.reshape(1, 1, 4, 4), 2), np.ones(16)),
}


@pytest.mark.parametrize("name", NO_DERIVATIVE)
def test_where_there_is_no_derivative_nothing_is_wrong(name: str) -> None:
    f, x = NO_DERIVATIVE[name]
    assert check_grads(f, lamina.tensor(np.array(x)), order=2).kinks > 0


@pytest.mark.parametrize(
    "f, x",
    [
        (lamina.log, [1e-6, 1.0]),
        (lambda x: lamina.sin(1000 * x), [0.1, 2.0]),
        (lamina.exp, [30.0, 0.1]),
        (lambda x: lamina.sqrt(x), [1e-4]),
    ],
)
def test_steep_functions_are_no_kinks(f: Callable[..., Any], x: list[float]) -> None:
    assert check_grads(f, lamina.tensor(np.array(x)), order=1).kinks == 0


def test_pieces_whose_kinks_cancel_are_told() -> None:
    """relu(x) - relu(-x) is x, but rules give 0 at 0 (Kakade and Lee 2018)."""
    f = lambda x: F.relu(x) - F.relu(-x)  # noqa: E731
    with pytest.raises(GradientCheckError, match="Likely a non-smooth point"):
        check_grads(f, lamina.tensor(np.array([0.0])), order=1)


def test_a_derivative_that_is_nan_is_wrong_at_a_kink_too() -> None:
    with pytest.raises(GradientCheckError, match="not finite"):
        check_grads(lambda x: lamina.sqrt((x * x).sum()), lamina.tensor(np.zeros(2)), order=1)


def test_a_network_with_everything() -> None:
    lamina.manual_seed(3)
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5),
        nn.Flatten(), nn.Linear(8, 3),
    )  # fmt: skip
    before = {name: value.numpy().copy() for name, value in net.state_dict().items()}
    x, labels = lamina.randn(2, 1, 6, 6), lamina.tensor([0, 2])
    for module, order in ((net.train(), 1), (net.eval(), 2)):
        report = check_module_grads(
            module, x, loss=lambda y: F.cross_entropy(y, labels), order=order, elements=4
        )
        assert report.kinks == 0 and report.error < 1e-5
        assert max(check.elements for check in report.checks) == 4
    blank = check_module_grads(net, lamina.zeros(2, 1, 6, 6), elements=8)
    assert blank.kinks > 0
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])


def test_a_fault_in_a_network_names_the_parameter() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.output = nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.output(doubled_sin(self.hidden(x)))  # type: ignore[no-any-return]

    lamina.manual_seed(0)
    with pytest.raises(
        GradientCheckError, match=r"derivative by (hidden|inputs).*2 times"
    ) as caught:
        check_module_grads(Net(), lamina.randn(2, 3))
    assert "hidden.weight" in str(caught.value) and "output" not in str(caught.value)


def test_functions_that_are_none() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ArgumentError, match="two results for the same arguments"):
        check_grads(lambda x: x * rng.normal(), draw(3))
