"""Tensor methods, operators, reductions and rearrangements."""

from collections.abc import Iterator
from typing import Any

from tests.torch_reference.case import FunctionCase, Shape, options
from tests.torch_reference.data import Input

S = slice
PAIRS: list[tuple[Shape, Shape]] = [
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((2, 1), (1, 3)),
    ((), (2, 2)),
    ((4,), ()),
    ((2, 1, 3), (4, 1)),
    ((0, 3), (3,)),
    ((1, 1), (1,)),
]
SHAPES: list[Shape] = [(4,), (2, 3), (2, 3, 4), (1, 1), ()]
INDICES: list[tuple[Shape, Any]] = [
    ((5,), 2),
    ((5,), -1),
    ((5,), S(1, 4)),
    ((5,), S(None, None, 2)),
    ((5,), S(-3, None)),
    ((5,), S(3, 1)),
    ((4, 5), 1),
    ((4, 5), (1, 2)),
    ((4, 5), (S(None), 2)),
    ((4, 5), (S(1, None), S(None, -1))),
    ((4, 5), (S(None, None, 2), S(1, None, 3))),
    ((4, 5), (..., 0)),
    ((4, 5), (None, S(0, 2))),
    ((4, 5), (S(None), None, 3)),
    ((2, 3, 4), (0, ..., S(1, 3))),
    ((2, 3, 4), (..., None)),
    ((2, 3, 4), (1, 2, 3)),
    ((0, 3), (S(None), 1)),
    ((4, 5), [0, 2, 2]),
    ((4, 5), ([0, 2], [1, 1])),
    ((4, 5), (S(None), [3, 0])),
]
REARRANGEMENTS: list[tuple[str, Shape, tuple[Any, ...]]] = [
    ("reshape", (2, 6), (3, 4)),
    ("reshape", (2, 6), ((4, 3),)),
    ("reshape", (2, 6), (-1,)),
    ("reshape", (2, 3, 4), (2, -1)),
    ("reshape", (1,), ((),)),
    ("reshape", (0, 3), (3, 0)),
    ("view", (2, 6), (3, 4)),
    ("transpose", (2, 3), (0, 1)),
    ("transpose", (2, 3, 4), (-1, 0)),
    ("permute", (2, 3, 4), (2, 0, 1)),
    ("permute", (2, 3, 4), ((1, 0, 2),)),
    ("permute", (0, 3), (1, 0)),
    ("flatten", (2, 3, 4), ()),
    ("flatten", (2, 3, 4), (1,)),
    ("flatten", (2, 3, 4, 2), (1, 2)),
    ("flatten", (0, 3, 4), (1,)),
    ("unflatten", (2, 6), (1, (2, 3))),
    ("squeeze", (1, 3, 1), ()),
    ("squeeze", (1, 3, 1), (0,)),
    ("squeeze", (1, 3, 1), (1,)),
    ("unsqueeze", (2, 3), (0,)),
    ("unsqueeze", (2, 3), (-1,)),
    ("expand", (1, 3), (4, 3)),
    ("expand", (3, 1), (2, -1, 4)),
    ("broadcast_to", (3,), ((2, 3),)),
    ("flip", (2, 3), ((0,),)),
    ("flip", (2, 3), ((0, 1),)),
    ("transpose", (3, 3), (0, 1)),
]


def cases() -> Iterator[FunctionCase]:
    """All cases of tensor methods."""
    yield from _arithmetic()
    yield from _scalars()
    yield from _comparisons()
    yield from _reductions()
    yield from _extrema()
    yield from _indexing()
    yield from _rearrangements()
    yield from _joins()
    yield from _selection()


def _method(name: str, shape: Shape, *args: Any, **keywords: Any) -> FunctionCase:
    return FunctionCase("tensors", name, (Input(shape),), args, options(**keywords), "method")


def _arithmetic() -> Iterator[FunctionCase]:
    for left, right in PAIRS:
        for name in ("add", "sub", "mul", "truediv"):
            low = 0.3 if name == "truediv" else -2.0
            inputs = (Input(left), Input(right, low=low))
            yield FunctionCase("tensors", name, inputs, call="operator")
        positive = (Input(left, low=0.2, high=3.0), Input(right))
        yield FunctionCase("tensors", "pow", positive, call="operator")
        for name in ("maximum", "minimum"):
            yield FunctionCase("tensors", name, (Input(left), Input(right)))
        ties = (Input(left, "lattice", -1, 1), Input(right, "lattice", -1, 1))
        for name in ("maximum", "minimum"):
            yield FunctionCase("tensors", name, ties)


def _scalars() -> Iterator[FunctionCase]:
    for value in (2, -1.5, 0):
        for name in ("add", "sub", "mul"):
            yield FunctionCase("tensors", name, (Input((2, 3)),), (value,), call="operator")
    for value in (2, 4.0, -0.5):
        yield FunctionCase("tensors", "truediv", (Input((2, 3)),), (value,), call="operator")
    for power in (0, 1, 2, 3, 0.5, -1, -2.5):
        positive = (Input((2, 3), low=0.2, high=3.0),)
        yield FunctionCase("tensors", "pow", positive, (power,), call="operator")
    for power in (1, 2, 3):
        yield FunctionCase("tensors", "pow", (Input((2, 3)),), (power,), call="operator")
    for name in ("__radd__", "__rsub__", "__rmul__", "__rtruediv__", "__rpow__"):
        inputs = (Input((2, 3), low=0.3, high=2.0),)
        yield FunctionCase("tensors", name, inputs, (2.5,), call="method")
    for name in ("neg", "abs"):
        for shape in SHAPES:
            yield FunctionCase("tensors", name, (Input(shape),), call="operator")


