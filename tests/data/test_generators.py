import numpy as np
import pytest
from scipy import stats

from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.philox import make_key
from lamina.data import blobs, circles, function_samples, moons, spirals, xor
from lamina.data.draws import integers, normal, uniform

KEY = make_key(8)
ALL = [moons, circles, spirals, xor, blobs]


@pytest.mark.parametrize("make", ALL)
def test_they_depend_on_the_key_alone(make):
    first, again, other = (make(key, 40, 0.1) for key in (KEY, KEY, make_key(9)))
    assert np.array_equal(first.inputs, again.inputs)
    assert np.array_equal(first.targets, again.targets)
    assert not np.array_equal(first.inputs, other.inputs)


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("count", [1, 2, 5, 101])
def test_any_count_with_classes_in_balance(make, count):
    data = make(KEY, count, 0.1)
    assert data.inputs.shape == (count, 2)
    assert (data.inputs.dtype, data.targets.dtype) == (np.float32, np.int64)
    sizes = np.bincount(data.targets, minlength=len(data.classes))
    assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("make", ALL)
def test_the_examples_are_shuffled(make):
    labels = make(KEY, 400).targets
    assert not np.array_equal(labels, np.sort(labels))
    assert np.abs(np.mean(labels[:200]) - np.mean(labels)) < 0.3


@pytest.mark.parametrize("make", ALL)
def test_wrong_arguments(make):
    with pytest.raises(ArgumentError, match="count.*0"):
        make(KEY, 0)
    for noise in (-0.1, np.nan, np.inf):
        with pytest.raises(ArgumentError, match="noise"):
            make(KEY, 4, noise)


def test_moons_lie_on_their_half_circles():
    data = moons(KEY, 201, noise=0)
    upper, lower = data.inputs[data.targets == 0], data.inputs[data.targets == 1]
    assert np.hypot(*upper.T) == pytest.approx(np.ones(101), abs=1e-6)
    assert np.hypot(lower[:, 0] - 1, lower[:, 1] - 0.5) == pytest.approx(np.ones(100), abs=1e-6)
    assert upper[:, 1].min() >= -1e-6
    assert lower[:, 1].max() <= 0.5 + 1e-6


def test_circles_have_their_radii():
    data = circles(KEY, 100, noise=0, factor=0.3)
    radii = np.where(data.targets == 0, 1, 0.3)
    assert np.hypot(*data.inputs.T) == pytest.approx(radii, abs=1e-6)
    with pytest.raises(ArgumentError, match="factor"):
        circles(KEY, factor=1.0)


def test_spiral_arms_are_turned_copies():
    data = spirals(KEY, 90, noise=0, classes=3)
    arms = [data.inputs[data.targets == label] for label in range(3)]
    arms = [arm[np.argsort(np.hypot(*arm.T))] for arm in arms]
    turn = np.exp(2j * np.pi / 3)
    first, second = (arm[:, 0] + 1j * arm[:, 1] for arm in arms[:2])
    assert first * turn == pytest.approx(second, abs=1e-6)
    with pytest.raises(ArgumentError, match="classes"):
        spirals(KEY, classes=1)


def test_xor_is_xor():
    data = xor(KEY)
    table = {
        tuple(point): int(label) for point, label in zip(data.inputs, data.targets, strict=True)
    }
    assert table == {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 0}


def test_blobs_scatter_about_their_centres():
    data = blobs(KEY, 3000, noise=0.25, classes=2, features=3)
    for label in range(2):
        assert data.inputs[data.targets == label].std(0) == pytest.approx([0.25] * 3, rel=0.1)
    with pytest.raises(ArgumentError, match="feature"):
        blobs(KEY, features=0)


def test_noise_has_its_standard_deviation():
    clean = function_samples(np.sin, KEY, 4000, 0, 6)
    noisy = function_samples(np.sin, KEY, 4000, 0, 6, noise=0.3)
    assert np.array_equal(clean.inputs, noisy.inputs)
    assert np.allclose(clean.targets, np.sin(clean.inputs), atol=1e-6)
    assert (noisy.targets - clean.targets).std() == pytest.approx(0.3, rel=0.05)
    assert stats.kstest(clean.inputs[:, 0], "uniform", (0, 6)).pvalue > 1e-3


def test_function_has_to_keep_the_shape_and_stay_finite():
    with pytest.raises(ShapeError, match=r"\(7, 1\), gave \(\)"):
        function_samples(np.sum, KEY, 7)
    with pytest.raises(ArgumentError, match="low"):
        function_samples(np.sin, KEY, 7, 1.0, 1.0)


def test_draws_have_their_distributions():
    assert stats.kstest(uniform(KEY, (5000,), 2, 5), "uniform", (2, 3)).pvalue > 1e-3
    assert stats.kstest(normal(KEY, (5000,)), "norm").pvalue > 1e-3
    counts = np.bincount(integers(KEY, 7000, 7), minlength=7)
    assert len(counts) == 7
    assert stats.chisquare(counts).pvalue > 1e-3
