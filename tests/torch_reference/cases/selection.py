"""Splitting, gathering, sorting, logic and creation."""

from collections.abc import Iterator
from typing import Any

from tests.torch_reference.case import FunctionCase, Shape, options
from tests.torch_reference.data import Input

BINARY = ["subtract", "multiply", "div", "divide"]
UNARY = ["negative", "absolute"]
COMPARISONS = ["less", "less_equal", "greater", "greater_equal", "not_equal"]
LOGIC = ["logical_and", "logical_or", "logical_xor"]
CREATION: list[tuple[str, tuple[Any, ...]]] = [
    ("arange", (5,)),
    ("arange", (2, 11, 3)),
    ("arange", (0.0, 1.0, 0.25)),
    ("linspace", (0.0, 1.0, 5)),
    ("linspace", (-1.0, 2.0, 1)),
    ("eye", (3,)),
    ("eye", (2, 4)),
    ("full", ((2, 3), 1.5)),
    ("zeros", ((2, 0),)),
    ("ones", (2, 3)),
]
SPLITS: list[tuple[str, Shape, tuple[Any, ...]]] = [
    ("chunk", (5, 2), (2,)),
    ("chunk", (2, 5), (3, 1)),
    ("split", (5, 2), (2,)),
    ("split", (2, 5), ([1, 4], 1)),
    ("unbind", (3, 2), ()),
    ("unbind", (3, 2), (1,)),
    ("tile", (2, 3), ((2,),)),
    ("tile", (2, 3), ((2, 1, 2),)),
]


def cases() -> Iterator[FunctionCase]:
    """All cases of this family."""
    yield from _names_of_operators()
    yield from _parts()
    yield from _look_ups()
    yield from _sorted()
    for name, args in CREATION:
        yield FunctionCase("selection", name, (), args)
    for name in ("zeros_like", "ones_like"):
        yield _case(name, Input((2, 3)))
    yield _case("full_like", Input((2, 3)), args=(2.5,))


def _case(
    name: str, *inputs: Input, args: tuple[Any, ...] = (), call: str = "function", **keywords: Any
) -> FunctionCase:
    return FunctionCase("selection", name, inputs, args, options(**keywords), call)


def _names_of_operators() -> Iterator[FunctionCase]:
    for name in BINARY:
        for left, right in [((2, 3), (3,)), ((), (2, 2)), ((0, 2), (2,))]:
            yield _case(name, Input(left), Input(right, low=0.3))
    for name in UNARY:
        yield _case(name, Input((2, 3)))
    for name in COMPARISONS:
        yield _case(name, Input((4, 3), "lattice", -1, 1), Input((3,), "lattice", -1, 1))
    for name in LOGIC:
        yield _case(name, Input((4, 3), "boolean"), Input((3,), "boolean"))
    yield _case("logical_not", Input((4, 3), "boolean"))
    for name in ("floor_divide", "remainder"):
        for divisor in (0.7, -0.7):
            fixed = Input((3, 4), differentiable=False)  # PyTorch does not differentiate these
            yield _case(name, fixed, args=(divisor,))
        whole = Input((3, 4), "integers", -9, 10), Input((4,), "integers", 1, 5)
        yield _case(name, *whole)


def _parts() -> Iterator[FunctionCase]:
    for name, shape, args in SPLITS:
        yield _case(name, Input(shape), args=args)
        yield _case(name, Input(shape), args=args, call="method")
    pair = Input((2, 3)), Input((1, 3))
    yield _case("concatenate", *pair, call="sequence")
    for size in (0, 1, 4):
        yield _case("dot", Input((size,)), Input((size,)))
        yield _case("outer", Input((size,)), Input((3,)))


def _look_ups() -> Iterator[FunctionCase]:
    for shape, dim in [((4, 3), 0), ((4, 3), 1), ((2, 4, 3), -1), ((0, 3), 1)]:
        places = Input(shape, "integers", 0, max(shape[dim], 1), keyword="index")
        yield _case("gather", Input(shape), places, dim=dim)
    for shape, dim in [((4, 3), 0), ((4, 3), 1), ((2, 4, 3), -1)]:
        rows = Input((5,), "integers", 0, shape[dim], keyword="index")
        yield _case("index_select", Input(shape), rows, dim=dim)
        places = Input(shape, "integers", 0, shape[dim], keyword="indices")
        yield _case("take_along_dim", Input(shape), places, dim=dim)
    mask = Input((3, 4), "boolean")
    yield _case("masked_fill", Input((3, 4)), mask, args=(0.5,))
    yield _case("masked_fill", Input((3, 4)), mask, args=(-1.0,), call="method")


def _sorted() -> Iterator[FunctionCase]:
    for shape in [(5,), (3, 4), (2, 3, 2), (1, 1)]:
        image = Input(shape, "distinct")
        for keywords in ({}, {"dim": 0}, {"descending": True}):
            yield _case("sort", image, **keywords)
            yield _case("argsort", image, **keywords)
