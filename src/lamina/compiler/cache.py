"""Native code kept on disk, by what it was made from.

An entry is a file in one folder, named by its key's digest: a magic word, the content's length, a
checksum over key and content, and the content. Whatever does not agree with its checksum, or was
written by another user, is removed and counts as absent. Entries are written under a temporary
name and renamed, so readers see all of one or nothing.

Native code is loaded from here and run. So the folder must belong to this user, and nobody else
may write to it. A checksum tells of damage and not of malice: it keeps no one out who may write.

Nothing in here raises because of the disk. Where the cache cannot work, `get` finds nothing, `put`
keeps nothing, and `Cache.problem` says why.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from lamina.core.errors import ArgumentError

FOLDER_SETTING, SIZE_SETTING = "LAMINA_CACHE_DIR", "LAMINA_CACHE_SIZE"
DEFAULT_MIB = 512
MAGIC = b"LaminaC\x01"  # the last byte is the version of the format
HEADER = len(MAGIC) + 8 + sha256().digest_size
ENTRY = re.compile(r"[0-9a-f]{64}\.entry")
TEMPORARY = re.compile(r"incomplete-.+\.tmp")
ABANDONED = 3600.0  # seconds after which whoever wrote a temporary file is taken to be dead


def key_of(*parts: bytes | str) -> str:
    """A digest of all parts, in their order; a string counts as its UTF-8 encoding.

    Name everything that the content depends on: the program, the versions of Lamina and LLVM,
    the processor and its features.

    >>> key_of("a", "bc") == key_of("ab", "c")
    False
    """
    digest = sha256()
    for part in parts:
        data = _bytes(part)
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


class Cache:
    """Bytes by key, in a folder that other processes and threads use at the same time.

    Args:
        folder: by default ``$LAMINA_CACHE_DIR``, else ``$XDG_CACHE_HOME/lamina``, else
            ``~/.cache/lamina``. Made with permission 0700 if it does not exist.
        limit: how many bytes the folder may hold, by default ``$LAMINA_CACHE_SIZE`` MiB, else
            512 MiB; 0 keeps nothing. The least recently used go first. Several processes that
            write at the same moment may pass it, by an eighth for each.

    Raises:
        ArgumentError: ``LAMINA_CACHE_SIZE`` is not a whole number of MiB.
    """

    def __init__(self, folder: str | Path | None = None, limit: int | None = None) -> None:
        #: Why entries are not kept: of the whole cache, or of the last `put`. None if all is well.
        self.problem: str | None = None
        self.limit = _limit_setting() if limit is None else limit
        self.folder = self._usable(folder)
        self._room = 0  # bytes that may be written before the folder is looked through again

    def get(self, key: bytes | str) -> bytes | None:
        """The content kept for `key`, as it was put, or None."""
        if self.folder is None:
            return None
        path = self._path(self.folder, key)
        try:
            with path.open("rb") as file:
                content = _read(file, key)
        except OSError:
            return None
        with suppress(OSError):
            if content is None:
                path.unlink()
            else:
                os.utime(path)  # most recently used
        return content

    def put(self, key: bytes | str, content: bytes) -> bool:
        """Keep `content` for `key`; False, with a `problem`, where the disk does not take it."""
        if self.folder is None:
            return False
        size = HEADER + len(content)
        if size > self.limit - self.limit // 8:
            self.problem = f"an entry of {size} bytes is too large for {self.limit} bytes in all"
            return False
        try:
            _make(self.folder)  # again, as the user may have removed it
            self._make_room(self.folder, size)
            _write(self._path(self.folder, key), key, content)
        except OSError as error:
            self.problem = f"{self.folder}: cannot be written: {error.strerror or error}"
            return False
        self.problem = None
        return True

    def _usable(self, folder: str | Path | None) -> Path | None:
        if self.limit <= 0:
            self.problem = f"{SIZE_SETTING} is 0"
            return None
        try:
            path = Path(folder) if folder is not None else _folder_setting()
            _make(path)
            self.problem = _distrust(path.stat(), str(path))
        except (OSError, RuntimeError) as error:  # RuntimeError: there is no home folder
            self.problem = f"the cache folder cannot be made: {error}"
        return path.absolute() if self.problem is None else None

    @staticmethod
    def _path(folder: Path, key: bytes | str) -> Path:
        return folder / f"{key_of(key)}.entry"

    def _make_room(self, folder: Path, size: int) -> None:
        # Looking through the folder takes longer than writing to it, so that is done only once
        # for an eighth of the limit. Threads may race for `_room`: they merely look later.
        if size > self._room:
            self._room = self.limit // 8
            _evict(folder, self.limit - self._room - size)
        else:
            self._room -= size


@lru_cache(maxsize=1)
def _default() -> Cache:
    return Cache()


def kept(parts: tuple[bytes | str, ...], make: Callable[[], bytes]) -> bytes:
    """Return what is kept on the disk for the key of ``parts``, made and put there if need be."""
    cache, key = _default(), key_of(*parts)
    content = cache.get(key)
    if content is None:
        content = make()
        cache.put(key, content)
    return content


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


@dataclass(frozen=True, slots=True, order=True)
class _File:
    used: int
    size: int
    path: Path


def _evict(folder: Path, limit: int) -> None:
    """Remove the least recently used entries, and abandoned files, down to `limit` bytes."""
    files = sorted(_files(folder), reverse=True)
    oldest = time.time_ns() - int(ABANDONED * 1e9)
    total = 0
    for file in files:
        total += file.size
        temporary = TEMPORARY.fullmatch(file.path.name)
        if file.used < oldest if temporary else total > limit:
            total -= file.size
            with suppress(OSError):  # another process was faster
                file.path.unlink()


def _files(folder: Path) -> list[_File]:
    """The cache's own files; whatever else lies in the folder is left alone."""
    files = []
    for path in folder.iterdir():
        if ENTRY.fullmatch(path.name) or TEMPORARY.fullmatch(path.name):
            with suppress(OSError):
                status = path.lstat()
                files.append(_File(status.st_mtime_ns, status.st_size, path))
    return files


