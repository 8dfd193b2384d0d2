"""Image folders: each class a subfolder of pictures. Needs Pillow."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path
from typing import IO, Any

import numpy as np

from lamina.core.errors import ArgumentError, DataError, missing_extra
from lamina.core.types import Array
from lamina.data.dataset import Dataset
from lamina.data.reading import PathLike, malformed, unreadable

IMAGE_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
EIGHT_BIT = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"}


def image_folder(path: PathLike, size: int | None = None, grayscale: bool = False) -> Dataset:
    """The images in the subfolders of `path`, float32 ``[N, C, H, W]`` in [0, 1].

    Each subfolder is a class; classes and files are taken in alphabetic order. ``C`` is 3, or 1
    with `grayscale`; transparency is dropped. With `size`, every image is scaled (bilinearly, to a
    square); without, all must have the same size.

    Raises `DataError` that names the file: no images, not an image or truncated, more than 8 bits
    a channel, or another size than the first one's.
    """
    if size is not None and size < 1:
        raise ArgumentError(f"image_folder: size must be 1 or more, got {size}")
    classes, files = _listing(Path(path))
    pictures = [_read(file, size, grayscale) for file, _ in files]
    for (file, _), picture in zip(files, pictures, strict=True):
        _check_same_size(file, picture, files[0][0], pictures[0])
    images = np.stack(pictures).astype(np.float32) / np.float32(255)
    labels = np.array([label for _, label in files], np.int64)
    return Dataset(images, labels, classes, name=str(path))


def read_image(path: PathLike, size: int | None = None, grayscale: bool = False) -> Array:
    """One image, float32 ``[C, H, W]`` in [0, 1], as `image_folder` reads them.

    Raises `DataError` that names the file if it is not an image, truncated, or has more than 8 bits
    a channel.
    """
    return _read(Path(path), size, grayscale).astype(np.float32) / np.float32(255)


def _listing(root: Path) -> tuple[tuple[str, ...], list[tuple[Path, int]]]:
    """The class names, and every image file with its label."""
    try:
        folders = sorted(entry for entry in root.iterdir() if entry.is_dir())
        folders = [folder for folder in folders if not folder.name.startswith(".")]
        found = [
            (file, label)
            for label, folder in enumerate(folders)
            for file in sorted(folder.rglob("*"))
            if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file()
        ]
    except OSError as error:
        raise unreadable(root, error) from error
    for label, folder in enumerate(folders):
        if all(label != other for _, other in found):
            raise DataError(f"{folder}: expected images of a class here, found none")
    if not found:
        raise DataError(f"{root}: expected a subfolder of images for each class, found none")
    return tuple(folder.name for folder in folders), found


def _read(file: Path, size: int | None, grayscale: bool) -> Array:
    """One picture as uint8 ``[C, H, W]``."""
    try:
        with file.open("rb") as handle:
            return _decode(file, handle, size, grayscale)
    except OSError as error:
        raise unreadable(file, error) from error


def _decode(file: Path, handle: IO[bytes], size: int | None, grayscale: bool) -> Array:
    Image = _pillow()
    try:
        with warnings.catch_warnings():
            # Pillow only warns of metadata it cannot make out and of decompression bombs.
            warnings.simplefilter("error")
            picture = Image.open(handle)
            mode = picture.mode
            picture = picture.convert("L" if grayscale else "RGB")
    except Image.UnidentifiedImageError as error:
        raise malformed(file, 0, "an image", "content that no image format begins with") from error
    except (*_DAMAGED, Image.DecompressionBombError, Warning) as error:
        raise malformed(file, handle.tell(), "a whole image", str(error)) from error
    if mode not in EIGHT_BIT:
        raise malformed(file, 0, "an image of 8 bits a channel", f"mode {mode}")
    if size is not None:
        picture = picture.resize((size, size), Image.Resampling.BILINEAR)
    pixels: Array = np.asarray(picture)
    return pixels[None] if grayscale else np.moveaxis(pixels, -1, 0)


_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    IndexError,
    KeyError,
    OverflowError,
    MemoryError,
    struct.error,
)


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise missing_extra("pillow", "images", "reading image folders") from error
    return Image


def _check_same_size(file: Path, picture: Array, first_file: Path, first: Array) -> None:
    if picture.shape != first.shape:
        raise DataError(
            f"{file}: expected {first.shape[1]}×{first.shape[2]} pixels as in {first_file}, "
            f"got {picture.shape[1]}×{picture.shape[2]}; pass size=… to scale all of them"
        )
