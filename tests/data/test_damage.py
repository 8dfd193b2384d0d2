"""A file cut short or with flipped bits is either still valid or reported as a `DataError`.

Nothing else may come out: no other exception, no warning, no hang.
"""

import gzip
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data import formats

from lamina.core.errors import DataError
from lamina.data import (
    Dataset,
    cifar10,
    cifar100,
    csv_table,
    image_folder,
    mnist,
    npz,
    read_idx,
    read_npz,
)

FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def damaged(content, seed, cut, flips):
    """`content` with `flips` bits inverted and the last part cut off."""
    generator = np.random.default_rng(seed)
    octets = bytearray(content)
    # Half of the damage hits the first bytes, where the structure is.
    for _ in range(flips):
        reach = len(octets) if generator.random() < 0.5 else min(len(octets), 64)
        octets[generator.integers(reach)] ^= 1 << int(generator.integers(8))
    keep = int(generator.integers(len(octets) + 1)) if cut else len(octets)
    return bytes(octets[:keep])


DAMAGE = {
    "seed": st.integers(0, 2**32 - 1),
    "cut": st.booleans(),
    "flips": st.integers(0, 6),
}


def check(read, path):
    try:
        found = read(path)
    except DataError as error:
        assert str(path) in str(error)
    else:
        assert isinstance(found, Dataset | np.ndarray | dict)


IDX = formats.idx_bytes(np.arange(60, dtype=np.uint8).reshape(3, 4, 5))
NPZ = formats.npz_bytes(inputs=np.arange(12.0).reshape(4, 3), targets=np.array([0, 1, 1, 0]))
CSV = b"a,b,kind\n" + b"".join(b"%d,%d.5,%s\n" % (i, i, b"xy"[i % 2 :][:1]) for i in range(12))


def npz_stored():
    stream = io.BytesIO()
    np.savez(stream, inputs=np.arange(12.0).reshape(4, 3), targets=np.linspace(0, 1, 4))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("array", IDX, read_idx),
        ("array.gz", gzip.compress(IDX, mtime=0), read_idx),
        ("compressed.npz", NPZ, read_npz),
        ("stored.npz", npz_stored(), read_npz),
        ("table.csv", CSV, csv_table),
        ("table.csv.gz", gzip.compress(CSV, mtime=0), csv_table),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # contents would make long names
)
@FUZZ
@given(**DAMAGE)
def test_single_files(tmp_path, name, content, read, seed, cut, flips):
    file = tmp_path / name
    file.write_bytes(damaged(content, seed, cut, flips))
    check(read, file)


CIFAR = {
    (10, "binary"): formats.cifar10_files("binary", 1),
    (10, "python"): formats.cifar10_files("python", 1),
    (100, "binary"): formats.cifar100_files("binary", 1),
    (100, "python"): formats.cifar100_files("python", 1),
}


@pytest.mark.parametrize("kind", ["binary", "python"])
@pytest.mark.parametrize("classes", [10, 100])
@FUZZ
@given(which=st.integers(0, 6), **DAMAGE)
def test_cifar_folders(tmp_path, classes, kind, which, seed, cut, flips):
    files = CIFAR[classes, kind]
    formats.write_folder(tmp_path, files)
    name = sorted(files)[which % len(files)]
    (tmp_path / name).write_bytes(damaged(files[name], seed, cut, flips))
    check(cifar10 if classes == 10 else cifar100, tmp_path)


ARCHIVE = formats.tar_gz("cifar-100-python", CIFAR[100, "python"])


@FUZZ
@given(**DAMAGE)
def test_cifar_archive(tmp_path, seed, cut, flips):
    file = tmp_path / "cifar-100-python.tar.gz"
    file.write_bytes(damaged(ARCHIVE, seed, cut, flips))
    check(cifar100, file)


@FUZZ
@given(which=st.integers(0, 1), **DAMAGE)
def test_mnist(tmp_path, which, seed, cut, flips):
    formats.write_mnist(tmp_path, (3, 3), 4)
    file = sorted(tmp_path.glob("train-*"))[which]
    file.write_bytes(damaged(file.read_bytes(), seed, cut, flips))
    check(mnist, tmp_path)


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "jpg", "tif", "ppm", "webp"])
@settings(FUZZ, max_examples=60)
@given(**DAMAGE)
def test_images(tmp_path, suffix, seed, cut, flips):
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path / "class"
    folder.mkdir(exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)
    file = folder / f"picture.{suffix}"
    image.fromarray(pixels).save(file)
    file.write_bytes(damaged(file.read_bytes(), seed, cut, flips))
    check(image_folder, tmp_path)


@FUZZ
@given(**DAMAGE)
def test_npz_as_a_data_set(tmp_path, seed, cut, flips):
    file = tmp_path / "data.npz"
    file.write_bytes(damaged(npz_stored(), seed, cut, flips))
    try:
        arrays = set(read_npz(file))
    except DataError:
        arrays = {"inputs", "targets"}
    if {"inputs", "targets"} <= arrays:
        check(npz, file)
