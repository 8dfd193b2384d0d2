import numpy as np
import pytest
from scipy import ndimage, stats

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.philox import fold_in, make_key
from lamina.data.transforms import (
    compose,
    horizontal_flip,
    normalise,
    random_crop,
    random_rotation,
    random_shift,
    rotate,
)

KEY = make_key(5)
IMAGES = np.random.default_rng(2).random((40, 2, 6, 7), np.float32) + np.float32(0.1)
TARGETS = np.arange(40)

ALL = {
    "normalise": normalise([0.1, 0.2], 2.0),
    "flip": horizontal_flip(),
    "shift": random_shift(2),
    "crop": random_crop(4, padding=1),
    "rotation": random_rotation(30),
    "composed": compose(horizontal_flip(), random_shift(1)),
}


@pytest.mark.parametrize("transform", ALL.values(), ids=ALL.keys())
def test_pure_and_of_the_same_type(transform):
    before = IMAGES.copy()
    first, targets = transform(IMAGES, TARGETS, KEY)
    again, _ = transform(IMAGES, TARGETS, KEY)
    assert np.array_equal(IMAGES, before)
    assert np.array_equal(first, again)
    assert first.dtype == np.float32
    assert np.array_equal(targets, TARGETS)


@pytest.mark.parametrize("name", ["flip", "shift", "crop", "rotation", "composed"])
def test_random_ones_depend_on_the_key_and_differ_by_image(name):
    same = np.repeat(IMAGES[:1], 40, 0)
    first, _ = ALL[name](same, TARGETS, KEY)
    other, _ = ALL[name](same, TARGETS, make_key(6))
    assert not np.array_equal(first, other)
    assert len(np.unique(first.reshape(40, -1), axis=0)) > 1


@pytest.mark.parametrize("transform", ALL.values(), ids=ALL.keys())
def test_no_images_at_all(transform):
    assert len(transform(IMAGES[:0], TARGETS[:0], KEY)[0]) == 0


@pytest.mark.parametrize("transform", ALL.values(), ids=ALL.keys())
@pytest.mark.parametrize("inputs", [IMAGES[0], IMAGES.astype(np.uint8)])
def test_only_floating_images(transform, inputs):
    with pytest.raises(ShapeError, match="floating-point images"):
        transform(inputs, TARGETS, KEY)


def test_normalise():
    result, _ = normalise([0.5, 0.25], [2, 4])(IMAGES, TARGETS, KEY)
    assert result[:, 0] == pytest.approx((IMAGES[:, 0] - 0.5) / 2)
    assert result[:, 1] == pytest.approx((IMAGES[:, 1] - 0.25) / 4)
    with pytest.raises(ShapeError, match="std has 3 values"):
        normalise(0, [1, 2, 3])(IMAGES, TARGETS, KEY)
    for std in (0, -1, np.nan):
        with pytest.raises(ArgumentError, match="std above 0"):
            normalise(0, std)


@pytest.mark.parametrize("probability", [0.0, 0.2, 1.0])
def test_flips(probability):
    many = np.tile(IMAGES, (50, 1, 1, 1))
    result, _ = horizontal_flip(probability)(many, np.arange(2000), KEY)
    flipped = (result == many[..., ::-1]).all((1, 2, 3))
    kept = (result == many).all((1, 2, 3))
    assert (flipped ^ kept).all()
    assert stats.binomtest(int(flipped.sum()), 2000, probability).pvalue > 1e-3


def place(image, rows, columns):
    """The image moved by whole pixels, by its definition."""
    result = np.zeros_like(image)
    height, width = image.shape[1:]
    for row in range(height):
        for column in range(width):
            if 0 <= row - rows < height and 0 <= column - columns < width:
                result[:, row, column] = image[:, row - rows, column - columns]
    return result


def test_every_shift_is_one_of_the_possible_ones_and_all_occur():
    same = np.repeat(IMAGES[:1], 500, 0)
    result, _ = random_shift(1)(same, np.arange(500), KEY)
    possible = {(r, c): place(IMAGES[0], r, c) for r in (-1, 0, 1) for c in (-1, 0, 1)}
    seen = []
    for image in result:
        seen += [move for move, moved in possible.items() if np.array_equal(image, moved)]
    counts = np.unique(seen, axis=0, return_counts=True)[1]
    assert counts.sum() == 500
    assert len(counts) == 9
    assert stats.chisquare(counts).pvalue > 1e-3


def test_crops_are_windows():
    result, _ = random_crop(4)(IMAGES, TARGETS, KEY)
    assert result.shape == (40, 2, 4, 4)
    for image, crop in zip(IMAGES, result, strict=True):
        windows = [image[:, r : r + 4, c : c + 4] for r in range(3) for c in range(4)]
        assert any(np.array_equal(crop, window) for window in windows)
    assert random_crop(padding=3)(IMAGES, TARGETS, KEY)[0].shape == IMAGES.shape
    with pytest.raises(ShapeError, match=r"cut 7×7 from inputs \(40, 2, 6, 7\)"):
        random_crop(7)(IMAGES, TARGETS, KEY)


@pytest.mark.parametrize("size", [4, 5])
def test_quarter_turns_are_exact(size):
    images = IMAGES[:4, :, :size, :size]
    turned = rotate(images, np.arange(4) * np.pi / 2)
    for quarter in range(4):
        assert turned[quarter] == pytest.approx(
            np.rot90(images[quarter], quarter, (1, 2)), abs=1e-5
        )


def test_rotation_equals_scipy_inside():
    angles = np.array([10.0, -25, 33, 170])
    turned = rotate(IMAGES[:4], np.deg2rad(angles))
    for image, result, angle in zip(IMAGES, turned, angles, strict=False):
        padded = np.pad(image, ((0, 0), (4, 4), (4, 4)))
        expected = ndimage.rotate(padded, angle, (1, 2), reshape=False, order=1)
        assert result == pytest.approx(expected[:, 4:-4, 4:-4], abs=1e-4)


def test_composition_gives_each_its_key():
    first, second = horizontal_flip(), random_shift(2)
    expected, _ = second(*first(IMAGES, TARGETS, fold_in(KEY, 0)), fold_in(KEY, 1))
    assert np.array_equal(compose(first, second)(IMAGES, TARGETS, KEY)[0], expected)


def test_wrong_arguments():
    for make, value in (
        (horizontal_flip, 1.5),
        (random_shift, -1),
        (random_crop, 0),
        (random_rotation, 181),
    ):
        with pytest.raises(ArgumentError, match=str(value)):
            make(value)
