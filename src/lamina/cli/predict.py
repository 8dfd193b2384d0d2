"""``lamina predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from lamina import functions as F
from lamina.cli.errors import ConfigError
from lamina.cli.options import (
    BATCH_SIZE,
    CHECKPOINT,
    ENGINE,
    EXISTING_FOLDER,
    FILE,
    output_options,
)
from lamina.cli.output import emit_json, emit_table
from lamina.cli.runs import RunFolder
from lamina.core.errors import DataError
from lamina.core.types import Array
from lamina.data import IMAGE_SUFFIXES, read_image, read_npz
from lamina.tensors import as_tensor
from lamina.train import predict as outputs_of


@click.command()
@click.argument("run", type=EXISTING_FOLDER)
@click.argument("input", type=FILE)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path),
              help="Also save the model's outputs as a .npy file.")  # fmt: skip
@CHECKPOINT
@BATCH_SIZE
@ENGINE
@output_options
def predict(
    run: Path,
    input: Path,
    out: Path | None,
    checkpoint: str | None,
    batch_size: int,
    engine: str | None,
    as_json: bool,
) -> None:
    """Apply the model of RUN to INPUT.

    INPUT is a .npy array, a .npz file with an array `inputs` (or with one array), a .csv file of
    numbers, a row for each example (and perhaps a header), or a picture, for a run on pictures. A
    single example may lack the first axis.
    """
    folder = RunFolder(run)
    about = folder.read()["data"]
    inputs = _examples(input, tuple(about["input_shape"]))
    engine = engine or folder.settings().get("engine", "compiled")
    outputs = outputs_of(folder.model(checkpoint), inputs, batch_size, engine)
    if out is not None:
        _save(out, outputs)
    rows = _rows(outputs, about["classes"])
    if as_json:
        emit_json({"run": str(run), "input": str(input), "predictions": rows})
    else:
        emit_table(list(rows[0]) if rows else ["example"], [list(row.values()) for row in rows])


def _examples(path: Path, shape: tuple[int, ...]) -> Array:
    """The inputs ``[N, *shape]`` in a file."""
    values = _read(path, shape)
    if values.dtype.kind not in "biuf":
        raise DataError(f"{path}: expected numbers, got {values.dtype}")
    values = values[None] if values.shape == shape else values
    if values.ndim == 0 or values.shape[1:] != shape:
        raise DataError(
            f"{path}: expected examples of shape {shape}, or [N, ...] of them, "
            f"got an array of shape {values.shape}"
        )
    return values.astype(np.float32) if values.dtype.kind in "bu" else values


def _read(path: Path, shape: tuple[int, ...]) -> Array:
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return _picture(path, shape)
    try:
        match path.suffix.lower():
            case ".npy":
                return np.asarray(np.load(path, allow_pickle=False))
            case ".npz":
                return _member(path, read_npz(path))
            case ".csv":
                return _rows_of_numbers(path)
    except DataError:
        raise
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: not a readable {path.suffix} file: {error}") from error
    raise ConfigError(f"{path}: expected a file named .npy, .npz or .csv, or a picture")


def _rows_of_numbers(path: Path) -> Array:
    """The numbers in a CSV file; a first line of which no cell is a number is a header."""
    with path.open(encoding="utf-8-sig") as file:
        header = not any(map(_is_number, file.readline().split(",")))
    return np.loadtxt(path, np.float32, delimiter=",", ndmin=2, skiprows=int(header),
                      encoding="utf-8-sig")  # fmt: skip


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _picture(path: Path, shape: tuple[int, ...]) -> Array:
    """A picture as a run on an image folder had them: [C, H, W] in [0, 1]."""
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise DataError(f"{path}: the run's examples are no pictures but of shape {shape}")
    size = shape[1] if shape[1] == shape[2] else None
    return read_image(path, size, grayscale=shape[0] == 1)


def _member(path: Path, arrays: dict[str, Array]) -> Array:
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    if "inputs" not in arrays:
        raise DataError(f"{path}: expected an array 'inputs', there are {', '.join(arrays)}")
    return arrays["inputs"]


def _save(path: Path, outputs: Array) -> None:
    try:
        with path.open("wb") as file:
            np.save(file, outputs)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from error


def _rows(outputs: Array, classes: list[str]) -> list[dict[str, Any]]:
    """One record an example: class and probability, or the outputs themselves."""
    if not classes or outputs.ndim != 2 or outputs.shape[1] != len(classes):
        return [{"example": n, "output": row.tolist()} for n, row in enumerate(outputs)]
    shares = F.softmax(as_tensor(outputs), 1).numpy()
    return [
        {"example": n, "class": classes[k], "probability": round(float(shares[n, k]), 6)}
        for n, k in enumerate(outputs.argmax(1))
    ]
