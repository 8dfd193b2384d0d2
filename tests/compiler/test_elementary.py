"""Elementary functions in machine operations against high precision, special values and NumPy."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import scipy.special

from lamina.compiler.elementary import RULES, Bindings, coefficients, expand
from lamina.compiler.expression_numpy import evaluate_after
from lamina.compiler.ir import Local, Number, Op
from lamina.core.errors import ArgumentError, DTypeError
from lamina.core.types import Array, DType, bool_, float32, float64, int32
from lamina.ops import SCALARS
from lamina.ops.scalar import Arg, Call, Const, Expr, Scalar
from lamina.ops.scalar_calculus import common_dtype, evaluate, product_with_partial
from lamina.ops.scalars import exp, relu, tanh

FLOATS = (float32, float64)
INTEGERS = tuple(np.dtype(d) for d in ("int8", "int16", "int32", "int64", "uint8", "uint32"))
PRIMITIVES = [f for f in SCALARS.values() if f.numpy is not None]
FORMULAS = [f for f in SCALARS.values() if f.body is not None]


@pytest.fixture(autouse=True)
def without_floating_point_warnings() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


def run(function: Scalar, *operands: Array, fused: bool = True) -> Array:
    """Expand a function over operands and evaluate what came out."""
    bindings = Bindings()
    arguments = tuple(Local(f"x{i}", o.dtype) for i, o in enumerate(operands))
    expression = expand(function, arguments, bindings, fused)
    values = {f"x{i}": o for i, o in enumerate(operands)}
    result = evaluate_after(bindings.statements, expression, values)
    assert result.dtype == expression.dtype
    return np.broadcast_to(result, operands[0].shape)


def by_numpy(function: Scalar, *operands: Array) -> Array:
    assert function.numpy is not None
    return np.asarray(function.numpy(*operands))


# Units in the last place ----------------------------------------------------------------------

# Exact values, the ulps allowed in float32 and in float64, and where the cases of the expansion
# (or of the function) meet.
REFERENCES: dict[str, tuple[Callable[..., Any], float, float, tuple[float, ...]]] = {
    "exp": (mp.exp, 1, 1, (0, 88.7228, -87.33, -103.97, 709.78, -708.4, -745.1)),
    "expm1": (mp.expm1, 1.5, 1.5, (0, 0.3466, -0.3466, 88.72, 709.78, -17, -37)),
    "log": (mp.log, 1, 1, (0.7071, 1, 1.4142, 1.1755e-38, 2.2251e-308)),
    "log1p": (mp.log1p, 1.5, 1.5, (-1, -0.2929, 0, 0.4142, 2.0**24, 2.0**53)),
    "logistic": (lambda x: 1 / (1 + mp.exp(-x)), 1.75, 1.75, (0, -2, -87.3, -708.4)),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), 1.75, 1.75, (0, -0.88, -87.3, -708.4)),
    "tanh": (mp.tanh, 2, 2, (0, 0.1733, -0.5199, 9, 19)),
    "sinh": (mp.sinh, 1.75, 1.75, (0, 1, -1, 89.41, 710.47)),
    "cosh": (mp.cosh, 1.5, 1.5, (0, 1, -1, 89.41, 710.47)),
    "erf": (mp.erf, 1.25, 1.25, (0, 1, -1, 4, 6)),
    "sqrt": (mp.sqrt, 0.5, 0.5, (1,)),
    "rsqrt": (lambda x: 1 / mp.sqrt(x), 1.51, 1.51, (1,)),
    "reciprocal": (lambda x: 1 / x, 0.5, 0.5, (1,)),
    "sin": (mp.sin, 0.51, 1, (0, np.pi / 4, np.pi, 1e5, 355, 1e22)),
    "cos": (mp.cos, 0.51, 1, (0, np.pi / 4, np.pi / 2, 1e5, 11, 1e22)),
    "tan": (mp.tan, 0.51, 2.5, (0, np.pi / 4, np.pi / 2, 1e5, 11, 1e22)),
    "asin": (mp.asin, 1.25, 1.25, (0, 0.5, -0.5, 1, -1)),
    "acos": (mp.acos, 1.25, 1.25, (0, 0.5, -0.5, 1, -1)),
    "atan": (mp.atan, 1.5, 1.5, (0, 0.4142, -0.4142, 2.4142, 1e30)),
}
EXACT = {"divide": lambda x, y: x / y, "power": lambda x, y: mp.power(x, y)}


def points(dtype: DType, count: int, near: tuple[float, ...] = ()) -> Array:
    """Every size of number by its bits, the usual ranges densely, and neighbours of ``near``."""
    rng = np.random.default_rng(5)
    integer = np.dtype(f"int{8 * dtype.itemsize}")
    info = np.iinfo(integer)
    parts = [rng.integers(info.min, info.max, count, integer, endpoint=True).view(dtype)]
    for reach in (1.0, 20.0, 120.0, 800.0):
        parts.append(rng.uniform(-reach, reach, count // 4).astype(dtype))
    subnormal = np.arange(1, 40, dtype=integer).view(dtype)
    parts += [subnormal, -subnormal, np.finfo(dtype).smallest_normal - subnormal]
    for center in near:
        bits = np.asarray(center, dtype).view(integer) + np.arange(-50, 50, dtype=integer)
        spread = center + rng.normal(size=count // 20) * 1e-3
        parts += [bits.astype(integer).view(dtype), spread.astype(dtype)]
    return np.concatenate(parts)


def in_ulps(got: Array, exact: Array) -> Array:
    """Return |got - exact| in units of the last place of the exact values, given in longdouble."""
    info = np.finfo(got.dtype)
    _, exponent = np.frexp(exact)
    lowest = info.minexp - info.nmant
    unit = np.ldexp(np.longdouble(1), np.maximum(exponent - 1 - info.nmant, lowest))
    errors = np.abs(got.astype(np.longdouble) - exact) / unit
    same = np.isnan(exact) & np.isnan(got) | (exact.astype(got.dtype) == got)
    comparable = np.isfinite(got) & np.isfinite(exact.astype(got.dtype))
    return np.asarray(np.where(comparable, errors, np.where(same, 0, np.inf)), float64)


def worst(
    function: Scalar, dtype: DType, *operands: Array, exact: Array, fused: bool = True
) -> tuple[float, str]:
    """Return the greatest error in ulps and where it is."""
    got = run(function, *operands, fused=fused)
    errors = in_ulps(got, exact)
    at = int(np.argmax(errors))
    place = ", ".join(repr(o[at]) for o in operands)
    text = f"{errors[at]:.3f} ulp at {function.name}({place}) = {exact[at]!r}, got {got[at]!r}"
    return float(errors[at]), f"{dtype}: {text}"


def exactly(function: Callable[..., Any], *operands: Array) -> Array:
    """Evaluate with mpmath, to the precision of longdouble."""

    def one(*values: np.floating[Any]) -> np.longdouble:
        try:
            value = function(*(mp.mpf(float(v)) for v in values))
        except (ValueError, ZeroDivisionError):
            return np.longdouble("nan")
        if isinstance(value, mp.mpc):
            return np.longdouble("nan")
        high = float(value)
        return np.longdouble(high) + (
            np.longdouble(float(value - high)) if mp.isfinite(high) else 0
        )

    with mp.workprec(1200):
        return np.array([one(*v) for v in zip(*operands, strict=True)], np.longdouble)


@pytest.mark.parametrize("name", REFERENCES)
def test_float32_within_ulps_of_float64(name: str) -> None:
    """NumPy's float64 stands in for the exact value: it errs by less than 2⁻²⁷ ulp of float32."""
    _, limit, _, near = REFERENCES[name]
    x = points(float32, 130_000, near)
    assert x.size > 200_000
    wide = x.astype(float64)
    exact = scipy.special.erf(wide) if name == "erf" else by_numpy(SCALARS[name], wide)
    error, text = worst(SCALARS[name], float32, x, exact=exact.astype(np.longdouble))
    assert error <= limit, text


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("fused", [True, False], ids=["fma", "no-fma"])
def test_within_ulps_of_high_precision(name: str, dtype: DType, fused: bool) -> None:
    function, *limits, near = REFERENCES[name]
    x = points(dtype, 300, near)
    x = x[np.isfinite(x)]
    x = np.where((x == 0) & (name in {"reciprocal", "rsqrt", "log"}), 1, x).astype(dtype)
    x = x[np.abs(x) < 1e4] if name in {"exp", "expm1", "sinh", "cosh"} else x
    x = x[np.abs(x) < 1e3] if name in {"tanh", "logistic", "softplus", "erf"} else x
    error, text = worst(SCALARS[name], dtype, x, exact=exactly(function, x), fused=fused)
    assert error <= limits[FLOATS.index(dtype)], text


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("fused", [True, False], ids=["fma", "no-fma"])
def test_power_within_an_ulp(dtype: DType, fused: bool) -> None:
    rng = np.random.default_rng(2)
    n = 600
    x = np.concatenate([10 ** rng.uniform(-37, 37, n), rng.uniform(0, 3, n),
                        1 + rng.normal(size=n) * 1e-3]).astype(dtype)  # fmt: skip
    y = np.concatenate([rng.uniform(-3, 3, n), rng.uniform(-80, 80, n),
                        rng.uniform(-1e4, 1e4, n)]).astype(dtype)  # fmt: skip
    exact = exactly(mp.power, x, y)
    assert np.mean(np.isfinite(exact.astype(dtype)) & (exact != 0)) > 0.6
    error, text = worst(SCALARS["power"], dtype, x, y, exact=exact, fused=fused)
    assert error <= (0.51 if dtype == float32 else 1), text


