import numpy as np
import pytest
from tests.data import formats

from lamina.core.errors import ArgumentError
from lamina.data import load, names

EMBEDDED_AND_GENERATED = [
    "digits", "iris", "moons", "circles", "spirals", "xor", "blobs", "function",
]  # fmt: skip


def test_every_source_is_listed_with_its_options():
    listed = names()
    assert set(listed) == {
        *EMBEDDED_AND_GENERATED, "mnist", "fashion_mnist", "cifar10", "cifar100", "npz", "csv",
        "folder",
    }  # fmt: skip
    assert [option.name for option in listed["moons"]] == ["count", "noise", "fractions", "seed"]
    assert [option.name for option in listed["cifar10"]] == [
        "path", "train", "validation", "test", "seed",
    ]  # fmt: skip
    assert str(listed["csv"][0]) == "path: str | Path = required"
    assert str(listed["mnist"][1]) == "size: int = 28"


@pytest.mark.parametrize("name", EMBEDDED_AND_GENERATED)
def test_three_parts_that_depend_on_the_seed(name):
    parts, again, other = load(name), load(name), load(name, seed=1)
    assert all(len(part) > 0 for part in parts)
    for part, same in zip(parts, again, strict=True):
        assert np.array_equal(part.inputs, same.inputs)
    assert not np.array_equal(parts.train.inputs, other.train.inputs)


def test_moons_are_split_as_in_the_experiment():
    assert [len(part) for part in load("moons", noise=0.5)] == [640, 160, 200]


def test_text_is_converted():
    train, validation, test = load("digits", size="16", margin="none", fractions="100,50,20")
    assert train.inputs.shape == (100, 1, 16, 16)
    assert (len(validation), len(test)) == (50, 20)
    train, *_ = load("moons", noise="0", fractions="0.5, 0.25, 0.25", count="40")
    assert len(train) == 20


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("digit", {}, "no data 'digit'; there are digits, iris"),
        ("digits", {"sise": 3}, "no option 'sise'; options: size: int = 8; margin"),
        ("digits", {"size": "big"}, "'size' must be int, got 'big'"),
        ("csv", {}, "'path' is required"),
        ("csv", {"path": "x", "header": "maybe"}, "'header' must be bool, got 'maybe'"),
        ("iris", {"fractions": (0.5, 0.5)}, "three numbers"),
        ("iris", {"fractions": "a,b,c"}, "'fractions' must be tuple"),
        ("function", {"function": "exec"}, "no function 'exec'; there are sin"),
        ("moons", {"key": 3}, "no option 'key'"),
    ],
)
def test_wrong_names_and_options(name, options, message):
    with pytest.raises(ArgumentError, match=message):
        load(name, **options)


def test_published_parts_are_kept_apart(tmp_path):
    formats.write_mnist(tmp_path, counts=(40, 10))
    parts = load("mnist", folder=str(tmp_path), validation="10")
    assert [len(part) for part in parts] == [30, 10, 10]
    assert np.bincount(parts.validation.targets).tolist() == [1] * 10
    everything = load("mnist", folder=tmp_path, validation=0)
    assert [len(part) for part in everything] == [40, 0, 10]
    few = load("mnist", folder=tmp_path, train=20, validation=10, test=5, size=32)
    assert [len(part) for part in few] == [20, 10, 5]
    assert few.train.inputs.shape[2:] == (32, 32)
    with pytest.raises(ArgumentError, match="40 examples"):
        load("mnist", folder=tmp_path, train=40, validation=10)


def test_too_many_held_out(tmp_path):
    formats.write_mnist(tmp_path, counts=(40, 10))
    with pytest.raises(ArgumentError, match="validation=5000 is more than the 40 training"):
        load("mnist", folder=tmp_path)


def test_cifar(tmp_path):
    formats.write_folder(tmp_path / "cifar-10-batches-bin", formats.cifar10_files("binary", 6))
    parts = load("cifar10", path=tmp_path, validation=5)
    assert [len(part) for part in parts] == [25, 5, 6]
    formats.write_folder(tmp_path / "cifar-100-python", formats.cifar100_files("python", 8))
    parts = load("cifar100", path=tmp_path, labels="coarse", validation=2)
    assert [len(part) for part in parts] == [6, 2, 8]


def test_files(tmp_path):
    (tmp_path / "t.csv").write_text("x,kind\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(20)))
    parts = load("csv", path=str(tmp_path / "t.csv"), target="kind")
    assert [len(part) for part in parts] == [14, 2, 4]
    by_index = load("csv", path=str(tmp_path / "t.csv"), target="1", header="true")
    assert by_index.train.classes == ("a", "b")
    arrays = {"x": np.zeros((10, 2)), "y": np.arange(10) % 2}
    (tmp_path / "d.npz").write_bytes(formats.npz_bytes(**arrays))
    parts = load("npz", path=tmp_path / "d.npz", inputs="x", targets="y")
    assert sum(len(part) for part in parts) == 10
