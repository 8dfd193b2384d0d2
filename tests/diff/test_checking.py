"""Wrong derivatives are found and named; right ones pass, at kinks too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import lamina
import lamina.functions as F
from lamina import nn
from lamina.core.errors import ArgumentError
from lamina.core.node import Node, apply
from lamina.diff import GradientCheckError, check_grads, check_module_grads
from lamina.diff.diagnosis import likely_fault
from lamina.ops.pointwise import Pointwise
from lamina.ops.scalars import multiply
from lamina.tensors import Tensor


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
    assert {"0['0.weight']", "0['1.weight']", "0['5.bias']", "1"} <= names
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
        words = "A term is likely missing or wrong"
    with pytest.raises(GradientCheckError, match=words) as caught:
        check_grads(f, args, order=1, modes=[mode])
    assert "the derivative by x[" in str(caught.value) and f"{mode} mode" in str(caught.value)


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