@pytest.mark.parametrize("x", [6381956970095103 * 2.0**797, 1e22, 1.99 * 2.0**1023, 1e300])
def test_sine_of_the_hardest_arguments(x: float) -> None:
    """The first is the float64 nearest to a multiple of π/2 (Muller, *Elementary Functions*)."""
    for name in ("sin", "cos", "tan"):
        operand = np.array([x])
        exact = exactly(REFERENCES[name][0], operand)
        error, text = worst(SCALARS[name], float64, operand, exact=exact)
        assert error <= 2, text


CAUGHT = {"EXP": "exp", "LOG": "log", "SINH": "sinh", "SIN": "sin", "COS": "cos",
          "ATAN": "atan", "ASIN": "asin", "ERF": "erf", "LOG_ERFC_32": "erf",
          "LOG_ERFC_64": "erf", "LOG_RATIO": "power"}  # fmt: skip


@pytest.mark.parametrize("table", CAUGHT)
def test_a_wrong_coefficient_is_caught(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = getattr(coefficients, table)
    bits = max(tables)
    dtype = np.dtype(f"float{bits}")
    first, *others = tables[bits]
    wrong = (first * (1 + 2.0 ** -(8 + 0.25 * bits)), *others)
    monkeypatch.setitem(tables, bits, wrong)
    with pytest.raises(AssertionError, match=r"ulp at"):
        if table == "LOG_RATIO":
            test_power_within_an_ulp(dtype, fused=True)
        else:
            test_within_ulps_of_high_precision(CAUGHT[table], dtype, fused=True)


def test_coefficients_are_those_that_the_script_computes() -> None:
    script = runpy.run_path(str(Path(__file__).parents[2] / "tools/fit_polynomials.py"))
    computed: dict[str, Any] = {}
    exec(script["text"](), computed)
    tables = {n: v for n, v in vars(coefficients).items() if n.isupper()}
    assert tables == {n: v for n, v in computed.items() if n.isupper()}


# Special values, integers and bools -------------------------------------------------------------

SPECIAL = (0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 0.5, -0.5, 2.5, 1e-45, -1e-45, 1e-40, 3e38,
           -3e38, 2.0**53, -(2.0**24 + 2), np.inf, -np.inf, np.nan)  # fmt: skip
# max(0, -0) has no defined sign, and NumPy's depends on the processor.
UNSIGNED_ZERO = {"relu", "maximum", "minimum", "clamp"}


@pytest.mark.parametrize("function", PRIMITIVES, ids=lambda f: f.name)
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("fused", [True, False], ids=["fma", "no-fma"])
def test_special_values_as_in_numpy(function: Scalar, dtype: DType, fused: bool) -> None:
    numbers = np.array(SPECIAL, dtype)
    if dtype == float64:
        numbers = np.append(numbers, [5e-324, -5e-324, 1e300, -1e308, 1e-300])
    kinds = [np.array([False, True]) if k == "b" else numbers for k in function.kinds]
    operands = [o.ravel().copy() for o in np.meshgrid(*kinds)]
    got, expected = run(function, *operands, fused=fused), by_numpy(function, *operands)
    assert got.dtype == expected.dtype
    if got.dtype.kind == "f":
        finite = np.isfinite(expected)
        np.testing.assert_array_equal(got[~finite], expected[~finite])
        assert np.isfinite(got[finite]).all()
        tiny = np.finfo(dtype).smallest_subnormal
        np.testing.assert_allclose(got, expected, rtol=4 * np.finfo(dtype).eps, atol=2 * tiny)
    else:
        np.testing.assert_array_equal(got, expected)
    if got.dtype.kind == "f" and function.name not in UNSIGNED_ZERO:
        zero = expected == 0
        np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(expected[zero]))


