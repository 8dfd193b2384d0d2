"""CIFAR-10 and CIFAR-100, in both formats in which they are published.

`path` is the published archive (``cifar-10-python.tar.gz``, ``cifar-10-binary.tar.gz``, …), the
folder it unpacks to, or a folder that holds either. The "python version" is a pickle; it is read by
`lamina.data.pickle_reader`, which executes nothing.

Source: A. Krizhevsky, "Learning multiple layers of features from tiny images" (2009), and
<https://www.cs.toronto.edu/~kriz/cifar.html>.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError, DataError
from lamina.core.types import Array
from lamina.data.dataset import Dataset
from lamina.data.pickle_reader import read_pickle
from lamina.data.reading import PathLike, malformed, read_bytes, unreadable

PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class Format:
    """One published form: file names, and where in a file labels and class names are.

    In a binary file each record is `label_bytes` labels, then the pixels; `label_byte` is the one
    read, and `label_key` the key of the labels in a pickle.
    """

    archive: str
    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    names: str
    label_bytes: int = 0
    label_byte: int = 0
    label_key: bytes = b""
    names_key: bytes = b""


def _ten() -> tuple[Format, Format]:
    batches = tuple(f"data_batch_{i}" for i in range(1, 6))
    pickled = Format(
        "cifar-10-python.tar.gz",
        "cifar-10-batches-py",
        batches,
        ("test_batch",),
        "batches.meta",
        label_key=b"labels",
        names_key=b"label_names",
    )
    binary = Format(
        "cifar-10-binary.tar.gz",
        "cifar-10-batches-bin",
        tuple(f"{batch}.bin" for batch in batches),
        ("test_batch.bin",),
        "batches.meta.txt",
        label_bytes=1,
    )
    return binary, pickled


def _hundred(labels: str) -> tuple[Format, Format]:
    pickled = Format(
        "cifar-100-python.tar.gz",
        "cifar-100-python",
        ("train",),
        ("test",),
        "meta",
        label_key=f"{labels}_labels".encode(),
        names_key=f"{labels}_label_names".encode(),
    )
    binary = Format(
        "cifar-100-binary.tar.gz",
        "cifar-100-binary",
        ("train.bin",),
        ("test.bin",),
        f"{labels}_label_names.txt",
        label_bytes=2,
        label_byte=int(labels == "fine"),
    )
    return binary, pickled


def cifar10(path: PathLike, train: bool = True) -> Dataset:
    """CIFAR-10's 50,000 training or 10,000 test images, float32 ``[N, 3, 32, 32]`` in [0, 1].

    Raises `DataError` for missing, truncated or malformed files.
    """
    return _load("cifar10", Path(path), _ten(), train)


def cifar100(path: PathLike, train: bool = True, labels: str = "fine") -> Dataset:
    """CIFAR-100, as `cifar10`, with its 100 `fine` or 20 `coarse` labels."""
    if labels not in ("fine", "coarse"):
        raise ArgumentError(f"cifar100: labels must be 'fine' or 'coarse', got {labels!r}")
    return _load("cifar100", Path(path), _hundred(labels), train)


def _load(name: str, path: Path, formats: tuple[Format, ...], train: bool) -> Dataset:
    form, place = _locate(path, formats)
    wanted = (form.train if train else form.test) + (form.names,)
    files = _contents(place, wanted)
    *batches, (names_file, names_content) = files.values()
    classes = _class_names(form, names_file, names_content)
    parts = [_batch(form, file, content, len(classes)) for file, content in batches]
    pixels = np.concatenate([pixels for pixels, _ in parts])
    labels = np.concatenate([labels for _, labels in parts])
    images = pixels.reshape(-1, 3, 32, 32).astype(np.float32)
    images /= 255
    return Dataset(images, labels.astype(np.int64), classes, name=name)


def _locate(path: Path, formats: tuple[Format, ...]) -> tuple[Format, Path]:
    """The format found at `path`, and the archive or folder that holds its files."""
    for form in formats:
        if path.is_file() and path.name == form.archive:
            return form, path
        for place in (path, path / form.folder):
            if (place / form.test[0]).is_file() and (place / form.names).is_file():
                return form, place
        if (path / form.archive).is_file():
            return form, path / form.archive
    options = " or ".join(f"{form.archive} or {form.folder}" for form in formats)
    raise DataError(f"{path}: expected {options}, found neither")


def _contents(place: Path, wanted: tuple[str, ...]) -> Mapping[str, tuple[str, bytes]]:
    """For each wanted file, its full name for errors and its content."""
    if place.is_dir():
        return {name: (str(place / name), read_bytes(place / name)) for name in wanted}
    try:
        found = _unpack(place, wanted)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        size = place.stat().st_size
        raise malformed(place, size, "a whole .tar.gz archive", str(error)) from error
    except OSError as error:
        raise unreadable(place, error) from error
    missing = [name for name in wanted if name not in found]
    if missing:
        raise DataError(f"{place}: expected members {', '.join(wanted)}, {missing[0]} is missing")
    return {name: found[name] for name in wanted}


def _unpack(place: Path, wanted: tuple[str, ...]) -> dict[str, tuple[str, bytes]]:
    """One pass over the archive: going back in a compressed stream would start it again."""
    found = {}
    with tarfile.open(place, "r:gz") as archive:
        for member in archive:
            name = member.name.rpartition("/")[2]
            if name in wanted and member.isfile():
                stream = archive.extractfile(member)
                found[name] = (f"{place}:{member.name}", stream.read() if stream else b"")
    return found


def _class_names(form: Format, file: str, content: bytes) -> tuple[str, ...]:
    if form.names_key:
        names = _entry(file, read_pickle(file, content), form.names_key)
        lines = names if isinstance(names, list) else []
    else:
        lines = content.split()
    classes = tuple(line.decode("latin-1") for line in lines if isinstance(line, bytes))
    if not classes or len(classes) != len(lines):
        raise malformed(file, 0, "a list of class names", repr(content[:40]))
    return classes


def _batch(form: Format, file: str, content: bytes, classes: int) -> tuple[Array, Array]:
    """Pixels ``[N, 3072]`` and labels ``[N]``."""
    if form.label_key:
        return _pickled_batch(form, file, read_pickle(file, content), classes)
    length = form.label_bytes + PIXELS
    if len(content) % length or not content:
        whole = len(content) // length * length
        raise malformed(file, whole, f"records of {length} bytes", f"{len(content) - whole} bytes")
    records = np.frombuffer(content, np.uint8).reshape(-1, length)
    labels = records[:, form.label_byte]
    wrong = np.flatnonzero(labels >= classes)
    if len(wrong):
        offset = int(wrong[0]) * length + form.label_byte
        raise malformed(file, offset, f"a label in 0 … {classes - 1}", str(labels[wrong[0]]))
    return records[:, form.label_bytes :], labels


def _pickled_batch(form: Format, file: str, entries: Any, classes: int) -> tuple[Array, Array]:
    pixels, labels = _entry(file, entries, b"data"), _entry(file, entries, form.label_key)
    if not isinstance(pixels, np.ndarray) or pixels.shape[1:] != (PIXELS,):
        raise malformed(file, 0, f"data of shape [N, {PIXELS}]", str(np.shape(pixels)))
    if not isinstance(labels, list) or len(labels) != len(pixels):
        raise malformed(file, 0, f"a list of {len(pixels)} labels", type(labels).__name__)
    for row, label in enumerate(labels):
        if type(label) is not int or not 0 <= label < classes:
            raise malformed(file, 0, f"labels in 0 … {classes - 1}", f"{label!r} at row {row}")
    return pixels, np.array(labels, np.int64)


def _entry(file: str, entries: Any, key: bytes) -> Any:
    if not isinstance(entries, dict) or key not in entries:
        raise malformed(file, 0, f"a dictionary with {key.decode()!r}", type(entries).__name__)
    return entries[key]
