import pickle
import pickletools

import numpy as np
import pytest
from tests.data.formats import (
    cifar10_files,
    cifar100_files,
    cifar_records,
    python_two_pickle,
    tar_gz,
    write_folder,
)

from lamina.core.errors import ArgumentError, DataError
from lamina.data import cifar10, cifar100
from lamina.data.pickle_reader import read_pickle

FOLDERS = {
    (10, "binary"): "cifar-10-batches-bin",
    (10, "python"): "cifar-10-batches-py",
    (100, "binary"): "cifar-100-binary",
    (100, "python"): "cifar-100-python",
}


def publish(tmp_path, classes, kind, place):
    """Write the files as they are at `place`; the path to give the loader."""
    files = (cifar10_files if classes == 10 else cifar100_files)(kind)
    folder = FOLDERS[classes, kind]
    archive = tmp_path / f"cifar-{classes}-{kind}.tar.gz"
    if place in ("archive", "folder with archive"):
        archive.write_bytes(tar_gz(folder, files))
        return archive if place == "archive" else tmp_path
    write_folder(tmp_path / folder, files)
    return tmp_path / folder if place == "folder" else tmp_path


PLACES = ["archive", "folder with archive", "folder", "folder with folder"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["binary", "python"])
def test_cifar10_in_every_published_form(tmp_path, kind, place):
    path = publish(tmp_path, 10, kind, place)
    train, test = cifar10(path), cifar10(path, train=False)
    expected = [cifar_records(3, 10, seed) for seed in range(6)]
    pixels = np.concatenate([pixels for pixels, _ in expected[:5]]).reshape(-1, 3, 32, 32)
    assert train.inputs.dtype == np.float32
    assert np.array_equal(np.rint(train.inputs * 255), pixels)
    assert train.targets.tolist() == [label for _, labels in expected[:5] for label in labels]
    assert test.targets.tolist() == expected[5][1]
    assert train.classes[:2] == ("name0", "name1")


@pytest.mark.parametrize("place", ["archive", "folder"])
@pytest.mark.parametrize("kind", ["binary", "python"])
def test_cifar100_fine_and_coarse(tmp_path, kind, place):
    path = publish(tmp_path, 100, kind, place)
    pixels, labels = cifar_records(4, 100, 1)
    fine = cifar100(path, train=False)
    coarse = cifar100(path, train=False, labels="coarse")
    assert np.array_equal(np.rint(fine.inputs * 255).reshape(4, -1), pixels)
    assert fine.targets.tolist() == labels
    assert coarse.targets.tolist() == [label // 5 for label in labels]
    assert (len(fine.classes), len(coarse.classes)) == (100, 20)
    with pytest.raises(ArgumentError, match="'fine' or 'coarse'"):
        cifar100(path, labels="super")


def test_nothing_there(tmp_path):
    with pytest.raises(DataError, match=r"cifar-10-binary.tar.gz or .*found neither"):
        cifar10(tmp_path)


def test_a_binary_file_cut_short(tmp_path):
    path = publish(tmp_path, 10, "binary", "folder")
    file = path / "data_batch_2.bin"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"data_batch_2.bin: byte 6146: .*3073 bytes, got 2973"):
        cifar10(path)


def test_a_label_out_of_range(tmp_path):
    path = publish(tmp_path, 10, "binary", "folder")
    file = path / "test_batch.bin"
    content = bytearray(file.read_bytes())
    content[3073] = 10
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"byte 3073: expected a label in 0 … 9, got 10"):
        cifar10(path, train=False)