@pytest.mark.parametrize("name", ["maximum", "minimum", "relu", "clamp"])
def test_nan_is_kept_by_choices(name: str) -> None:
    function = SCALARS[name]
    for place in range(function.arity):
        operands = [np.ones(3, float32) for _ in range(function.arity)]
        operands[place] = np.full(3, np.nan, float32)
        assert np.isnan(run(function, *operands)).all()


@pytest.mark.parametrize("name", ["floor_divide", "remainder"])
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_division_with_floor_is_numpys_to_the_bit(name: str, dtype: DType) -> None:
    x = points(dtype, 20_000)
    for y in (np.random.default_rng(0).permutation(x), np.full_like(x, 0.7), np.full_like(x, -3)):
        np.testing.assert_array_equal(run(SCALARS[name], x, y), by_numpy(SCALARS[name], x, y))


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("function", PRIMITIVES, ids=lambda f: f.name)
def test_integers_as_in_numpy(function: Scalar, dtype: DType) -> None:
    operands = _integers(function, dtype)
    if "f" in function.kinds:
        with pytest.raises(DTypeError, match=f"{function.name}: expected a float, got {dtype}"):
            run(function, *operands)
        return
    if function.name == "power":
        operands[1] = operands[1] % dtype.type(9)
    np.testing.assert_array_equal(run(function, *operands), by_numpy(function, *operands))


