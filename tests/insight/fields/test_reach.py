"""What single operations reach, against evaluating them on unit vectors."""

from dataclasses import replace

import numpy as np
import pytest

from lamina.core.node import Node, constant, placeholder
from lamina.core.node import apply as apply_node
from lamina.core.types import Type, float64
from lamina.insight.fields.reach import reaches
from lamina.ops.affine import AffineIndex
from lamina.ops.contraction import Contraction, Guard
from lamina.ops.gather import Gather
from lamina.ops.loops import Loop, contraction
from lamina.ops.structure import ArgSort, Reshape

y, k = Loop("y", 4), Loop("k", 3)
CASES = {
    "window": contraction((y,), ((6,), (y + k,))),
    "stride and padding": contraction((y,), ((6,), (2 * y + k - 2,))),
    "backwards": contraction((y,), ((6,), (5 - y - k,))),
    "exact division": contraction((y,), ((3,), ((y - k) / 2,))),
    "guarded": replace(
        contraction((y,), ((6,), (y + k,))), guards=(Guard(AffineIndex(0, (1, -1)), 2),)
    ),
    "one element for all": contraction((y,), ((3,), (1,))),
    "two loops": contraction((y, k), ((8,), (2 * y + k - 1,))),
}


def on_units(spec: Contraction) -> np.ndarray:
    """Return the outputs' shape + (elements): what each unit vector gives."""
    (size,) = spec.reads[0].shape
    return np.stack([spec.evaluate(unit) for unit in np.eye(size)], -1) != 0


@pytest.mark.parametrize("name", CASES)
def test_contractions(name: str) -> None:
    spec = CASES[name]
    x = placeholder(Type(spec.reads[0].shape, float64))
    z = apply_node(spec, x)
    reach = reaches(x, [z], [0])[id(z)][0]  # type: ignore[index]
    expected = on_units(spec)
    assert reach.axes == (() if name == "one element for all" else tuple(range(expected.ndim - 1)))
    np.testing.assert_array_equal(np.broadcast_to(reach.seen, expected.shape), expected)


def test_zeros_of_a_constant_operand_count_and_those_of_a_traced_one_do_not() -> None:
    spec = contraction((y,), ((6,), (y + k,)), ((3,), (k,)))
    x = placeholder(Type((6,), float64))
    for weight, first in (
        (constant(np.array([0.0, 1.0, 0.0])), [0, 1, 0, 0, 0, 0]),
        (placeholder(Type((3,), float64)), [1, 1, 1, 0, 0, 0]),
    ):
        z = apply_node(spec, x, weight)
        assert reaches(x, [z], [0])[id(z)][0].seen[0].tolist() == first  # type: ignore[index]


def reach_of(x: Node, z: Node) -> tuple[tuple[int, ...], np.ndarray] | None:
    found = reaches(x, [z], [0])[id(z)]
    return None if found is None else (found[0].axes, found[0].seen)


def test_reshaping_may_split_and_join_axes() -> None:
    x = placeholder(Type((6, 2), float64))
    split = reach_of(x, apply_node(Reshape((3, 2, 2)), x))
    assert split is not None and split[0] == (0, 1)
    np.testing.assert_array_equal(split[1], np.eye(6, dtype=bool).reshape(3, 2, 6))
    joined = reach_of(x, apply_node(Reshape((12,)), x))
    assert joined is not None and joined[0] == (0,)
    np.testing.assert_array_equal(joined[1], np.repeat(np.eye(6, dtype=bool), 2, 0))


def test_gathering_at_known_positions() -> None:
    x = placeholder(Type((4, 3), float64))
    z = apply_node(Gather(0), x, constant(np.array([[3, 0], [1, 1]])))
    found = reach_of(x, z)
    assert found is not None and found[0] == (0, 1)
    np.testing.assert_array_equal(found[1].argmax(-1), [[3, 0], [1, 1]])
    behind = reaches(x, [z], [1])[id(z)][1]  # type: ignore[index]
    assert behind.axes == (2,) and (behind.seen == np.eye(3, dtype=bool)).all()


def test_positions_that_depend_on_values_are_unknown() -> None:
    x = placeholder(Type((4,), float64))
    assert reach_of(x, apply_node(Gather(0), x, apply_node(ArgSort(0), x))) is None
