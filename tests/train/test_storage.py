"""Checkpoints: exact, atomic, checked, and never mistaken for good when damaged."""

import hashlib
import json
import math
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.train.toy import X, Y, assert_identical, trainer

import lamina
from lamina.core.errors import ArgumentError, DataError, MissingExtraError
from lamina.train import Checkpoint, load_checkpoint, storage
from lamina.train.packing import pack, unpack

STATE = {"weights": np.arange(6, dtype=np.float32).reshape(2, 3), "step": 3}

numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.booleans()
arrays = st.sampled_from(
    [np.zeros((0, 3)), np.float32(1.5), np.arange(4)[::2], np.ones((2, 2), bool).T,
     np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.array([7], np.uint32)]
)  # fmt: skip
trees = st.recursive(
    numbers | st.none() | st.text() | arrays,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(["$array", "$tuple"]), inner)
        | st.dictionaries(st.integers(), inner)
    ),
    max_leaves=8,
)


@given(trees)
def test_packing_is_exact_and_json(tree: Any) -> None:
    data, found = pack(tree)
    back = unpack(json.loads(json.dumps(data, allow_nan=False)), found)
    assert_same(tree, back)


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, np.ndarray | np.generic):
        assert isinstance(other, np.ndarray)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
        return
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    else:
        assert one == other


def test_packing_keeps_nan_and_tensors() -> None:
    data, found = pack([math.nan, -math.inf, lamina.tensor([1.0])])
    back = unpack(json.loads(json.dumps(data, allow_nan=False)), found)
    assert math.isnan(back[0])
    assert back[1] == -math.inf
    assert back[2].tolist() == [1.0]


def test_objects_are_not_packed() -> None:
    with pytest.raises(ArgumentError, match="callbacks/0 is a object"):
        pack({"callbacks": [object()]})


def test_save_and_load(tmp_path: Path) -> None:
    path = storage.save(tmp_path, 3, STATE)
    assert path.name == "step-00000003"
    assert sorted(p.name for p in path.iterdir()) == ["arrays.safetensors", "state.json"]
    assert_identical(storage.load(path), STATE)
    assert_identical(load_checkpoint(tmp_path), STATE)
    assert_identical(load_checkpoint(str(path)), STATE)