def _integers(function: Scalar, dtype: DType) -> list[Array]:
    rng = np.random.default_rng(1)
    info = np.iinfo(dtype)
    edges = [info.min, info.min + 1, 0, 1, 2, 3, info.max - 1, info.max, *([-1] * (info.min < 0))]
    values = np.array(edges, dtype)
    some = np.concatenate([values, rng.integers(info.min, info.max, 20, dtype, endpoint=True)])
    kinds = [np.array([False, True]) if k == "b" else some for k in function.kinds]
    return [o.ravel().copy() for o in np.meshgrid(*kinds)]


def test_negative_powers_of_integers_are_rounded_towards_zero() -> None:
    x = np.array([1, -1, -1, 0, 2, -3], int32)
    y = np.array([-3, -3, -2, -1, -1, -2], int32)
    np.testing.assert_array_equal(run(SCALARS["power"], x, y), [1, -1, 1, 0, 0, 0])


@pytest.mark.parametrize(
    "function", [f for f in PRIMITIVES if set(f.kinds) <= set("ab")], ids=lambda f: f.name
)
def test_bools_as_in_numpy(function: Scalar) -> None:
    both = [np.array([False, True])] * function.arity
    operands = [o.ravel().copy() for o in np.meshgrid(*both)]
    got = run(function, *operands)
    assert got.dtype == bool_
    np.testing.assert_array_equal(got, by_numpy(function, *operands))


# Formulas ---------------------------------------------------------------------------------------