def test_an_archive_cut_short_or_without_a_member(tmp_path):
    files = cifar10_files("binary")
    archive = tmp_path / "cifar-10-binary.tar.gz"
    archive.write_bytes(tar_gz("cifar-10-batches-bin", files)[:5000])
    with pytest.raises(DataError, match=r"byte 5000: expected a whole .tar.gz archive"):
        cifar10(archive)
    del files["data_batch_4.bin"]
    archive.write_bytes(tar_gz("cifar-10-batches-bin", files))
    with pytest.raises(DataError, match=r"data_batch_4.bin is missing"):
        cifar10(archive)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({b"data": b"text"}, r"data of shape \[N, 3072\]"),
        ({b"data": np.zeros((2, 3), np.uint8)}, r"data of shape \[N, 3072\], got \(2, 3\)"),
        ({b"labels": [1]}, "a list of 3 labels"),
        ({b"labels": [0, 11, 3]}, "labels in 0 … 9, got 11 at row 1"),
        ({b"labels": [0, b"1", 3]}, "labels in 0 … 9, got b'1' at row 1"),
    ],
)
def test_a_pickle_with_wrong_entries(tmp_path, changed, message):
    path = publish(tmp_path, 10, "python", "folder")
    pixels, labels = cifar_records(3, 10, 5)
    entries = {b"labels": labels, b"data": pixels} | changed
    (path / "test_batch").write_bytes(python_two_pickle(entries))
    with pytest.raises(DataError, match=message):
        cifar10(path, train=False)


def test_the_fixture_has_the_opcodes_of_the_published_files():
    opcodes = {op.name for op, *_ in pickletools.genops(cifar10_files("python")["test_batch"])}
    assert {"GLOBAL", "REDUCE", "BUILD", "BINSTRING", "SHORT_BINSTRING", "BININT1"} <= opcodes
    text = pickle.loads(cifar10_files("python")["test_batch"], encoding="bytes")
    assert np.array_equal(text[b"data"], cifar_records(3, 10, 5)[0])


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        b"",
        (1,),
        (1, 2, 3, 4),
        [True, False, None, 1.5, -(2**31), 70_000],
        {b"a": [1, (2, b"b")], b"c": {b"d": [3]}},
        [b"same", b"same"],
    ],
)
def test_plain_data(value):
    assert read_pickle("file", python_two_pickle(value)) == value


def test_text_comes_as_bytes():
    assert read_pickle("file", pickle.dumps({"naïve": 1}, 2)) == {"naïve".encode(): 1}


def test_a_column_major_array():
    array = np.arange(12, dtype=np.uint8).reshape(3, 4, order="F")
    assert np.array_equal(read_pickle("file", python_two_pickle({b"a": array}))[b"a"], array)


class Attack:
    """Its pickle asks the reader to call `print`."""

    def __init__(self, function, *arguments):
        self.recipe = function, arguments

    def __reduce__(self):
        return self.recipe


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_nothing_is_executed(tmp_path, protocol):
    victim = tmp_path / "made-by-the-pickle"
    content = pickle.dumps({"data": Attack(victim.touch)}, protocol)
    with pytest.raises(DataError, match="plain data"):
        read_pickle("file", content)
    assert not victim.exists()
    pickle.loads(content)
    assert victim.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "byte 0: expected a whole pickle"),
        (b"\x80\x02.", "byte 2: expected a value on the stack, got opcode STOP"),
        (b"\x80\x02]e.", "byte 3: expected a mark on the stack, got opcode APPENDS"),
        (b"\x80\x02K\x01K\x02a.", "byte 6: expected a list on the stack, got opcode APPEND"),
        (b"\x80\x02}K\x01K\x02s.", "byte 7: expected pairs of a string and a value"),
        (b"\x80\x02}(U\x01au.", "byte 7: expected pairs of a string and a value"),
        (b"\x80\x02h\x05.", "byte 2: expected something in the memo, got opcode BINGET"),
        (b"\x80\x02](0.", "byte 4: expected an opcode of plain data, got opcode POP"),
        (b"\x80\x02cos\nsystem\nU\x02ls\x85R.", "byte 18: .*the only call.*opcode REDUCE"),
        (b"\x80\x02U\x10abc", "byte 2: expected a whole pickle"),
        (b"\x80\x02K\x01}b.", "byte 5: expected an array to build"),
    ],
)
def test_damaged_pickles(content, message):
    with pytest.raises(DataError, match=message):
        read_pickle("file", content)
