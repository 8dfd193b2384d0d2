"""Known facts of the embedded sets; equality with scikit-learn's copies where it is installed."""

import numpy as np
import pytest

from lamina.core.errors import ArgumentError, ShapeError
from lamina.data import digits, fit_images, iris
from lamina.data.images import bilinear_matrix


def test_digits_facts():
    data = digits()
    assert data.inputs.shape == (1797, 1, 8, 8)
    assert data.inputs.dtype == np.float32
    assert data.targets.dtype == np.int64
    assert (data.inputs.min(), data.inputs.max()) == (0, 1)
    assert np.bincount(data.targets).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (data.inputs[0, 0, 0] * 16).tolist() == [0, 0, 5, 13, 9, 1, 0, 0]


def test_iris_facts():
    data = iris()
    assert data.inputs.shape == (150, 4)
    assert data.inputs[0].tolist() == pytest.approx([5.1, 3.5, 1.4, 0.2])
    assert data.inputs.mean(0).tolist() == pytest.approx([5.8433, 3.0573, 3.7580, 1.1993], abs=1e-3)
    assert np.bincount(data.targets).tolist() == [50, 50, 50]


def test_both_equal_their_source():
    datasets = pytest.importorskip("sklearn.datasets")
    source = datasets.load_digits()
    assert np.array_equal(digits().inputs[:, 0] * 16, source.images)
    assert np.array_equal(digits().targets, source.target)
    assert np.allclose(iris().inputs, datasets.load_iris().data)
    assert np.array_equal(iris().targets, datasets.load_iris().target)


def test_large_digits_have_a_black_border():
    images = digits(size=32).inputs
    assert images.shape == (1797, 1, 32, 32)
    inside = images[:, :, 4:28, 4:28]
    assert images.sum(dtype=float) == inside.sum(dtype=float)
    assert inside[..., 0, :].max() > 0
    assert 0 <= images.min() <= images.max() <= 1
    assert digits(size=16).inputs.any((0, 1, 3)).all()


def test_margin_can_be_chosen():
    images = digits(size=12, margin=2).inputs
    assert np.array_equal(images[:, :, 2:10, 2:10], digits().inputs)


def test_too_small_digits():
    with pytest.raises(ArgumentError, match="size must be 8 or more, got 7"):
        digits(size=7)
    with pytest.raises(ArgumentError, match="leaves 0 pixels"):
        digits(size=8, margin=4)


@pytest.mark.parametrize(("old", "new"), [(8, 24), (8, 8), (28, 32), (5, 13), (1, 4), (9, 4)])
def test_interpolation_keeps_constants_and_ramps(old, new):
    matrix = bilinear_matrix(old, new)
    assert matrix.sum(1) == pytest.approx(np.ones(new), abs=1e-6)
    places = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    assert matrix @ np.arange(old, dtype=np.float32) == pytest.approx(places, abs=1e-4)


def test_enlarging_equals_pillow():
    image = pytest.importorskip("PIL.Image")
    picture = digits().inputs[7, 0]
    expected = image.fromarray(picture).resize((20, 20), image.Resampling.BILINEAR)
    assert fit_images(picture[None, None], 20)[0, 0] == pytest.approx(
        np.asarray(expected), abs=1e-6
    )


def test_fit_images_wants_squares():
    with pytest.raises(ShapeError, match=r"square.*\(1, 1, 2, 3\)"):
        fit_images(np.zeros((1, 1, 2, 3)), 4)