def composed(expr: Expr, operands: list[Array], known: dict[Expr, Array]) -> Array:
    """Evaluate a formula by expanding one function at a time."""
    if expr not in known:
        if isinstance(expr, Arg):
            known[expr] = operands[expr.index]
        elif isinstance(expr, Const):
            known[expr] = np.full_like(operands[0], expr.value, common_dtype(operands))
        else:
            assert isinstance(expr, Call)
            arguments = [composed(a, operands, known) for a in expr.arguments]
            known[expr] = run(expr.function, *arguments)
    return known[expr]


def _every_derivative() -> list[Scalar]:
    found = {product_with_partial(f, i)[0] for f in SCALARS.values() for i in range(f.arity)}
    twice = {product_with_partial(f, i)[0] for f in found for i in range(f.arity)}
    return sorted((f for f in found | twice if f.body is not None), key=lambda f: repr(f.body))


@pytest.mark.parametrize("function", FORMULAS, ids=lambda f: f.name)
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_formulas_are_the_composition_of_their_parts(function: Scalar, dtype: DType) -> None:
    assert function.body is not None
    operands = _operands(function, dtype, 400)
    got = run(function, *operands)
    np.testing.assert_array_equal(got, composed(function.body, operands, {}))
    wide = [o.astype(float64) for o in operands]
    expected = evaluate(function, wide)
    tolerance = 30 * np.finfo(dtype).eps
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


def _operands(function: Scalar, dtype: DType, count: int) -> list[Array]:
    rng = np.random.default_rng(4)
    domains = function.domain or ((0.1, 0.9),) * function.arity
    return [
        rng.random(count) < 0.5 if kind == "b" else rng.uniform(low, high, count).astype(dtype)
        for kind, (low, high) in zip(function.kinds, domains, strict=True)
    ]


def test_every_derivative_is_the_composition_of_its_parts() -> None:
    functions = _every_derivative()
    assert len(functions) > 100
    for function in functions:
        operands = _operands(function, float32, 20)
        assert function.body is not None
        got = run(function, *operands)
        np.testing.assert_array_equal(got, composed(function.body, operands, {}))


def test_shared_parts_are_written_once() -> None:
    """Each level uses the one below three times; as a tree that would be 3¹² leaves."""
    body: Expr = Arg(0)
    for _ in range(12):
        body = Call(SCALARS["clamp"], (body, Call(SCALARS["add"], (body, body)), body))
    bindings = Bindings()
    expand(Scalar("deep", "f", body=body), (Local("x", float32),), bindings)
    assert len(bindings.statements) < 200


def test_what_is_used_once_has_no_name_and_arguments_are_evaluated_once() -> None:
    bindings = Bindings()
    x = Local("x", float32)
    assert expand(SCALARS["add"], (x, x), bindings) == Op("add", (x, x), float32)
    assert bindings.statements == []
    load = Op("divide", (x, Number(3.0, float32)), float32)
    expand(relu, (load,), bindings)
    assert [s.value for s in bindings.statements] == [load]


def test_names_go_on_where_the_last_expansion_ended() -> None:
    bindings = Bindings("e")
    x = Local("x", float32)
    y = expand(exp, (x,), bindings)
    z = expand(tanh, (y,), bindings)
    names = [s.local.name for s in bindings.statements]
    assert names == [f"e{i}" for i in range(len(names))]
    values = {"x": np.linspace(-3, 0, 50, dtype=float32)}
    np.testing.assert_allclose(
        evaluate_after(bindings.statements, z, values), np.tanh(np.exp(values["x"])), rtol=1e-6
    )


def test_every_function_has_a_rule_and_others_are_refused() -> None:
    assert {f.name for f in PRIMITIVES} == set(RULES)
    unknown = Scalar("gamma", "f", numpy=scipy.special.gamma)
    with pytest.raises(ArgumentError, match=r"gamma cannot be compiled: .* add one"):
        expand(unknown, (Local("x", float32),), Bindings())
    with pytest.raises(ArgumentError, match="exp takes 1 arguments, got 2"):
        expand(exp, (Local("x", float32), Local("y", float32)), Bindings())


def test_constant_exponents_multiply() -> None:
    x = Local("x", float32)
    assert expand(SCALARS["power"], (x, Number(1.0, float32)), Bindings()) == x
    two = expand(SCALARS["power"], (x, Number(2.0, float32)), Bindings())
    assert two == Op("multiply", (x, x), float32)