def _comparisons() -> Iterator[FunctionCase]:
    for left, right in PAIRS[:5]:
        pair = Input(left, "lattice", -1, 1), Input(right, "lattice", -1, 1)
        for name in ("lt", "le", "gt", "ge", "eq", "ne"):
            yield FunctionCase("tensors", name, pair, call="operator")
        flags = Input(left, "boolean"), Input(right, "boolean")
        for name in ("and_", "or_", "xor"):
            yield FunctionCase("tensors", name, flags, call="operator")
    yield FunctionCase("tensors", "invert", (Input((3, 2), "boolean"),), call="operator")
    for name in ("isnan", "isfinite"):
        odd = (Input((4,), "values", values=(1.0, float("nan"), float("inf"), -float("inf"))),)
        yield FunctionCase("tensors", name, odd)


def _axes(shape: Shape) -> list[Any]:
    """Axes to reduce over: each one, the last, and the outer two together."""
    pairs: list[Any] = [(0, len(shape) - 1)] if len(shape) > 1 else []
    return [*range(len(shape)), *([-1] if shape else []), *pairs]


def _reductions() -> Iterator[FunctionCase]:
    for shape in [*SHAPES, (0, 3)]:
        for name in ("sum", "mean"):
            yield _method(name, shape)
            for dim in _axes(shape):
                yield _method(name, shape, dim=dim)
                yield _method(name, shape, dim=dim, keepdim=True)
    for shape in [(4,), (2, 3), (2, 3, 4)]:
        for name in ("var", "std"):
            yield _method(name, shape)
            yield _method(name, shape, dim=0, keepdim=True)
            yield _method(name, shape, dim=-1, correction=0)
        yield _method("norm", shape)
    for name in ("all", "any"):
        flags = (Input((2, 3), "boolean"),)
        yield FunctionCase("tensors", name, flags, call="method")
        yield FunctionCase("tensors", name, flags, kwargs=options(dim=1), call="method")


def _extrema() -> Iterator[FunctionCase]:
    for shape in SHAPES:
        image = (Input(shape, "distinct"),)
        for name in ("max", "min", "amax", "amin", "argmax", "argmin"):
            yield FunctionCase("tensors", name, image, call="method")
        for dim in range(-1, len(shape)) if shape else ():
            for name in ("max", "min", "amax", "amin", "argmax", "argmin"):
                for keywords in (options(dim=dim), options(dim=dim, keepdim=True)):
                    yield FunctionCase("tensors", name, image, kwargs=keywords, call="method")
    for name in ("argmax", "argmin"):
        ties = (Input((3, 6), "lattice", -1, 1),)
        yield FunctionCase("tensors", name, ties, kwargs=options(dim=1), call="method")


def _indexing() -> Iterator[FunctionCase]:
    for shape, index in INDICES:
        yield FunctionCase("tensors", "getitem", (Input(shape),), (index,), call="operator")
    rows = Input((4,), "integers", 0, 3)
    yield FunctionCase("tensors", "getitem", (Input((3, 2)), rows), call="operator")


def _rearrangements() -> Iterator[FunctionCase]:
    for name, shape, args in REARRANGEMENTS:
        yield FunctionCase("tensors", name, (Input(shape),), args, call="method")


def _joins() -> Iterator[FunctionCase]:
    for shapes, dim in [
        (((2, 3), (1, 3)), 0),
        (((2, 3), (2, 1), (2, 2)), 1),
        (((2, 3), (0, 3)), 0),
        (((2, 3),), -1),
    ]:
        inputs = tuple(map(Input, shapes))
        yield FunctionCase("tensors", "cat", inputs, (), options(dim=dim), "sequence")
    for dim in (0, 1, -1):
        inputs = (Input((2, 3)), Input((2, 3)), Input((2, 3)))
        yield FunctionCase("tensors", "stack", inputs, (), options(dim=dim), "sequence")


def _selection() -> Iterator[FunctionCase]:
    for left, right in PAIRS:
        inputs = (Input(left, "boolean"), Input(left), Input(right))
        yield FunctionCase("tensors", "where", inputs)
    for keywords in ({"min": -0.5}, {"max": 0.7}, {"min": -0.5, "max": 0.7}):
        for shape in [(), (7,), (3, 4), (0, 2)]:
            clamped = options(**keywords)
            yield FunctionCase("tensors", "clamp", (Input(shape),), kwargs=clamped)
            yield FunctionCase("tensors", "clamp", (Input(shape),), kwargs=clamped, call="method")
    edges = (Input((3, 4), "lattice", -2, 2),)
    yield FunctionCase("tensors", "clamp", edges, kwargs=options(min=-1.0, max=1.0))
