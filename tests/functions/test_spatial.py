"""Windows on an axis."""

import pytest
from tests.functions.spatial_checks import starts

import lamina
from lamina.core.errors import ArgumentError, ShapeError
from lamina.functions.spatial import Window, check_image, sizes


@pytest.mark.parametrize(
    ("window", "count"),
    [
        (Window(32, 5), 28),
        (Window(28, 5, before=2, after=2), 28),
        (Window(224, 11, stride=4, before=2, after=2), 55),
        (Window(7, 3, dilation=2), 3),
        (Window(5, 3, before=2, after=2), 7),
        (Window(5, 2, stride=2), 2),
        (Window(5, 2, stride=2, ceil=True), 3),
        (Window(1, 2, stride=2, ceil=True), 1),
        (Window(2, 2, stride=3, before=1, after=1, ceil=True), 1),
        (Window(3, 4), 0),
    ],
)
def test_number_of_windows(window: Window, count: int) -> None:
    assert window.count == count


def test_number_of_windows_by_walking_along_the_axis() -> None:
    for extent in range(1, 9):
        for kernel in range(1, extent + 1):
            for stride in (1, 2, 3):
                for padding in range(kernel // 2 + 1):
                    for ceil in (False, True):
                        window = Window(extent, kernel, stride, padding, padding, 1, ceil)
                        walked = starts(extent, kernel, stride, padding, 1, ceil)
                        assert window.count == len(walked)
                        assert window.positions()[:, 0].tolist() == walked


def test_sizes() -> None:
    assert sizes("op", "stride", 2, 3) == (2, 2, 2)
    assert sizes("op", "stride", [2], 2) == (2, 2)
    assert sizes("op", "stride", (1, 2), 2) == (1, 2)
    for wrong in ((1, 2, 3), (), "2", 1.0, None, (1, -1)):
        with pytest.raises(ArgumentError, match="op: stride must be an integer or 2 integers"):
            sizes("op", "stride", wrong, 2)  # type: ignore[arg-type]


def test_check_image() -> None:
    for shape in ((3, 8), (2, 3, 8)):
        check_image("op", lamina.zeros(shape), 1)
    with pytest.raises(ShapeError, match=r"op: input must have shape \(N, C, L\) or \(C, L\)"):
        check_image("op", lamina.zeros((8,)), 1)
