"""Operators against NumPy: values, broadcasting, promotion, weak Python numbers."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import lamina
from lamina.core.errors import ArgumentError, DTypeError, LaminaError, ShapeError
from lamina.core.types import promote
from tests.tensors.arrays import FLOATS, INTEGERS, assert_same, filled, shapes

ARITHMETIC = [operator.add, operator.sub, operator.mul]
DIVISIONS = [operator.floordiv, operator.mod]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
LOGIC = [operator.and_, operator.or_, operator.xor]
NUMERIC = FLOATS + INTEGERS
SEEDS = st.integers(0, 2**32 - 1)
Operator = Callable[[Any, Any], Any]


def common(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> np.dtype[Any]:
    """The dtype of a ∘ b: an array without axes only lifts the category (as in PyTorch)."""
    if bool(a.ndim) == bool(b.ndim):
        return promote(a.dtype, b.dtype)
    shaped, lone = (a, b) if a.ndim else (b, a)
    lifts = lone.dtype.kind == "f" and shaped.dtype.kind != "f"
    return promote(shaped.dtype, lone.dtype) if lifts else shaped.dtype


@given(
    st.sampled_from(ARITHMETIC),
    hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3, min_side=0),
    st.sampled_from(NUMERIC),
    st.sampled_from(NUMERIC),
    SEEDS,
)
def test_arithmetic(
    op: Operator, pair: hnp.BroadcastableShapes, first: str, second: str, seed: int
) -> None:
    a, b = filled(pair.input_shapes[0], first, seed), filled(pair.input_shapes[1], second, seed + 1)
    kind = common(a, b)
    expected = np.asarray(op(a.astype(kind), b.astype(kind)))
    assert_same(op(lamina.tensor(a), lamina.tensor(b)), expected)
    assert_same(op(a, lamina.tensor(b)), expected)
    assert_same(op(lamina.tensor(a), b), expected)


@given(st.sampled_from(COMPARISONS), st.sampled_from(NUMERIC), st.sampled_from(NUMERIC), SEEDS)
def test_comparisons(op: Operator, first: str, second: str, seed: int) -> None:
    a, b = filled((3, 1), first, seed), filled((4,), second, seed + 1)
    assert_same(op(lamina.tensor(a), lamina.tensor(b)), op(a, b))
    assert_same(op(a, lamina.tensor(b)), op(a, b))


@given(st.sampled_from(DIVISIONS), st.sampled_from(NUMERIC), SEEDS)
def test_whole_division_rounds_down_and_remainders_have_the_divisors_sign(
    op: Operator, dtype: str, seed: int
) -> None:
    a, b = filled((30,), dtype, seed), filled((30,), dtype, seed + 1)
    b[b == 0] = 3
    assert_same(op(lamina.tensor(a), lamina.tensor(b)), op(a, b))
    quotient, rest = lamina.tensor(a) // lamina.tensor(b), lamina.tensor(a) % lamina.tensor(b)
    assert_same(quotient * lamina.tensor(b) + rest, a)


def test_signs_of_quotients_and_remainders() -> None:
    a, b = lamina.tensor([7, -7, 7, -7]), lamina.tensor([3, 3, -3, -3])
    assert (a // b).tolist() == [2, -3, -3, 2]
    assert (a % b).tolist() == [1, 2, -2, -1]
    assert (a.double() % b).tolist() == [1.0, 2.0, -2.0, -1.0]


@given(st.sampled_from(NUMERIC), st.sampled_from(NUMERIC), SEEDS)
def test_true_division_is_of_floats(first: str, second: str, seed: int) -> None:
    a, b = filled((9,), first, seed), filled((9,), second, seed + 1)
    kind = promote(a.dtype, b.dtype, np.dtype("float32"))
    with np.errstate(all="ignore"):
        expected = a.astype(kind) / b.astype(kind)
    assert_same(lamina.tensor(a) / lamina.tensor(b), expected)


@given(st.sampled_from(LOGIC), shapes(), SEEDS)
def test_logic(op: Operator, shape: tuple[int, ...], seed: int) -> None:
    a, b = filled(shape, "bool", seed), filled(shape, "bool", seed + 1)
    assert_same(op(lamina.tensor(a), lamina.tensor(b)), np.asarray(op(a, b)))
    assert_same(~lamina.tensor(a), np.asarray(~a))


@pytest.mark.parametrize("dtype", NUMERIC)
@pytest.mark.parametrize("op", [*ARITHMETIC, *DIVISIONS, operator.pow, *COMPARISONS])
def test_python_numbers_are_weak_on_both_sides(op: Operator, dtype: str) -> None:
    a = np.array([1, 2, 5], dtype)
    for number in (2, True):
        assert_same(op(lamina.tensor(a), number), op(a, a.dtype.type(number)))
        assert_same(op(number, lamina.tensor(a)), op(a.dtype.type(number), a))
    result = op(lamina.tensor(a), 2.0)
    float_kind = a.dtype if dtype in FLOATS else np.dtype("float32")
    assert result.dtype == (np.dtype(bool) if op in COMPARISONS else float_kind)


def test_bools_become_what_they_meet() -> None:
    mask = lamina.tensor([True, False])
    assert (mask + 1).dtype == lamina.int64
    assert (mask * 0.5).dtype == lamina.float32
    assert (mask * lamina.tensor([2.0, 3.0], dtype="float64")).tolist() == [2.0, 0.0]


@pytest.mark.parametrize("dtype", FLOATS)
def test_no_function_changes_the_float_dtype(dtype: str) -> None:
    x = lamina.tensor(np.linspace(0.1, 0.9, 6).reshape(2, 3), dtype=dtype)
    results = {
        name: getattr(lamina, name)(x)
        for name in (
            *(
                "exp",
                "expm1",
                "log",
                "log1p",
                "sqrt",
                "rsqrt",
                "reciprocal",
                "square",
                "sin",
                "cos",
            ),
            *("tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "erf", "sigmoid", "relu"),
            *("abs", "sign", "floor", "ceil", "round", "neg", "mean", "var", "std", "norm", "sum"),
            *("amax", "amin", "max", "min"),
        )
    }
    results |= {
        "clamp": x.clamp(0.2, 0.5),
        "clamp_min": x.clamp(min=0.2),
        "where": lamina.where(x > 0.5, x, 0.0),
        "where_both": lamina.where(x > 0.5, 1, x),
        "pow": x**0.5,
        "rpow": 2**x,
        "logsumexp": x.logsumexp(1),
        "matmul": x @ x.T,
        "masked_fill": x.masked_fill(x > 0.5, 3),
        "maximum": lamina.maximum(x, 0.5),
        "full_like": lamina.full_like(x, 2),
        "sort": x.sort().values,
        "grad": lamina.grad(lambda x: (x * 2 + 1).tanh().std())(x),
    }
    assert {name: str(r.dtype) for name, r in results.items()} == dict.fromkeys(results, dtype)


@given(st.sampled_from(FLOATS), SEEDS)
def test_elementary_functions(dtype: str, seed: int) -> None:
    x = np.asarray(np.random.default_rng(seed).uniform(0.1, 0.9, (2, 3)), dtype)
    for name in ("exp", "log", "sqrt", "sin", "tanh", "expm1", "log1p", "floor", "ceil", "square"):
        assert_same(getattr(lamina.tensor(x), name)(), getattr(np, name)(x))
    for name, known in (("asin", np.arcsin), ("acos", np.arccos), ("atan", np.arctan)):
        assert_same(getattr(lamina, name)(x), known(x))


def test_integers_compute_elementary_functions_as_float32() -> None:
    found = lamina.exp(lamina.tensor([0, 1]))
    assert_same(found, np.exp(np.array([0, 1], "float32")))
    assert lamina.floor(lamina.tensor([3])).dtype == lamina.int64


def test_rounding_is_to_even() -> None:
    assert lamina.tensor([0.5, 1.5, 2.5, -0.5]).round().tolist() == [0, 2, 2, 0]


def test_powers() -> None:
    x = lamina.tensor([1.0, 2.0, 3.0])
    assert (x**2).tolist() == [1, 4, 9]
    assert (2**x).tolist() == [2, 4, 8]
    assert (x**-1).tolist() == pytest.approx([1, 0.5, 1 / 3])
    assert (lamina.tensor([2, 3]) ** lamina.tensor([3, 2])).tolist() == [8, 9]
    assert (lamina.tensor([2]) ** 0.5).dtype == lamina.float32
    for exponent in (-1, lamina.tensor([-1]), np.array([-2])):
        with pytest.raises(ArgumentError, match="pow: integers to the power"):
            lamina.tensor([2]) ** exponent


def test_nothing_escapes_as_a_warning() -> None:
    x = lamina.tensor([0.0, -1.0, 1e38])
    assert (x * 1e38)[2].item() == np.inf
    assert np.isnan((x / 0.0).numpy()[0])
    for f in (lamina.log, lamina.sqrt, lamina.exp, lamina.reciprocal, lamina.rsqrt):
        f(x)
        lamina.vjp(f, x)[1](lamina.ones(3))
    assert lamina.tensor(1e300).item() == np.inf
    assert (x[0] + 1e300).item() == np.inf
    assert (lamina.tensor(np.array([127], "int8")) + 1).item() == -128
    lamina.tensor(1e300, dtype="float64").float()
    lamina.tensor([np.nan]).long()


def test_clamp() -> None:
    x = lamina.tensor([-2.0, 0.5, 3.0])
    assert x.clamp(-1, 1).tolist() == [-1, 0.5, 1]
    assert x.clamp(min=0).tolist() == [0, 0.5, 3]
    assert x.clamp(max=lamina.tensor([-3.0, 1.0, 1.0])).tolist() == [-3, 0.5, 1]
    assert np.isnan(lamina.tensor([np.nan]).clamp(0, 1).item())
    assert np.isnan(lamina.tensor([np.nan]).clamp(min=0).item())
    with pytest.raises(ArgumentError, match="give min, max or both"):
        x.clamp()


def test_where_takes_the_branch_even_beside_nan() -> None:
    x = lamina.tensor([4.0, -1.0])
    assert lamina.where(x > 0, x.sqrt(), 0.0).tolist() == [2, 0]
    slope = lamina.grad(lambda x: lamina.where(x > 0, x, x * 0 + 5).sum())(x)
    assert slope.tolist() == [1, 0]


def test_maximum_of_nan_is_nan() -> None:
    nan = lamina.tensor([np.nan, 1.0])
    assert np.isnan(lamina.maximum(nan, 0.0).numpy()).tolist() == [True, False]
    assert np.isnan(lamina.minimum(0.0, nan).numpy()).tolist() == [True, False]


def test_errors() -> None:
    x = lamina.ones(2, 3)
    with pytest.raises(ShapeError, match=r"add: shapes \(2, 3\), \(4,\) do not broadcast"):
        x + lamina.ones(4)
    with pytest.raises(DTypeError, match="logical_and: expected bool, got float32"):
        x & x
    with pytest.raises(DTypeError, match="negative: expected a number, got bool"):
        operator.neg(x > 0)
    with pytest.raises(ArgumentError, match="add: the number 300 is out of range of uint8"):
        lamina.tensor(np.array([1], "uint8")) + 300


@pytest.mark.parametrize("foreign", ["a", None, 1j, object(), np.array([1j]), np.array(["a"])])
def test_foreign_things_are_errors_of_lamina(foreign: object) -> None:
    with pytest.raises(LaminaError, match="not supported"):
        lamina.ones(1) + foreign


def test_a_tensor_is_hashable_and_compares_by_element() -> None:
    x = lamina.tensor([1.0, 2.0])
    assert {x: 1}[x] == 1
    assert (x == x).tolist() == [True, True]


def test_truth() -> None:
    assert lamina.tensor([[2.0]])
    assert not lamina.tensor(0)
    with pytest.raises(ShapeError, match=r"shape \(2,\) is ambiguous; use .any\(\) or .all\(\)"):
        bool(lamina.ones(2))


def test_single_elements_become_python_numbers() -> None:
    assert float(lamina.tensor([2.5])) == 2.5
    assert int(lamina.tensor(3.9)) == 3
    assert [10, 20, 30][lamina.tensor(1)] == 20
    assert f"{lamina.tensor(0.5):.2f}" == "0.50"
    assert type(lamina.tensor(2).item()) is int
    with pytest.raises(DTypeError, match="expected an integer tensor as index"):
        [1, 2][lamina.tensor(1.0)]
    with pytest.raises(ShapeError, match="item: expected one element"):
        lamina.ones(2).item()
