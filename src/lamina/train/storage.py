"""Checkpoints on disk: a folder with ``arrays.safetensors`` and ``state.json``.

A checkpoint is written under a temporary name in the folder where it shall be, flushed to the disk,
and then renamed, which is atomic. So whenever the process dies, every folder with a checkpoint's
name is complete. A folder may hold several, named by step; ``step-00000100.1`` replaces
``step-00000100``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from lamina.core.errors import DataError, missing_extra
from lamina.core.types import Array
from lamina.train.packing import pack, unpack

FORMAT = "lamina-checkpoint"
VERSION = 1
ARRAYS, STATE = "arrays.safetensors", "state.json"
TEMPORARY = ".incomplete-"
NAME = re.compile(r"step-(\d{8,})(?:\.(\d+))?")


class CheckpointWarning(UserWarning):
    """A damaged checkpoint was passed over for an older one."""


def require_safetensors() -> ModuleType:
    """The safetensors package's NumPy part, or an error that says how to install it."""
    try:
        import safetensors.numpy
    except ImportError as error:
        raise missing_extra("safetensors", "train", "saving and loading checkpoints") from error
    module: ModuleType = safetensors.numpy
    return module


def save(folder: Path, step: int, state: Any, keep: int | None = None) -> Path:
    """Write `state` as the checkpoint of `step` in `folder`; keep the last `keep` checkpoints.

    Raises `MissingExtraError` without safetensors, `DataError` if the disk does not take it.
    """
    require_safetensors()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / _free_name(folder, step)
        temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder))
        try:
            _write(temporary, state)
            temporary.rename(target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        _flush_folder(folder)
        _remove_old(folder, step, target, keep)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return target


def load(checkpoint: Path) -> Any:
    """The state saved in one checkpoint.

    Raises `DataError` naming the file and what is wrong with it.
    """
    numpy_part = require_safetensors()
    header = _read_header(checkpoint / STATE)
    content = _read_arrays(checkpoint / ARRAYS, header["arrays"])
    try:
        arrays: dict[str, Array] = numpy_part.load(content)
    except Exception as error:  # safetensors raises classes of its own
        raise DataError(f"{checkpoint / ARRAYS}: not in safetensors format: {error}") from error
    try:
        return unpack(header["state"], arrays)
    except DataError as error:
        raise DataError(f"{checkpoint / ARRAYS}: {error}") from error


def load_checkpoint(folder: str | Path) -> Any:
    """The state of the last complete checkpoint in `folder` (or of `folder`, if it is one).

    A damaged checkpoint is passed over with a warning for the one before it.

    Raises `DataError` if there is no checkpoint, or none that can be read.
    """
    folder = Path(folder)
    candidates = [folder] if (folder / STATE).exists() else checkpoints(folder)[::-1]
    if not candidates:
        raise DataError(f"{folder}: holds no checkpoint (a folder named step-…)")
    problems: list[DataError] = []
    for candidate in candidates:
        try:
            state = load(candidate)
        except DataError as error:
            problems.append(error)
            continue
        for problem in problems:
            message = f"{problem}; using {candidate.name} instead"
            warnings.warn(message, CheckpointWarning, stacklevel=2)
        return state
    raise problems[0]


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        match = NAME.fullmatch(path.name)
        if match:
            found.append(((int(match[1]), int(match[2] or 0)), path))
    return [path for _, path in sorted(found)]


def remove_incomplete(folder: Path) -> None:
    """Remove what a killed process left half written or half removed."""
    for path in folder.glob(f"{TEMPORARY}*"):
        shutil.rmtree(path, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Replace a text file as a whole: readers see the old content or the new."""
    handle, name = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)
    os.close(handle)
    _write_bytes(Path(name), text.encode())
    Path(name).replace(path)
    _flush_folder(path.parent)


def _free_name(folder: Path, step: int) -> str:
    """The step's name, numbered if there is one already: nothing is ever written over."""
    name = f"step-{step:08d}"
    taken = [int(m[2] or 0) for p in checkpoints(folder) if (m := NAME.fullmatch(p.name))
             and int(m[1]) == step]  # fmt: skip
    return f"{name}.{max(taken) + 1}" if taken else name


def _write(folder: Path, state: Any) -> None:
    data, arrays = pack(state)
    content: bytes = require_safetensors().save(arrays)
    checksum = hashlib.sha256(content).hexdigest()
    described = {"file": ARRAYS, "bytes": len(content), "sha256": checksum}
    header = {"format": FORMAT, "version": VERSION, "arrays": described, "state": data}
    _write_bytes(folder / ARRAYS, content)
    _write_bytes(folder / STATE, json.dumps(header, indent=1, allow_nan=False).encode())
    _flush_folder(folder)


def _write_bytes(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Make renames in a folder last through a power failure, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_old(folder: Path, step: int, newest: Path, keep: int | None) -> None:
    others = [path for path in checkpoints(folder) if path != newest]
    # A later step is left of a run that went back to this one's past, and is history no more.
    same_or_later = [path for path in others if _step(path) >= step]
    earlier = [path for path in others if _step(path) < step]
    surplus = earlier[: len(earlier) - keep + 1] if keep is not None else []
    for path in same_or_later + surplus:
        removed = path.rename(path.with_name(f"{TEMPORARY}{path.name}"))
        shutil.rmtree(removed, ignore_errors=True)


def _step(path: Path) -> int:
    match = NAME.fullmatch(path.name)
    assert match is not None
    return int(match[1])


def _read_header(path: Path) -> dict[str, Any]:
    try:
        header = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise DataError(f"{path}: not a JSON document: {error}") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise DataError(f'{path}: expected "format": "{FORMAT}", this is something else')
    if header.get("version") != VERSION:
        raise DataError(
            f"{path}: expected format version {VERSION}, got {header.get('version')!r}; "
            "it was written by another version of Lamina"
        )
    described = header.get("arrays")
    if "state" not in header or not isinstance(described, dict):
        raise DataError(f'{path}: expected keys "arrays" and "state"')
    return header


def _read_arrays(path: Path, described: dict[str, Any]) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) != described.get("bytes"):
        raise DataError(f"{path}: expected {described.get('bytes')} bytes, got {len(content)}")
    checksum = hashlib.sha256(content).hexdigest()
    if checksum != described.get("sha256"):
        raise DataError(
            f"{path}: damaged: its SHA-256 is {checksum}, state.json says {described.get('sha256')}"
        )
    return content