def _read(file: BinaryIO, key: bytes | str) -> bytes | None:
    status = os.fstat(file.fileno())
    if _distrust(status, file.name) or not stat.S_ISREG(status.st_mode):
        return None
    header, content = file.read(HEADER), file.read()
    return content if header == _header(key, content) else None


def _write(path: Path, key: bytes | str, content: bytes) -> None:
    number, name = tempfile.mkstemp(prefix="incomplete-", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(_header(key, content))
            file.write(content)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _header(key: bytes | str, content: bytes) -> bytes:
    checksum = sha256(key_of(key).encode())
    checksum.update(content)
    return MAGIC + len(content).to_bytes(8, "little") + checksum.digest()


def _distrust(status: os.stat_result, name: str) -> str | None:
    """Why code in that file or folder must not be run, if somebody else may have written it."""
    if os.name != "posix":  # permissions are kept elsewhere there
        return None
    if status.st_uid != os.geteuid():
        return f"{name} belongs to another user ({status.st_uid}, and this is {os.geteuid()})"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"{name} may be written by others: run `chmod go-w {name}`"
    return None


def _folder_setting() -> Path:
    folder = os.environ.get(FOLDER_SETTING)
    if folder:
        return Path(folder).expanduser()
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG base directory specification has relative paths ignored.
    return (base if base.is_absolute() else Path.home() / ".cache") / "lamina"


def _limit_setting() -> int:
    setting = os.environ.get(SIZE_SETTING) or str(DEFAULT_MIB)
    if not (setting.isascii() and setting.isdigit()):
        raise ArgumentError(
            f"{SIZE_SETTING}: expected a whole number of MiB, such as {DEFAULT_MIB}, not "
            f"{setting!r}"
        )
    return int(setting) << 20


def _bytes(data: bytes | str) -> bytes:
    return data.encode() if isinstance(data, str) else data
