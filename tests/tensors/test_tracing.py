"""Tracing: the program does what the eager code does, or says why it cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.core.errors import ArgumentError, TraceError
from lamina.core.verify import verify
from lamina.tensors import Tensor
from lamina.tensors.tree import leaves

X = np.random.default_rng(0).uniform(0.2, 0.9, (3, 4)).astype("float32")
INDEX = np.array([[0, 1], [2, 0]])


def eager_and_traced(f: Callable[..., Any], *arguments: Any) -> None:
    """Both give the same numbers, exactly, also for other values than were traced."""
    program = lamina.trace(f, *[np.zeros_like(a) for a in leaves(arguments)])
    verify(program)
    expected = [np.asarray(leaf) for leaf in leaves(f(*map(lamina.tensor, arguments)))]
    found = program.evaluate(*arguments)
    for a, b, node in zip(found, expected, program.outputs, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype) == (node.shape, node.dtype)


UNARY = (
    *("abs", "neg", "sign", "floor", "ceil", "round", "exp", "expm1", "log", "log1p", "sqrt"),
    *("rsqrt", "reciprocal", "square", "sin", "cos", "tan", "asin", "acos", "atan", "sinh"),
    *("cosh", "tanh", "erf", "sigmoid", "relu", "isnan", "isfinite"),
    *("sum", "mean", "var", "std", "amax", "amin", "max", "min", "argmax", "argmin", "any", "all"),
    *("norm", "argsort", "sort", "flatten", "squeeze", "clone", "float", "double", "long", "int"),
    *("bool", "detach"),
)

FUNCTIONS: dict[str, Callable[[Tensor], Any]] = {
    **{name: (lambda x, name=name: getattr(x, name)()) for name in UNARY},
    "arithmetic": lambda x: (x + 1) * x / (x - 2) - 3 // x + x % 0.3,
    "powers": lambda x: (x**2, x**0.5, 2**x, x**x),
    "comparisons": lambda x: (x < 0.5, x <= x, x > 1, x >= 0, x == 0.5, x != x),
    "logic": lambda x: ~((x < 0.5) & (x > 0.3)) | ((x < 1) ^ (x > 2)),
    "where": lambda x: lamina.where(x > 0.5, x, -x),
    "clamp": lambda x: (x.clamp(0.3, 0.6), x.clamp(min=0.5), x.clamp(max=x.mean())),
    "dims": lambda x: (x.sum(1, True), x.mean((0, 1)), x.amax(0), x.max(1), x.logsumexp(1, True)),
    "shapes": lambda x: (x.reshape(2, -1), x.T, x.mT, x.unsqueeze(0), x.flip(0), x.tile(2, 1)),
    "joining": lambda x: (lamina.cat([x, x], 1), lamina.stack([x, x]), x.split(2, 1), x.unbind()),
    "slices": lambda x: (x[0], x[:, ::-2], x[..., None, 1], x[-1, -1], x[1:1]),
    "indices": lambda x: (x[[0, -1]], x[[0, 1], [2, 3]], x.index_select(1, lamina.tensor([0, 0]))),
    "gather": lambda x: x.gather(1, lamina.tensor(INDEX)),
    "products": lambda x: (x @ x.T, x[0] @ x[1], x[0].outer(x[1])),
    "einsum": lambda x: lamina.einsum("ij,kj->ik", x, x),
    "expand": lambda x: x.unsqueeze(1).expand(-1, 5, -1),
    "fill": lambda x: x.masked_fill(x > 0.5, 0),
    "creation": lambda x: (lamina.zeros_like(x), lamina.ones(2), x.mean() * lamina.arange(3)),
    "grad": lambda x: lamina.grad(lambda x: (lamina.tanh(x) * x).sum())(x),
    "value and grad": lambda x: lamina.value_and_grad(lambda x: x.std())(x),
    "jvp": lambda x: lamina.jvp(lambda x: x.exp(), (x,), (x,)),
    "jacobian": lambda x: lamina.jacobian(lambda v: v * v.sum())(x[0]),
    "hessian": lambda x: lamina.hessian(lambda v: (v**3).sum())(x[0]),
    "second": lambda x: lamina.grad(lambda x: lamina.grad(lambda x: (x**3).sum())(x).std())(x),
    "selecting": lamina.grad(lambda x: (x[[0, 0]].max(1).values * x.sort(1).values[0, 0]).sum()),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_traced_is_eager(name: str) -> None:
    eager_and_traced(FUNCTIONS[name], X)


def test_random_numbers_by_key() -> None:
    key = np.array([3, 4], "uint32")
    eager_and_traced(lambda key: lamina.random.normal(key, (5,)), key)
    eager_and_traced(lambda key: lamina.random.bernoulli(key, 0.3, (50,)), key)
    eager_and_traced(lambda key: lamina.random.permutation(key, 9), key)
    eager_and_traced(lambda key: lamina.random.split(key, 3), key)
    eager_and_traced(lambda key, n: lamina.random.fold_in(key, n), key, np.asarray(7))


def test_backward_while_tracing() -> None:
    def f(x: Tensor) -> Tensor:
        w = lamina.ones(4, requires_grad=True)
        (x @ w).tanh().sum().backward()
        assert w.grad is not None
        return w.grad

    eager_and_traced(f, X)


def test_containers_and_names() -> None:
    program = lamina.trace(
        lambda p, x: {"out": p["w"] * x, "same": x},
        {"w": np.ones(2)},
        np.ones(2),
        names=["w", "x"],
    )
    assert [n.name for n in program.inputs] == ["w", "x"]
    assert [o.tolist() for o in program.evaluate(np.array([2.0, 3.0]), np.ones(2))] == [
        [2, 3],
        [1, 1],
    ]
    assert str(program).startswith("f(w: float64[2], x: float64[2]):")


def test_too_many_names_are_an_error() -> None:
    with pytest.raises(ArgumentError, match="trace: 2 names for 1 tensors"):
        lamina.trace(lambda x: x, np.ones(2), names=["x", "y"])


def test_parameters_of_the_closure_are_constants() -> None:
    w = lamina.tensor([2.0, 3.0], requires_grad=True)
    program = lamina.trace(lambda x: w * x + (w * w), lamina.ones(2))
    assert len(program.inputs) == 1
    verify(program)
    assert program.evaluate(np.ones(2, "float32"))[0].tolist() == [6, 12]


def test_a_program_may_have_constant_results() -> None:
    program = lamina.trace(lambda x: (lamina.ones(2), 3.0), lamina.ones(2))
    ones, three = program.evaluate(np.zeros(2, "float32"))
    assert (ones.tolist(), three.item()) == ([1, 1], 3)


NEEDS_A_VALUE: dict[str, Callable[[Tensor], Any]] = {
    "if": lambda x: x if x.sum() > 0 else -x,
    "bool": lambda x: bool(x.sum()),
    "float": lambda x: float(x.sum()),
    "int": lambda x: int(x.sum()),
    "index": lambda x: [1, 2][x.argmax()],
    "item": lambda x: x.sum().item(),
    "tolist": lambda x: x.tolist(),
    "numpy": lambda x: x.numpy(),
    "asarray": lambda x: np.asarray(x),
    "format": lambda x: f"{x.sum():.2f}",
    "mask": lambda x: x[x > 0],
    "in": lambda x: 3.0 in x[0],
    "dlpack": lambda x: np.from_dlpack(x),
    "range": lambda x: list(range(x.argmax())),
    "tensor": lambda x: lamina.tensor(x),
    "deepcopy": lambda x: __import__("copy").deepcopy(x),
    "requires_grad": lambda x: x.requires_grad_(),
}


@pytest.mark.parametrize("name", NEEDS_A_VALUE)
def test_asking_for_a_value_is_an_error_that_says_what_to_do(name: str) -> None:
    with pytest.raises(TraceError, match="traced.*use lamina.where"):
        lamina.trace(NEEDS_A_VALUE[name], lamina.ones(2, 3))


def test_traced_tensors_can_be_printed() -> None:
    seen = []
    lamina.trace(lambda x: (seen.append(repr(x)), x)[1], lamina.ones(2, 3))
    assert seen == ["tensor(<traced>, float32[2, 3])"]


def test_shapes_are_known_while_tracing() -> None:
    def f(x: Tensor) -> Tensor:
        rows, columns = x.shape
        assert (len(x), x.ndim, x.numel(), x.size(1)) == (rows, 2, rows * columns, columns)
        return x.reshape(columns, rows)

    eager_and_traced(f, X)


def test_detach_stops_derivatives_while_tracing() -> None:
    eager_and_traced(lamina.grad(lambda x: (x * x.detach()).sum()), X)


def test_loops_are_unrolled() -> None:
    def f(x: Tensor) -> Tensor:
        for row in x:
            x = x + row
        return x

    eager_and_traced(f, X)
