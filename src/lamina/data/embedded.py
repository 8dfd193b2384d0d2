"""The data sets that come with the package. Sources and licences: ``files/SOURCES.md``."""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.types import Array
from lamina.data.dataset import Dataset
from lamina.data.images import fit_images

DIGITS = tuple(str(digit) for digit in range(10))


def digits(size: int = 8, margin: int | None = None) -> Dataset:
    """1,797 handwritten digits, float32 ``[1797, 1, size, size]`` in [0, 1]; labels 0 … 9.

    The images are 8×8. Larger ones are interpolated bilinearly inside a black border of `margin`
    pixels, by default ``size // 8`` from 24 up and 0 below: 24×24 inside 32×32, because LeNet's 5×5
    kernels without padding should see the ends of a stroke away from the edge.

    Source: E. Alpaydin, C. Kaynak, UCI Machine Learning Repository (1998), CC BY 4.0.

    >>> digits(size=32).inputs.shape
    (1797, 1, 32, 32)
    """
    if size < 8:
        raise ArgumentError(f"digits: size must be 8 or more, got {size}")
    pixels, labels = _embedded("digits.npz", "pixels", "labels")
    border = margin if margin is not None else size // 8 if size >= 24 else 0
    images = fit_images(pixels[:, None] / np.float32(16), size, border)
    description = "UCI handwritten digits (test set), E. Alpaydin and C. Kaynak, CC BY 4.0"
    return Dataset(images, labels.astype(np.int64), DIGITS, name="digits", description=description)


def iris() -> Dataset:
    """Fisher's iris: four lengths in cm of 150 flowers, float32 ``[150, 4]``; three species.

    Source: R. A. Fisher (1936), UCI Machine Learning Repository, CC BY 4.0.

    >>> iris().classes
    ('setosa', 'versicolor', 'virginica')
    """
    tenths, labels = _embedded("iris.npz", "tenths", "labels")
    return Dataset(
        tenths / np.float32(10),
        labels.astype(np.int64),
        classes=("setosa", "versicolor", "virginica"),
        features=("sepal length", "sepal width", "petal length", "petal width"),
        name="iris",
        description="Fisher's iris, lengths in cm, CC BY 4.0",
    )


def _embedded(file: str, inputs: str, targets: str) -> tuple[Array, Array]:
    with (files("lamina.data") / "files" / file).open("rb") as handle:
        arrays = np.load(handle, allow_pickle=False)
        return arrays[inputs], arrays[targets]
