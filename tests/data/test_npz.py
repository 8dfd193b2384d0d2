import io
import zipfile

import numpy as np
import pytest
from tests.data.formats import npz_bytes

from lamina.core.errors import ArgumentError, DataError
from lamina.data import npz, read_npz

ARRAYS = {
    "bytes": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "swapped": np.arange(3, dtype=">i4"),
    "scalar": np.float32(2.5),
    "empty": np.zeros((0, 2)),
    "flags": np.array([True, False]),
}


def written(tmp_path, content):
    file = tmp_path / "data.npz"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_every_kind_of_array(tmp_path, save):
    save(tmp_path / "data.npz", **ARRAYS)
    found = read_npz(tmp_path / "data.npz")
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert np.array_equal(found[name], array)
        assert found[name].dtype == array.dtype.newbyteorder("=")


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_header(tmp_path, version):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, ARRAYS["bytes"], version)
    file = tmp_path / "data.npz"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", stream.getvalue())
    assert np.array_equal(read_npz(file)["a"], ARRAYS["bytes"])


def test_integer_targets_are_labels(tmp_path):
    file = written(tmp_path, npz_bytes(inputs=np.ones((3, 2), int), targets=[2, 0, 1]))
    data = npz(file)
    assert data.inputs.dtype == np.float32
    assert data.targets.tolist() == [2, 0, 1]
    assert data.classes == ("0", "1", "2")


def test_floating_targets_are_numbers(tmp_path):
    file = written(tmp_path, npz_bytes(x=np.ones((3, 2)), y=np.linspace(0, 1, 3)))
    data = npz(file, inputs="x", targets="y")
    assert (data.classes, data.inputs.dtype) == ((), np.float64)


def test_names_that_are_not_there(tmp_path):
    file = written(tmp_path, npz_bytes(x=[1.0], y=[1.0]))
    with pytest.raises(ArgumentError, match="no array 'inputs', it has x, y; .*inputs=…"):
        npz(file)


@pytest.mark.parametrize("labels", [[0, -1], [0, 10**9]])
def test_labels_out_of_range(tmp_path, labels):
    with pytest.raises(DataError, match="labels"):
        npz(written(tmp_path, npz_bytes(inputs=np.ones((2, 1)), targets=labels)))


def test_objects_are_refused(tmp_path):
    objects = np.array([{"a": 1}], object)
    with pytest.raises(DataError, match=r"data.npz:x.npy: byte 10: expected a header with a num"):
        read_npz(written(tmp_path, npz_bytes(x=objects)))


def test_damaged_archives(tmp_path):
    whole = npz_bytes(x=np.arange(100.0))
    with pytest.raises(DataError, match=r"byte 0: expected a zip archive.*got b'junk'"):
        read_npz(written(tmp_path, b"junk and more"))
    with pytest.raises(DataError, match=f"byte {len(whole) - 4}: expected a whole zip archive"):
        read_npz(written(tmp_path, whole[:-4]))
    with pytest.raises(DataError, match="No such file"):
        read_npz(tmp_path / "nothing")


def test_damaged_members(tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.arange(4, dtype=np.int16))
    member = stream.getvalue()
    for content, message in [
        (member[:-1], r"byte 128: expected \[4\] elements of int16 \(8 bytes\), got 7 bytes"),
        (member + b"!", "byte 136: expected the end of the file, got 1 more"),
        (member.replace(b"(4,)", b"(-4)"), "byte 10: expected a header"),
        (member.replace(b"<i2", b"<Z2"), "byte 10: expected a header"),
        (b"\x93NUMPY\x09\x00" + member[8:], "byte 0: expected an NPY file of version 1, 2 or 3"),
    ]:
        with zipfile.ZipFile(tmp_path / "data.npz", "w") as archive:
            archive.writestr("x.npy", content)
        with pytest.raises(DataError, match=message):
            read_npz(tmp_path / "data.npz")
