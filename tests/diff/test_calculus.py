"""Matrix calculus: layouts, and rules on random data."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina.core.errors import ArgumentError, ShapeError
from lamina.diff import calculus
from lamina.diff.calculus import RULES, Rule, derivative


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rules_hold(rule: Rule) -> None:
    for seed in range(12):
        assert rule.check(np.random.default_rng(seed)) < 1e-12


def test_a_wrong_rule_is_found() -> None:
    right = next(rule for rule in RULES if rule.name == "linear")
    wrong = Rule("wrong", "", "", lambda rng: (lambda a, b: (a, 2 * b))(*right.sides(rng)))
    assert wrong.check(np.random.default_rng(1)) > 0.1
    turned = Rule("turned", "", "", lambda rng: (np.ones((2, 3)), np.ones((3, 2))))
    with pytest.raises(ShapeError, match=r"turned: sides of shapes \(2, 3\) and \(3, 2\)"):
        turned.check()


def test_statements_are_distinct_and_written_twice() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(
        rule.latex.count("{") == rule.latex.count("}") > 0 for rule in RULES if rule.latex != "I"
    )


M, N = 3, 2
A = np.arange(6.0).reshape(N, M)
SHAPES = {
    "scalar by vector": (lambda x: x.sum(), (M,), (M, 1)),
    "vector by scalar": (lambda x: x * lamina.ones(N).double(), (), (1, N)),
    "vector by vector": (lambda x: lamina.tensor(A) @ x, (M,), (M, N)),
    "scalar by scalar": (lambda x: x * x, (), (1, 1)),
    "scalar by matrix": (lambda x: (x * x).sum(), (M, N), (M, N)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_in_both_layouts(name: str) -> None:
    f, shape, expected = SHAPES[name]
    x = lamina.tensor(np.ones(shape))
    found = derivative(f, x)
    assert found.shape == expected
    np.testing.assert_array_equal(derivative(f, x, "numerator"), found.T)


def test_layouts_by_hand() -> None:
    f = lambda x: lamina.tensor(A) @ x  # noqa: E731
    x = lamina.tensor(np.ones(M))
    np.testing.assert_array_equal(derivative(f, x), A.T)
    np.testing.assert_array_equal(derivative(f, x, "numerator"), A)


def test_what_is_no_matrix() -> None:
    with pytest.raises(ShapeError, match=r"shape \(2, 2\) by x of shape \(2, 2\) is no matrix"):
        derivative(lambda x: x, lamina.ones(2, 2))
    with pytest.raises(ArgumentError, match="'denominator' or 'numerator', not 'both'"):
        derivative(lambda x: x, lamina.ones(2), "both")  # type: ignore[arg-type]
    assert calculus.RULES is RULES
