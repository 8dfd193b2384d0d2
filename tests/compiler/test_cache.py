"""The disk cache: what it gives back is what was put, whatever happens to the disk."""

import hashlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.compiler import cache as module
from lamina.compiler.cache import Cache, key_of
from lamina.core.errors import ArgumentError

posix = pytest.mark.skipif(os.name != "posix", reason="owners and permissions are POSIX's")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LAMINA_CACHE_DIR", "LAMINA_CACHE_SIZE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def entry_of(folder: Path) -> Path:
    (entry,) = folder.glob("*.entry")
    return entry


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


# Keeping and finding -------------------------------------------------------------------------


@given(st.dictionaries(st.text() | st.binary(), st.binary(max_size=2000), max_size=5))
def test_get_gives_what_was_put(entries: dict[str | bytes, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        by_digest = {key_of(key): content for key, content in entries.items()}
        for key, content in entries.items():
            assert Cache(folder).put(key, content)
        for key in entries:
            assert Cache(folder).get(key) == by_digest[key_of(key)]


def test_get_of_an_absent_key_is_none(folder: Path) -> None:
    cache = Cache(folder)
    assert cache.get("key") is None
    assert cache.problem is None


def test_the_last_put_counts(folder: Path) -> None:
    cache = Cache(folder)
    cache.put("key", b"first")
    cache.put("key", b"second")
    assert cache.get("key") == b"second"
    assert len(list(folder.iterdir())) == 1


def test_keys_are_not_paths(folder: Path) -> None:
    cache = Cache(folder)
    for key in ("../escaped", "/absolute", "", "a" * 10_000, b"\0\xff"):
        assert cache.put(key, b"content")
        assert cache.get(key) == b"content"
    assert [path.name for path in folder.parent.iterdir()] == ["cache"]


parts = st.lists(st.binary(max_size=4), max_size=4)


@given(parts, parts)
def test_key_of_tells_parts_apart(one: list[bytes], other: list[bytes]) -> None:
    assert (key_of(*one) == key_of(*other)) == (one == other)


def test_key_of_is_the_digest_of_lengths_and_parts() -> None:
    joined = b"\x07\0\0\0\0\0\0\0" + "lämina".encode() + b"\x01\0\0\0\0\0\0\0" + b"\xff"
    assert key_of("lämina", b"\xff") == hashlib.sha256(joined).hexdigest()


def test_a_folder_removed_meanwhile_is_made_again(folder: Path) -> None:
    cache = Cache(folder)
    folder.rmdir()
    assert cache.get("key") is None
    assert cache.put("key", b"content")
    assert cache.get("key") == b"content"


# Settings ------------------------------------------------------------------------------------


def test_folder_follows_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    assert Cache().folder == tmp_path / "home" / ".cache" / "lamina"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert Cache().folder == tmp_path / "home" / ".cache" / "lamina"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert Cache().folder == tmp_path / "xdg" / "lamina"
    monkeypatch.setenv("LAMINA_CACHE_DIR", "~/mine")
    assert Cache().folder == tmp_path / "home" / "mine"
    assert Cache(tmp_path / "given").folder == tmp_path / "given"


def test_limit_follows_the_setting(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    assert Cache(folder).limit == 512 * 2**20
    monkeypatch.setenv("LAMINA_CACHE_SIZE", "3")
    assert Cache(folder).limit == 3 * 2**20
    assert Cache(folder, limit=1000).limit == 1000


def test_limit_0_keeps_nothing(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("LAMINA_CACHE_SIZE", "0")
    cache = Cache(folder)
    assert not cache.put("key", b"content")
    assert cache.get("key") is None
    assert cache.problem == "LAMINA_CACHE_SIZE is 0"
    assert not folder.exists()


@pytest.mark.parametrize("setting", ["many", "-1", "1.5", "½", "٣"])
def test_a_bad_limit_is_an_error(
    monkeypatch: pytest.MonkeyPatch, folder: Path, setting: str
) -> None:
    monkeypatch.setenv("LAMINA_CACHE_SIZE", setting)
    with pytest.raises(ArgumentError, match=f"LAMINA_CACHE_SIZE: expected .* not '{setting}'"):
        Cache(folder)


# Damage --------------------------------------------------------------------------------------

CONTENT = bytes(range(256)) * 2


@given(st.data())
def test_a_damaged_entry_is_absent_and_removed(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(folder)
        cache.put("key", CONTENT)
        entry = entry_of(Path(folder))
        whole = entry.read_bytes()
        damaged = data.draw(damage(whole))
        entry.write_bytes(damaged)
        assert cache.get("key") == (CONTENT if damaged == whole else None)
        assert entry.exists() == (damaged == whole)
        assert cache.put("key", CONTENT)
        assert cache.get("key") == CONTENT


@st.composite
def damage(draw: st.DrawFn, whole: bytes) -> bytes:
    """`whole` with a byte changed, cut short, made longer, with a part left out, or another."""
    place = draw(st.integers(0, len(whole) - 1))
    some = draw(st.binary(min_size=1, max_size=60))
    kind = draw(st.sampled_from(["flip", "cut", "longer", "leave out", "other", "overwrite"]))
    if kind == "flip":
        flipped = whole[place] ^ draw(st.integers(1, 255))
        return whole[:place] + bytes([flipped]) + whole[place + 1 :]
    changed = {
        "cut": whole[:place],
        "longer": whole + some,
        "leave out": whole[:place] + whole[place + len(some) :],
        "other": some,
        "overwrite": whole[:place] + some + whole[place + len(some) :],
    }
    return changed[kind]


def test_every_byte_of_an_entry_is_checked(folder: Path) -> None:
    cache = Cache(folder)
    cache.put("key", b"content")
    entry = entry_of(folder)
    whole = entry.read_bytes()
    for place in range(len(whole)):
        entry.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert cache.get("key") is None
        entry.write_bytes(whole[:place])
        assert cache.get("key") is None
    entry.write_bytes(whole)
    assert cache.get("key") == b"content"


def test_an_entry_under_another_name_is_absent(folder: Path) -> None:
    cache = Cache(folder)
    cache.put("one", b"content of one")
    entry = entry_of(folder)
    cache.put("two", b"content of two")
    (other,) = set(folder.glob("*.entry")) - {entry}
    entry.replace(other)
    assert cache.get("two") is None


def test_an_entry_of_another_format_is_absent(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    Cache(folder).put("key", b"content")
    monkeypatch.setattr(module, "MAGIC", b"LaminaC\xff")
    assert Cache(folder).get("key") is None


def test_a_folder_in_the_place_of_an_entry_is_a_problem_told(folder: Path) -> None:
    cache = Cache(folder)
    cache.put("key", b"content")
    entry = entry_of(folder)
    entry.unlink()
    entry.mkdir()
    assert cache.get("key") is None
    assert not cache.put("key", b"content")
    assert "cannot be written" in str(cache.problem)
    entry.rmdir()
    assert cache.put("key", b"content")
    assert cache.problem is None


# Eviction ------------------------------------------------------------------------------------


def age(folder: Path, seconds: float) -> None:
    """Let time pass for all files that are there."""
    for path in folder.iterdir():
        then = path.stat().st_mtime - seconds
        os.utime(path, (then, then))


def test_the_folder_never_holds_more_than_the_limit(folder: Path) -> None:
    cache = Cache(folder, limit=20_000)
    for number in range(300):
        assert cache.put(f"{number}", bytes(number % 7 * 400))
        assert size_of(folder) <= 20_000
        assert cache.get(f"{number}") == bytes(number % 7 * 400)
    assert size_of(folder) > 10_000


def test_the_least_recently_used_go_first(folder: Path) -> None:
    cache = Cache(folder, limit=10_000)
    for name in "abcdef":
        cache.put(name, bytes(1000))
        age(folder, 10)
    assert cache.get("a") == bytes(1000)  # now the most recently used
    age(folder, 10)
    assert Cache(folder, limit=5_000).put("g", bytes(1000))
    assert [name for name in "abcdefg" if cache.get(name)] == ["a", "e", "f", "g"]


def test_an_entry_too_large_is_not_kept(folder: Path) -> None:
    cache = Cache(folder, limit=1000)
    assert cache.put("small", b"content")
    assert not cache.put("large", bytes(1000))
    assert "too large for 1000 bytes" in str(cache.problem)
    assert cache.get("small") == b"content"


def test_files_of_others_are_left_alone(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    notes = folder / "notes.txt"
    notes.write_bytes(bytes(5000))
    age(folder, 10_000)
    cache = Cache(folder, limit=1000)
    for number in range(20):
        assert cache.put(f"{number}", bytes(200))
    assert notes.exists()


def test_a_hit_does_not_look_through_the_folder(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    cache = Cache(folder)
    cache.put("key", b"content")
    monkeypatch.setattr(module, "_files", lambda _: pytest.fail("looked through the folder"))
    assert cache.get("key") == b"content"
    assert cache.get("absent") is None
    assert cache.put("another", b"content")  # nor does every put


# Owners and permissions ----------------------------------------------------------------------


@posix
def test_folder_and_entries_are_private(folder: Path) -> None:
    before = os.umask(0)
    try:
        Cache(folder / "deep").put("key", b"content")
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "deep").stat().st_mode) == 0o700
    assert stat.S_IMODE(entry_of(folder / "deep").stat().st_mode) == 0o600


@posix
@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777, 0o1777])
def test_a_folder_that_others_may_write_to_is_refused(folder: Path, mode: int) -> None:
    Cache(folder).put("key", b"content")
    folder.chmod(mode)
    cache = Cache(folder)
    assert cache.problem == f"{folder} may be written by others: run `chmod go-w {folder}`"
    assert cache.get("key") is None
    assert not cache.put("key", b"content")
    folder.chmod(0o755)
    assert Cache(folder).get("key") == b"content"


@posix
def test_a_folder_of_another_user_is_refused(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    Cache(folder).put("key", b"content")
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    cache = Cache(folder)
    assert "belongs to another user" in str(cache.problem)
    assert cache.get("key") is None


@posix
def test_an_entry_of_another_user_is_absent(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Somebody exchanged the folder after it was found to be good."""
    cache = Cache(folder)
    cache.put("key", b"content")
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    assert cache.get("key") is None


@posix
def test_an_entry_that_others_may_write_is_absent(folder: Path) -> None:
    cache = Cache(folder)
    cache.put("key", b"content")
    entry_of(folder).chmod(0o666)
    assert cache.get("key") is None


def test_without_a_folder_nothing_is_kept_and_the_reason_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "cache"):
        cache = Cache(folder)
        assert not cache.put("key", b"content")
        assert cache.get("key") is None
        assert "cannot be made" in str(cache.problem)


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_only_be_read_is_read(folder: Path) -> None:
    Cache(folder).put("key", b"content")
    folder.chmod(0o500)
    cache = Cache(folder)
    assert cache.get("key") == b"content"
    assert not cache.put("other", b"content")
    assert "cannot be written" in str(cache.problem)
    folder.chmod(0o700)


def test_a_full_disk_is_a_problem_told(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    cache = Cache(folder)
    cache.put("key", b"content")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert not cache.put("other", b"content")
    assert cache.problem == f"{folder}: cannot be written: No space left on device"
    assert cache.get("key") == b"content"
    assert len(list(folder.iterdir())) == 1  # nothing half-written stays


def test_without_a_home_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    cache = Cache()
    assert cache.folder is None
    assert "home directory" in str(cache.problem)


# Other processes and threads -----------------------------------------------------------------

# A process that puts and gets at random, and stops at anything wrong.
WORKER = """
import random, sys
from lamina.compiler.cache import Cache, key_of
cache, draw, found = Cache(sys.argv[1], limit=300_000), random.Random(int(sys.argv[2])), 0
for _ in range(1000):
    key = str(draw.randrange(20))
    content = key_of(key).encode() * draw.choice([1, 10, 300])
    if draw.random() < 0.5:
        assert cache.put(key, content), cache.problem
    else:
        content = cache.get(key)
        digest = key_of(key).encode()
        assert content is None or content == digest * (len(content) // len(digest)), key
        found += content is not None
print(found)
"""
# A process that kills itself before or after a call in the middle of `put`.
SUICIDE = """
import os, pathlib, signal, sys, tempfile
from lamina.compiler.cache import Cache
folder, name, when = sys.argv[1:]
place = {"mkstemp": tempfile, "fdopen": os, "replace": pathlib.Path}[name]
call = getattr(place, name)
def killed(*args, **kwargs):
    if when == "after":
        call(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
cache = Cache(folder)
cache.put("before", b"whole")
setattr(place, name, killed)
cache.put("key", bytes(100_000))
"""
# A process that writes one large entry after another until it is killed.
WRITER = """
import sys
from lamina.compiler.cache import Cache
cache, number = Cache(sys.argv[1]), 0
print("ready", flush=True)
while True:
    number += 1
    cache.put("key", bytes([number % 256]) * 3_000_000)
"""


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        pipe = subprocess.PIPE
        running.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_many_processes_agree(folder: Path, start: Start) -> None:
    workers = [start(WORKER, folder, seed) for seed in range(4)]
    for worker in workers:
        output, errors = worker.communicate(timeout=60)
        assert worker.returncode == 0, errors
        assert int(output) > 0
    assert not list(folder.glob("*.tmp"))
    assert size_of(folder) <= 300_000 * (1 + len(workers) / 8)


def test_many_threads_agree(folder: Path) -> None:
    cache, wrong = Cache(folder, limit=50_000), []

    def work(seed: int) -> None:
        for step in range(150):
            key = str((seed * 7 + step) % 10)
            cache.put(key, key.encode() * 1000 * (1 + step % 3))
            content = cache.get(str(step % 10))
            if content is not None and set(content) != set(str(step % 10).encode()):
                wrong.append(step)
            if cache.problem:
                wrong.append(step)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@posix
@pytest.mark.parametrize(
    ("name", "when", "expected"),
    [
        ("mkstemp", "after", None),
        ("fdopen", "after", None),
        ("replace", "before", None),
        ("replace", "after", bytes(100_000)),
    ],
)
def test_a_process_killed_in_put_leaves_all_or_nothing(
    folder: Path, start: Start, name: str, when: str, expected: bytes | None
) -> None:
    process = start(SUICIDE, folder, name, when)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors
    cache = Cache(folder)
    assert cache.get("before") == b"whole"
    assert cache.get("key") == expected
    assert len(list(folder.glob("*.tmp"))) == (expected is None)
    age(folder, 2 * module.ABANDONED)
    assert cache.put("key", b"rebuilt")
    assert not list(folder.glob("*.tmp"))
    assert cache.get("key") == b"rebuilt"


@posix
def test_a_process_killed_at_any_time_leaves_all_or_nothing(folder: Path, start: Start) -> None:
    for attempt in range(6):
        process = start(WRITER, folder)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.002 + 0.007 * attempt)
        process.kill()
        process.wait()
        content = Cache(folder).get("key")
        if content is not None:
            assert content == content[:1] * 3_000_000
    assert list(folder.iterdir())
