"""Pictures: they are drawn, show what they should, and need no display."""

import sys
from pathlib import Path

import numpy as np
import pytest

from lamina.core.errors import ArgumentError, MissingExtraError, ShapeError
from lamina.train import History
from lamina.train.plots import learning_curves, misclassified, surest_mistakes

HISTORY = History(
    epochs=[
        {"epoch": 1, "loss": 1.0, "accuracy": 0.5, "validation_loss": 1.1, "lr": 0.1},
        {"epoch": 2, "loss": 0.5, "accuracy": 0.7, "validation_loss": 0.9, "lr": 0.1},
    ]
)


def test_learning_curves(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    path = learning_curves(HISTORY, tmp_path / "new" / "curves.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert "matplotlib.pyplot" not in sys.modules


def test_learning_curves_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="no epoch yet"):
        learning_curves(History(), tmp_path / "curves.png")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("wrong", [0, 1, 30])
def test_misclassified(tmp_path: Path, channels: int, wrong: int) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    rng = np.random.default_rng(0)
    targets = np.zeros(40, np.int64)
    outputs = np.tile([1.0, 0.0], (40, 1))
    outputs[:wrong] = [0.0, 1.0]
    images = rng.random((40, channels, 8, 8)).astype(np.float32)
    path = misclassified(images, targets, outputs, tmp_path / "wrong.png", ("cat", "dog"))
    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_surest_mistakes_come_first() -> None:
    outputs = np.array([[1.0, 0.0], [0.0, 5.0], [0.0, 1.0], [0.0, 9.0]])
    assert surest_mistakes(np.array([0, 0, 0, 1]), outputs).tolist() == [1, 2]


def test_what_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="expected images"):
        misclassified(np.zeros((2, 3)), np.zeros(2, int), np.zeros((2, 2)), tmp_path / "x.png")


def test_matplotlib_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lamina\[plot\]'"):
        learning_curves(HISTORY, tmp_path / "curves.png")
