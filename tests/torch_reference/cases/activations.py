"""Activations: values away from kinks, on kinks, far out in the tails, and empty."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.torch_reference.case import FunctionCase, Shape, options
from tests.torch_reference.data import Input

SHAPES: list[Shape] = [(), (1,), (7,), (1, 1), (3, 4), (2, 3, 2, 2), (0, 3)]
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "sigmoid": [{}],
    "tanh": [{}],
    "relu": [{}],
    "relu6": [{}],
    "hardtanh": [{}, {"min_val": -0.5, "max_val": 0.25}],
    "hardsigmoid": [{}],
    "hardswish": [{}],
    "leaky_relu": [{}, {"negative_slope": 0.3}],
    "elu": [{}, {"alpha": 0.4}],
    "selu": [{}],
    "celu": [{}, {"alpha": 0.5}],  # PyTorch rounds this alpha to float32
    "gelu": [{}, {"approximate": "tanh"}],
    "softplus": [{}, {"beta": 2.5}, {"beta": 1.0, "threshold": 1.5}],
    "softsign": [{}],
    "silu": [{}],
    "mish": [{}],
    "logsigmoid": [{}],
    "softshrink": [{}, {"lambd": 1.2}],
    "hardshrink": [{}, {"lambd": 1.2}],
    "tanhshrink": [{}],
    "threshold": [{"threshold": 0.3, "value": -1.0}],
}
KINKED = ["relu", "relu6", "hardtanh", "hardsigmoid", "hardswish", "leaky_relu", "elu", "selu"]
KINKED += ["celu", "softsign", "softshrink", "hardshrink", "threshold"]


def cases() -> Iterator[FunctionCase]:
    """All activation cases."""
    for name, variants in VARIANTS.items():
        for keywords in variants:
            yield from _activation(name, keywords)
    yield from _parametric()
    yield from _gated()
    yield from _not_random()


def _case(name: str, inputs: tuple[Input, ...], keywords: dict[str, Any]) -> FunctionCase:
    return FunctionCase("activations", name, inputs, kwargs=options(**keywords))


def _activation(name: str, keywords: dict[str, Any]) -> Iterator[FunctionCase]:
    inputs = [Input(shape) for shape in SHAPES]
    inputs += [Input((3, 5), low=-8.0, high=8.0), Input((3, 5), low=-800.0, high=800.0)]
    if name in KINKED:
        inputs.append(Input((4, 5), "lattice", -6, 6))
    for each in inputs:
        case = _case(name, (each,), keywords)
        if name == "hardsigmoid":  # PyTorch's derivative is 1/6 rounded to float32
            yield replace(case, dtype="float32")
            case = replace(case, derivatives="none")
        yield case


def _parametric() -> Iterator[FunctionCase]:
    for shape in [(5,), (4, 3), (2, 3, 4), (2, 3, 2, 2), (0, 3)]:
        channels = shape[1] if len(shape) > 1 else 1
        for slopes in sorted({1, channels}):
            yield _case("prelu", (Input(shape), Input((slopes,))), {})


def _gated() -> Iterator[FunctionCase]:
    for shape in [(4,), (3, 4), (2, 3, 6), (0, 4)]:
        yield _case("glu", (Input(shape),), {})
    for dim in (0, 1, -2):
        yield _case("glu", (Input((2, 6, 3)) if dim else Input((4, 3)),), {"dim": dim})


def _not_random() -> Iterator[FunctionCase]:
    """Random functions where they are not: in evaluation, or with probability zero."""
    axes = {"dropout": 0, "dropout1d": 1, "dropout2d": 2, "dropout3d": 3}
    for name, count in {**axes, "alpha_dropout": 0, "feature_alpha_dropout": 2}.items():
        image = Input((2, 3, *(2,) * count))
        yield _case(name, (image,), {"p": 0.4, "training": False})
        yield _case(name, (image,), {"p": 0.0, "training": True})
    yield _case("rrelu", (Input((3, 4)),), {})
    yield _case("rrelu", (Input((3, 4)),), {"lower": 0.2, "upper": 0.6})
