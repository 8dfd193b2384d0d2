"""Pictures of receptive fields: what they show, and what they refuse."""

import sys
from pathlib import Path

import numpy as np
import pytest

from lamina import nn
from lamina.core.errors import ArgumentError, MissingExtraError, ShapeError
from lamina.insight import draw_growth, draw_receptive_field, effective_field, receptive_field

MODEL = nn.Sequential(nn.Conv2d(1, 1, 3, 2, 1), nn.Conv2d(1, 1, 3))


def test_a_unit_on_an_image(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    fields, image = receptive_field(MODEL, (1, 12, 12)), np.ones((1, 12, 12), np.float32)
    strength = effective_field(MODEL, image[None], "1", (1, 2))
    path = tmp_path / "new" / "field.png"
    figure = draw_receptive_field(fields, "1", (1, 2), image, strength, path)
    assert path.read_bytes().startswith(b"\x89PNG")
    for axes in figure.axes:
        (box,) = axes.patches
        assert box.get_xy() == (2.5, 0.5) and (box.get_width(), box.get_height()) == (7, 7)
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("column", "row")
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), strength)
    assert "matplotlib.pyplot" not in sys.modules


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_growth(channels: int) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    model = nn.Sequential(nn.Conv2d(channels, 1, 3), nn.Conv2d(1, 1, 3))
    image = np.random.default_rng(0).normal(size=(channels, 8, 8))
    axes = draw_growth(receptive_field(model, (channels, 8, 8)), image).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["0: 3×3", "1: 5×5"]


def test_signals() -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    fields = receptive_field(nn.Conv1d(1, 1, 3), (1, 9))
    figure = draw_receptive_field(fields, "", 2, np.ones((1, 9)))
    assert figure.axes[0].get_xlabel() == "position"
    assert draw_growth(fields, np.ones((1, 9))).axes[0].patches


def test_images_that_do_not_fit() -> None:
    fields = receptive_field(MODEL, (1, 12, 12))
    with pytest.raises(ShapeError, match=r"input shape \(1, 12, 12\), got \(12, 12\)"):
        draw_receptive_field(fields, "1", (0, 0), np.ones((12, 12)))
    volume = receptive_field(nn.Conv3d(1, 1, 2), (1, 3, 3, 3))
    with pytest.raises(ArgumentError, match="cut a plane out"):
        draw_growth(volume, np.ones((1, 3, 3, 3)))


def test_matplotlib_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lamina\[plot\]'"):
        draw_growth(receptive_field(MODEL, (1, 12, 12)), np.ones((1, 12, 12)))
