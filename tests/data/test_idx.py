import gzip

import numpy as np
import pytest
from tests.data.formats import idx_bytes, write_mnist

from lamina.core.errors import DataError
from lamina.data import fashion_mnist, mnist, read_idx


@pytest.mark.parametrize(
    ("code", "dtype"),
    [(0x08, ">u1"), (0x09, ">i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")],
)
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 1, 4), (0, 5)])
def test_every_type_and_rank(tmp_path, code, dtype, shape):
    array = (np.arange(np.prod(shape)) * 7 - 5 * (dtype[1] != "u")).astype(dtype).reshape(shape)
    file = tmp_path / "array"
    file.write_bytes(idx_bytes(array, code))
    found = read_idx(file)
    assert np.array_equal(found, array)
    assert found.dtype == np.dtype(dtype).newbyteorder("=")


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("inner", ["", "MNIST/raw"])
def test_mnist_under_its_published_names(tmp_path, suffix, inner):
    folder = tmp_path / inner
    folder.mkdir(parents=True, exist_ok=True)
    write_mnist(folder, suffix=suffix)
    train, test = mnist(tmp_path), mnist(str(tmp_path), train=False)
    assert (train.inputs.shape, test.inputs.shape) == ((12, 1, 28, 28), (6, 1, 28, 28))
    raw = read_idx(folder / f"train-images-idx3-ubyte{suffix}")
    assert np.array_equal(np.rint(train.inputs[:, 0] * 255), raw)
    assert train.targets.tolist() == [*range(10), 0, 1]
    assert train.classes[3] == "3"


def test_mnist_padded_and_enlarged(tmp_path):
    write_mnist(tmp_path)
    plain = mnist(tmp_path).inputs
    padded = mnist(tmp_path, size=32, margin=2).inputs
    assert np.array_equal(padded[:, :, 2:30, 2:30], plain)
    assert mnist(tmp_path, size=32).inputs.shape == (12, 1, 32, 32)


def test_fashion_mnist_has_names(tmp_path):
    write_mnist(tmp_path)
    assert fashion_mnist(tmp_path).classes[9] == "Ankle boot"


def broken(tmp_path, content, name="array"):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_idx(file)
    assert str(file) in str(caught.value)
    return str(caught.value)


def test_errors_name_file_offset_expected_and_got(tmp_path):
    whole = idx_bytes(np.zeros((2, 3), np.uint8))
    assert "byte 12: expected [2, 3] elements of uint8 (6 bytes), got 5 bytes" in broken(
        tmp_path, whole[:-1]
    )
    assert "byte 18: expected the end of the file, got 1 more bytes" in broken(
        tmp_path, whole + b"!"
    )
    assert "byte 8: expected the length of dimension 1 (4 bytes), got 2 bytes" in broken(
        tmp_path, whole[:10]
    )
    assert "byte 0: expected an IDX magic number" in broken(tmp_path, b"\x89PNG" + whole)
    assert "byte 0: expected an IDX magic number (4 bytes), got 0 bytes" in broken(tmp_path, b"")


def test_a_damaged_shape_asks_for_no_memory(tmp_path):
    whole = idx_bytes(np.zeros((2, 3), np.uint8))
    assert "byte 12" in broken(tmp_path, whole[:4] + b"\xff" * 8 + whole[12:])
    many_axes = b"\0\0\x08\xff" + b"\0" * 4 * 255
    assert "a shape an array can have" in broken(tmp_path, many_axes)


def test_damaged_gzip(tmp_path):
    whole = gzip.compress(idx_bytes(np.arange(200, dtype=np.uint8)))
    assert "a whole gzip stream" in broken(tmp_path, whole[:-9], "short.gz")
    assert "a whole gzip stream" in broken(tmp_path, b"not gzip", "other.gz")
    assert "a whole gzip stream" in broken(tmp_path, whole[:-8] + b"\0" * 8, "sum.gz")


def test_missing_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.*found none"):
        mnist(tmp_path)
    with pytest.raises(DataError, match="No such file"):
        read_idx(tmp_path / "nothing")


def test_images_and_labels_have_to_fit(tmp_path):
    write_mnist(tmp_path)
    labels = tmp_path / "train-labels-idx1-ubyte"
    whole = labels.read_bytes()
    labels.write_bytes(whole[:-1] + b"\x0a")
    with pytest.raises(DataError, match=r"byte 19: expected a label in 0 … 9, got 10"):
        mnist(tmp_path)
    labels.write_bytes(idx_bytes(np.zeros(11, np.uint8)))
    with pytest.raises(DataError, match=r"labels-idx1-ubyte: byte 4: expected 12 labels.*got 11"):
        mnist(tmp_path)
    labels.write_bytes(idx_bytes(np.zeros((12, 1), np.uint8)))
    with pytest.raises(DataError, match=r"uint8 with 1 dimensions, got uint8 \[12, 1\]"):
        mnist(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros((12, 4, 5), np.uint8)))
    with pytest.raises(DataError, match=r"byte 8: expected square images, got 4×5"):
        mnist(tmp_path)
