"""Linear maps, products, einsum, embeddings and one-hot codes."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.torch_reference.case import FunctionCase, Shape, options
from tests.torch_reference.data import Input

PRODUCTS: list[tuple[Shape, Shape]] = [
    ((3,), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3,)),
    ((2, 3), (3, 4)),
    ((1, 1), (1, 1)),
    ((0, 3), (3, 4)),
    ((2, 0), (0, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (4, 3, 2)),
    ((1, 2, 3), (5, 3, 1)),
    ((0, 2, 3), (0, 3, 4)),
]
EQUATIONS: list[tuple[str, tuple[Shape, ...]]] = [
    ("ij,jk->ik", ((2, 3), (3, 4))),
    ("ij,jk", ((2, 3), (3, 4))),
    ("bij,bjk->bik", ((2, 3, 4), (2, 4, 5))),
    ("ij->ji", ((2, 3),)),
    ("ji", ((2, 3),)),
    ("ii->i", ((3, 3),)),
    ("ii", ((3, 3),)),
    ("ij->", ((2, 3),)),
    ("ij->i", ((2, 3),)),
    ("i,j->ij", ((2,), (3,))),
    ("i,i->", ((4,), (4,))),
    ("i,i->i", ((4,), (4,))),
    ("ij,ij->j", ((3, 2), (3, 2))),
    ("bi,oij,bj->bo", ((2, 3), (4, 3, 5), (2, 5))),
    ("ij,jk,kl->il", ((2, 3), (3, 4), (4, 2))),
    ("...ij,...jk->...ik", ((2, 5, 3), (2, 3, 4))),
    ("...ij,jk->...ik", ((2, 5, 3), (3, 4))),
    ("b...,b->...", ((3, 2, 4), (3,))),
    ("nhwc,co->nhwo", ((2, 3, 2, 4), (4, 5))),
    ("ij,jk->ik", ((0, 3), (3, 4))),
    ("ij,jk->ik", ((2, 0), (0, 4))),
    (" i j , j k -> k i ", ((2, 3), (3, 4))),
]


def cases() -> Iterator[FunctionCase]:
    """All cases of linear maps and look-ups."""
    yield from _linear()
    yield from _products()
    yield from _einsum()
    yield from _embedding()
    yield from _one_hot()
    yield from _two_arguments()


def _case(name: str, *inputs: Input, **keywords: Any) -> FunctionCase:
    return FunctionCase("linear", name, inputs, kwargs=options(**keywords))


def _linear() -> Iterator[FunctionCase]:
    for lead in [(), (1,), (4,), (0,), (2, 3), (2, 1, 3)]:
        for inputs, outputs in [(3, 4), (1, 1), (5, 1), (1, 5)]:
            weight = Input((outputs, inputs))
            yield _case("linear", Input((*lead, inputs)), weight)
            bias = Input((outputs,), keyword="bias")
            yield _case("linear", Input((*lead, inputs)), weight, bias)


def _products() -> Iterator[FunctionCase]:
    for left, right in PRODUCTS:
        yield _case("matmul", Input(left), Input(right))
        inputs = (Input(left), Input(right))
        yield FunctionCase("linear", "matmul", inputs, call="operator")
        yield FunctionCase("linear", "matmul", inputs, call="method")


def _einsum() -> Iterator[FunctionCase]:
    for equation, shapes in EQUATIONS:
        inputs = tuple(map(Input, shapes))
        yield FunctionCase("linear", "einsum", inputs, (equation,), call="equation")


def _embedding() -> Iterator[FunctionCase]:
    table = Input((6, 3))
    for shape in [(), (4,), (2, 3), (0,), (2, 0), (3, 2, 2)]:
        indices = Input(shape, "integers", 0, 6)
        yield _case("embedding", indices, table)
        for row in (2, -1):  # its gradient is dropped, but PyTorch keeps its tangent
            padded = _case("embedding", indices, table, padding_idx=row)
            yield replace(padded, derivatives="reverse")


def _one_hot() -> Iterator[FunctionCase]:
    for shape in [(), (1,), (5,), (2, 3), (0,), (0, 2)]:
        labels = Input(shape, "integers", 0, 4)
        yield _case("one_hot", labels, num_classes=4)
        yield _case("one_hot", labels, num_classes=7)
    yield _case("one_hot", Input((4,), "indices", values=(0, 3, 1, 2)))


def _two_arguments() -> Iterator[FunctionCase]:
    for lead in [(), (4,), (0,), (2, 3)]:
        left, right, weight = Input((*lead, 3)), Input((*lead, 2)), Input((4, 3, 2))
        yield _case("bilinear", left, right, weight)
        yield _case("bilinear", left, right, weight, Input((4,), keyword="bias"))
    for shape in [(3, 4), (2, 3, 4), (4,)]:
        pair = Input(shape), Input(shape)
        yield _case("cosine_similarity", *pair, dim=-1)
        yield _case("cosine_similarity", *pair, dim=0)
        for keywords in ({}, {"p": 1.0}, {"p": 3.0}, {"keepdim": True}):
            yield _case("pairwise_distance", *pair, **keywords)
