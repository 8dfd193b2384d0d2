"""Pictures of convolution show the numbers."""

import sys
from pathlib import Path

import numpy as np
import pytest

from lamina.core.errors import ArgumentError, MissingExtraError, ShapeError
from lamina.insight import (
    FeatureMaps,
    convolution_matrix,
    draw_feature_maps,
    draw_filters,
    draw_matrix,
    draw_sliding,
    filter_bank,
    slide,
)

pytest.importorskip("matplotlib", reason="matplotlib is not installed")


def texts(axes: object) -> list[str]:
    return [text.get_text() for text in axes.texts]  # type: ignore[attr-defined]


def test_the_strip_of_a_signal(tmp_path: Path) -> None:
    path = tmp_path / "new" / "strip.png"
    figure = draw_sliding(slide([1, 2, 4], [1, -1], padding="wide"), 3, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    first, second, third = figure.axes[:4], figure.axes[4:8], figure.axes[8:]
    assert texts(first[0]) == ["1", "-1"] and texts(second[0]) == ["-1", "1"]
    assert texts(first[1]) == ["0", "1", "2", "4", "0"]
    assert [len(axes.patches) for axes in first] == [0, 2, 2, 2]
    assert texts(second[1]) == ["0", "1"] and texts(second[2]) == ["-1", "2"]
    assert texts(third[3]) == ["1", "1", "2"]
    assert first[2].get_title("left") == "x, window of y[1]"
    assert "matplotlib.pyplot" not in sys.modules


def test_the_strip_of_an_image() -> None:
    figure = draw_sliding(slide(np.eye(4), np.ones((2, 2)), stride=2, flip=False), 9)
    assert len(figure.axes) == 3 * (4 + 1)
    corners = [patch.get_xy() for patch in figure.axes[4].patches]
    np.testing.assert_allclose(corners, [(1.55, 1.55), (2.55, 1.55), (1.55, 2.55), (2.55, 2.55)])
    assert texts(figure.axes[14]) == ["2", "0", "0", "2"]


def test_the_matrix_and_its_transpose() -> None:
    matrix = convolution_matrix(4, [1, 2])
    left, right = draw_matrix(matrix).axes[:2]
    np.testing.assert_array_equal(left.images[0].get_array(), matrix.C)
    np.testing.assert_array_equal(right.images[0].get_array(), matrix.C.T)
    assert (left.get_xlabel(), right.get_ylabel()) == (
        "element of x, row by row",
        "element of x', row by row",
    )
    assert texts(left) == ["2", "1"] * 3
    assert texts(draw_matrix(convolution_matrix((5, 6), np.ones((2, 2)))).axes[0]) == []


def test_filters_on_an_image() -> None:
    bank = filter_bank()[:3]
    figure = draw_filters(np.random.default_rng(0).random((20, 22)), bank, columns=2)
    drawn = [axes for axes in figure.axes if axes.images]
    assert len(drawn) == 9
    assert drawn[0].get_title() == "mean 5×5\nkernel 5×5"
    assert drawn[-1].images[0].get_array().shape == (20, 22)
    with pytest.raises(ShapeError, match=r"expected an image \(H, W\)"):
        draw_filters(np.ones((3, 4, 4)))


def test_feature_maps() -> None:
    maps = np.random.default_rng(0).random((2, 5, 4, 4))
    figure = draw_feature_maps(FeatureMaps("conv1", "Conv2d", maps), np.ones((3, 8, 8)), sample=1)
    assert [axes.get_title() for axes in figure.axes[:2]] == ["input", "map 0"]
    np.testing.assert_array_equal(figure.axes[3].images[0].get_array(), maps[1, 2])
    assert len(draw_feature_maps(FeatureMaps("conv1", "Conv2d", maps)).axes) == 5
    with pytest.raises(ShapeError, match=r"maps \(N, C, H, W\)"):
        draw_feature_maps(FeatureMaps("conv1", "Conv1d", maps[0]))


def test_what_cannot_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError, match="steps must be 1 or more"):
        draw_sliding(slide([1, 2], [1]), 0)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lamina\[plot\]'"):
        draw_matrix(convolution_matrix(4, [1, 2]))
