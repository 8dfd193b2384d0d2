"""The IDX format, and the data sets published in it: MNIST and Fashion-MNIST."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lamina.core.errors import DataError
from lamina.core.types import Array
from lamina.data.dataset import Dataset
from lamina.data.embedded import DIGITS
from lamina.data.images import fit_images
from lamina.data.reading import Cursor, PathLike, malformed, read_bytes

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

GARMENTS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def read_idx(path: PathLike) -> Array:
    """The array in an IDX file (decompressed if the name ends in ``.gz``).

    The file holds two zero bytes, a type code, the number of dimensions, each dimension as a
    big-endian 32-bit integer, and the elements in row-major order.

    Raises `DataError` that names the byte where the file departs from that.

    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits" (1998).
    """
    cursor = Cursor(path, read_bytes(path))
    dtype, rank = _magic(cursor)
    shape = [cursor.number(4, f"the length of dimension {axis}") for axis in range(rank)]
    array = cursor.array(dtype, shape)
    cursor.end()
    return array


def mnist(folder: PathLike, train: bool = True, size: int = 28, margin: int = 0) -> Dataset:
    """MNIST's 60,000 training or 10,000 test digits, float32 ``[N, 1, size, size]`` in [0, 1].

    `folder` (or ``MNIST/raw`` in it) holds the published files ``train-images-idx3-ubyte``,
    ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, with or
    without ``.gz``. For `size` and `margin` see `fit_images`; LeNet's 32×32 is ``size=32,
    margin=2`` (padded) or ``size=32`` (enlarged).
    """
    return _idx_set("mnist", Path(folder), "MNIST/raw", train, size, margin, DIGITS)


def fashion_mnist(folder: PathLike, train: bool = True, size: int = 28, margin: int = 0) -> Dataset:
    """Fashion-MNIST: garments in MNIST's format and file names; see `mnist`.

    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST" (2017), arXiv:1708.07747.
    """
    return _idx_set(
        "fashion_mnist", Path(folder), "FashionMNIST/raw", train, size, margin, GARMENTS
    )


def _magic(cursor: Cursor) -> tuple[np.dtype[np.generic], int]:
    start = cursor.take(4, "an IDX magic number")
    if start[:2] != b"\0\0" or start[2] not in TYPES:
        codes = ", ".join(f"{code:02x}" for code in TYPES)
        raise malformed(
            cursor.file, 0, f"an IDX magic number 0000 then one of {codes}", start.hex()
        )
    return np.dtype(TYPES[start[2]]), start[3]


def _idx_set(
    name: str,
    folder: Path,
    inner: str,
    train: bool,
    size: int,
    margin: int,
    classes: tuple[str, ...],
) -> Dataset:
    part = "train" if train else "t10k"
    image_file = _find(folder, inner, f"{part}-images-idx3-ubyte")
    label_file = _find(folder, inner, f"{part}-labels-idx1-ubyte")
    images, labels = read_idx(image_file), read_idx(label_file)
    _check_header(image_file, images, 3)
    _check_header(label_file, labels, 1)
    if len(images) != len(labels):
        expected = f"{len(images)} labels, as many as {image_file.name} has images"
        raise malformed(label_file, 4, expected, f"{len(labels)}")
    _check_labels(label_file, labels, len(classes))
    pixels = fit_images(images[:, None] / np.float32(255), size, margin)
    return Dataset(pixels, labels.astype(np.int64), classes, name=name)


def _check_header(file: Path, array: Array, rank: int) -> None:
    if array.dtype != np.uint8 or array.ndim != rank:
        raise malformed(
            file, 2, f"uint8 with {rank} dimensions", f"{array.dtype} {list(array.shape)}"
        )
    if rank == 3 and (array.shape[1] != array.shape[2] or array.shape[1] == 0):
        raise malformed(file, 8, "square images", f"{array.shape[1]}×{array.shape[2]}")


def _check_labels(file: Path, labels: Array, count: int) -> None:
    wrong = np.flatnonzero(labels >= count)
    if len(wrong):
        raise malformed(
            file, 8 + int(wrong[0]), f"a label in 0 … {count - 1}", str(labels[wrong[0]])
        )


def _find(folder: Path, inner: str, name: str) -> Path:
    for place in (folder, folder / inner):
        for candidate in (place / name, place / f"{name}.gz"):
            if candidate.is_file():
                return candidate
    raise DataError(f"{folder}: expected a file {name} or {name}.gz here or in {inner}, found none")
