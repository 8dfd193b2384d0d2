"""Padding against NumPy's."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.functions.spatial_checks import check_derivatives, draw

import lamina
from lamina import tensor
from lamina.core.errors import ArgumentError, ShapeError
from lamina.functions.padding import pad

NUMPY = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def flat(ends: list[tuple[int, int]]) -> list[int]:
    """Ends in the order of the axes to the order of the argument."""
    return [n for pair in reversed(ends) for n in pair]


@given(data=st.data(), mode=st.sampled_from(["constant", *NUMPY]), rank=st.integers(1, 3))
def test_matches_numpy(data: st.DataObject, mode: str, rank: int) -> None:
    x = draw((2, 3, 4, 5)[4 - rank :])
    number = st.integers(0, 2)
    ends = [data.draw(st.tuples(number, number)) for _ in range(rank)]
    if mode == "constant":
        got = pad(tensor(x), flat(ends), value=1.5)
        wanted = np.pad(x, ends, constant_values=1.5)
    else:
        got, wanted = pad(tensor(x), flat(ends), mode), np.pad(x, ends, NUMPY[mode])
    np.testing.assert_array_equal(got.numpy(), wanted)


def test_hand_worked() -> None:
    row = tensor([1.0, 2.0, 3.0])
    assert pad(row, (2, 1)).tolist() == [0.0, 0.0, 1.0, 2.0, 3.0, 0.0]
    assert pad(row, (2, 1), "reflect").tolist() == [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]
    assert pad(row, (2, 1), "replicate").tolist() == [1.0, 1.0, 1.0, 2.0, 3.0, 3.0]
    assert pad(row, (2, 1), "circular").tolist() == [2.0, 3.0, 1.0, 2.0, 3.0, 1.0]


def test_negative_numbers_crop() -> None:
    row = tensor([1.0, 2.0, 3.0, 4.0])
    assert pad(row, (-1, -2)).tolist() == [2.0]
    assert pad(row, (-1, 1), value=7).tolist() == [2.0, 3.0, 4.0, 7.0]
    assert pad(row, (-2, 2), "reflect").tolist() == [3.0, 4.0, 3.0, 2.0]
    assert pad(row, (-1, 2), "circular").tolist() == [2.0, 3.0, 4.0, 2.0, 3.0]
    assert pad(row, (-4, 1), value=np.inf).tolist() == [np.inf]


def test_integers_stay_integers() -> None:
    got = pad(tensor([1, 2]), (1, 1), value=5)
    assert got.dtype == np.int64
    assert got.tolist() == [5, 1, 2, 5]


@pytest.mark.parametrize("mode", ["constant", *NUMPY])
def test_derivatives(mode: str) -> None:
    check_derivatives(lambda t: pad(t, (2, 1, -1, 2, 0, 1), mode), draw((2, 2, 3, 4, 4)))
    check_derivatives(lambda t: pad(t, (1, 0), value=3.0), draw((2, 4)))


def test_empty_batches() -> None:
    for mode in ("constant", *NUMPY):
        assert pad(lamina.zeros((0, 2, 4, 4)), (1, 2, 3, 1), mode).shape == (0, 2, 8, 7)


@pytest.mark.parametrize(
    ("ends", "options", "error", "message"),
    [
        ((1,), {}, ArgumentError, r"pairs \(before, after\).*got \(1,\)"),
        ((1,) * 6, {}, ArgumentError, r"at most one for each of the 2 axes of input \(2, 4\)"),
        ((-3, -2), {}, ShapeError, r"axis 1 of input \(2, 4\) cannot be cut by \(3, 2\)"),
        ((-5, 3), {}, ShapeError, "cannot be cut"),
        ((1, 1), {"mode": "mirror"}, ArgumentError, "mode must be one of 'constant', .*'mirror'"),
        ((1, 1), {"mode": "reflect", "value": 2.0}, ArgumentError, "value=2.0 has no meaning"),
        (
            (4, 0),
            {"mode": "reflect"},
            ShapeError,
            r"at most 3 .*axis 1 of input \(2, 4\).*\(4, 0\)",
        ),
        ((0, 5), {"mode": "circular"}, ShapeError, "at most 4 elements"),
    ],
)
def test_errors_say_what_is_wrong(
    ends: tuple[int, ...], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"pad: .*{message}"):
        pad(lamina.zeros((2, 4)), ends, **options)


def test_nothing_can_be_replicated_from_nothing() -> None:
    with pytest.raises(ShapeError, match="at most 0 elements"):
        pad(lamina.zeros((2, 0)), (1, 1), "replicate")