def test_the_arrays_are_a_safetensors_file_with_its_checksum(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    path = storage.save(tmp_path, 3, STATE)
    np.testing.assert_array_equal(load_file(path / storage.ARRAYS)["weights"], STATE["weights"])
    header = json.loads((path / storage.STATE).read_text())
    content = (path / storage.ARRAYS).read_bytes()
    assert header["arrays"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert (header["format"], header["version"]) == ("lamina-checkpoint", 1)


def test_only_the_last_are_kept(tmp_path: Path) -> None:
    for step in range(1, 6):
        storage.save(tmp_path, step, STATE, keep=2)
    assert [p.name for p in storage.checkpoints(tmp_path)] == ["step-00000004", "step-00000005"]


def test_a_checkpoint_of_the_same_step_is_replaced_not_written_over(tmp_path: Path) -> None:
    for weight in (1.0, 2.0, 3.0):
        storage.save(tmp_path, 1, {"weight": weight})
    assert [p.name for p in storage.checkpoints(tmp_path)] == ["step-00000001.2"]
    assert load_checkpoint(tmp_path) == {"weight": 3.0}


DAMAGE = {
    "truncated arrays": (storage.ARRAYS, lambda b: b[:-5], "expected .* bytes, got"),
    "empty arrays": (storage.ARRAYS, lambda b: b"", "expected .* bytes, got 0"),
    "a flipped bit": (storage.ARRAYS, lambda b: b[:-1] + bytes([b[-1] ^ 1]), "damaged: its SHA"),
    "truncated state": (storage.STATE, lambda b: b[:-20], "not a JSON document"),
    "empty state": (storage.STATE, lambda b: b"", "not a JSON document"),
    "binary state": (storage.STATE, lambda b: b"\xff\xfe\x00", "not a JSON document"),
    "another JSON": (storage.STATE, lambda b: b"[1, 2]", "expected \"format\""),
    "no state": (
        storage.STATE, lambda b: b.replace(b'"state"', b'"State"'), 'keys "arrays" and "state"'
    ),
    "another version": (
        storage.STATE, lambda b: b.replace(b'"version": 1', b'"version": 9'), "version 1, got 9"
    ),
    "another array": (
        storage.STATE, lambda b: b.replace(b'"weights"\n', b'"biases"\n'), "'biases' is missing"
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named(tmp_path: Path, damage: str) -> None:
    name, change, message = DAMAGE[damage]
    path = storage.save(tmp_path, 1, STATE)
    content = (path / name).read_bytes()
    (path / name).write_bytes(change(content))
    assert (path / name).read_bytes() != content
    with pytest.raises(DataError, match=message) as caught:
        load_checkpoint(tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", [storage.ARRAYS, storage.STATE])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    path = storage.save(tmp_path, 1, STATE)
    (path / name).unlink()
    with pytest.raises(DataError, match=f"{name}: cannot be read"):
        load_checkpoint(tmp_path)


def test_arrays_not_in_safetensors_format(tmp_path: Path) -> None:
    path = storage.save(tmp_path, 1, STATE)
    bad = b"not a safetensors file at all"
    (path / storage.ARRAYS).write_bytes(bad)
    header = json.loads((path / storage.STATE).read_text())
    header["arrays"] |= {"bytes": len(bad), "sha256": hashlib.sha256(bad).hexdigest()}
    (path / storage.STATE).write_text(json.dumps(header))
    with pytest.raises(DataError, match="not in safetensors format"):
        load_checkpoint(tmp_path)


def test_the_one_before_a_damaged_checkpoint_is_used_with_a_warning(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        storage.save(tmp_path, step, {"step": step})
    (tmp_path / "step-00000003" / storage.ARRAYS).write_bytes(b"")
    (tmp_path / "step-00000002" / storage.STATE).unlink()
    with pytest.warns(UserWarning, match="using step-00000001 instead"):
        assert load_checkpoint(tmp_path) == {"step": 1}


def test_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no checkpoint"):
        load_checkpoint(tmp_path)


def test_what_a_killed_process_left_is_ignored_and_removed(tmp_path: Path) -> None:
    path = storage.save(tmp_path, 1, STATE)
    half = tmp_path / f"{storage.TEMPORARY}x"
    shutil.copytree(path, half)
    (half / storage.STATE).unlink()
    assert storage.checkpoints(tmp_path) == [path]
    trainer().fit((X, Y), epochs=1, callbacks=[Checkpoint(tmp_path / "new")], progress="none")
    storage.remove_incomplete(tmp_path)
    assert not half.exists()


@pytest.mark.parametrize("failing", ["_write_bytes", "_flush_folder", "_remove_old"])
def test_a_failure_at_any_point_leaves_a_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    storage.save(tmp_path, 1, {"step": 1})

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(storage, failing, fail)
    with pytest.raises(KeyboardInterrupt):
        storage.save(tmp_path, 2, {"step": 2})
    expected = 2 if failing == "_remove_old" else 1
    assert load_checkpoint(tmp_path) == {"step": expected}
    assert not list(tmp_path.glob(f"{storage.TEMPORARY}*"))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        storage.save(tmp_path / "file", 1, STATE)


def test_another_run_is_not_written_over(tmp_path: Path) -> None:
    trainer().fit((X, Y), epochs=1, callbacks=[Checkpoint(tmp_path)], progress="none")
    with pytest.raises(ArgumentError, match="holds checkpoints of another run"):
        trainer().fit((X, Y), epochs=1, callbacks=[Checkpoint(tmp_path)], progress="none")


def test_a_run_may_go_on_in_its_own_folder(tmp_path: Path) -> None:
    made = trainer()
    for epochs in (1, 2):
        made.fit((X, Y), None, epochs, [Checkpoint(tmp_path)], progress="none")
    again = trainer()
    again.fit((X, Y), None, 3, [Checkpoint(tmp_path)], resume=tmp_path, progress="none")
    assert load_checkpoint(tmp_path)["epoch"] == 3


def test_a_missing_extra_is_reported_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    made = trainer()
    with pytest.raises(MissingExtraError, match=r"pip install 'lamina\[train\]'"):
        made.fit((X, Y), epochs=1, callbacks=[Checkpoint(tmp_path)], progress="none")
    assert made.step == 0
