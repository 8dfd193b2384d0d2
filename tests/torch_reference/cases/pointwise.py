"""Scalar functions applied to every element."""

from collections.abc import Iterator

from tests.torch_reference.case import FunctionCase, Shape
from tests.torch_reference.data import Input

SHAPES: list[Shape] = [(), (1, 1), (5,), (2, 3, 2), (0, 2)]
EVERYWHERE = (-3.0, 3.0)
DOMAINS: dict[str, tuple[float, float]] = {
    "exp": EVERYWHERE,
    "expm1": EVERYWHERE,
    "log": (0.1, 4.0),
    "log1p": (-0.9, 4.0),
    "sqrt": (0.1, 4.0),
    "rsqrt": (0.1, 4.0),
    "reciprocal": (0.2, 4.0),
    "square": EVERYWHERE,
    "abs": EVERYWHERE,
    "sign": EVERYWHERE,
    "neg": EVERYWHERE,
    "floor": EVERYWHERE,
    "ceil": EVERYWHERE,
    "round": EVERYWHERE,
    "sin": EVERYWHERE,
    "cos": EVERYWHERE,
    "tan": (-1.3, 1.3),
    "asin": (-0.95, 0.95),
    "acos": (-0.95, 0.95),
    "atan": EVERYWHERE,
    "sinh": EVERYWHERE,
    "cosh": EVERYWHERE,
    "tanh": EVERYWHERE,
    "erf": EVERYWHERE,
    "sigmoid": EVERYWHERE,
}
WHOLE = ["abs", "sign", "floor", "ceil", "round", "square", "relu"]
EDGES: dict[str, tuple[float, ...]] = {
    "exp": (0.0, -745.0, -1e3, 1e3),
    "expm1": (0.0, 1e-12, -1e-12, 1e3),
    "log": (1.0, 1e-100, 1e100),
    "log1p": (0.0, 1e-15, -1e-15),
    "sqrt": (1e-100, 1.0, 1e100),
    "tanh": (0.0, 1e-9, 30.0, -400.0),
    "erf": (0.0, 1e-9, 5.5, -30.0, 0.84),
    "sigmoid": (0.0, 40.0, -40.0, 800.0, -800.0),
    "round": (0.5, 1.5, 2.5, -0.5, -1.5),
    "atan": (0.0, 1e8, -1e8),
}


def cases() -> Iterator[FunctionCase]:
    """All pointwise cases."""
    for name, (low, high) in DOMAINS.items():
        for shape in SHAPES:
            yield FunctionCase("pointwise", name, (Input(shape, low=low, high=high),))
        inputs = (Input((3, 2), low=low, high=high),)
        yield FunctionCase("pointwise", name, inputs, call="method")
    for name in WHOLE:
        yield FunctionCase("pointwise", name, (Input((3, 4), "lattice", -2, 2),))
    for name, values in EDGES.items():
        for value in values:  # apart, so that a huge one does not hide errors in a small one
            yield FunctionCase("pointwise", name, (Input((1,), "values", values=(value,)),))
