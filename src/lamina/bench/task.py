"""What a contender is given: a workload with its initial weights and data, in a folder."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lamina.bench.workloads import Workload
from lamina.core.types import Array
from lamina.nn import Module, models
from lamina.random import key, use_keys

SEED = 0
STATISTICS = ("running_mean", "running_var")


@dataclass(frozen=True)
class Task:
    """A workload, and the arrays that all contenders start from: weights under PyTorch's keys."""

    workload: Workload
    threads: int
    weights: dict[str, Array]
    inputs: Array
    labels: Array


def new_model(workload: Workload) -> Module:
    """Return the workload's network, of Lamina's own models."""
    options = dict(workload.options)
    if "num_classes" in models.options(workload.model):
        options["num_classes"] = workload.classes
    with use_keys(key(SEED)):
        return models.create(workload.model, **options)


def write(workload: Workload, folder: Path) -> None:
    """Draw weights and data, and write them to ``folder``."""
    draw = np.random.default_rng(SEED)
    arrays = {f"w/{name}": value for name, value in _weights(workload, draw).items()}
    shape = (workload.batch, *workload.shape)
    arrays["inputs"] = draw.standard_normal(shape, np.float32)
    arrays["labels"] = draw.integers(0, workload.classes, workload.batch)
    np.savez(folder / "arrays.npz", allow_pickle=False, **arrays)
    (folder / "workload.pickle").write_bytes(pickle.dumps(workload))


def read(folder: Path, threads: int) -> Task:
    """Read what `write` has written."""
    workload = pickle.loads((folder / "workload.pickle").read_bytes())
    with np.load(folder / "arrays.npz") as file:
        arrays = {name: file[name] for name in file.files}
    weights = {k.removeprefix("w/"): v for k, v in arrays.items() if k.startswith("w/")}
    return Task(workload, threads, weights, arrays["inputs"], arrays["labels"])


def _weights(workload: Workload, draw: np.random.Generator) -> dict[str, Array]:
    """Return initial values; before inference, running statistics as if after some training."""
    values = {name: value.numpy() for name, value in new_model(workload).state_dict().items()}
    if not workload.trains:
        seen = {name: value for name, value in values.items() if name.endswith(STATISTICS)}
        values |= {name: _near_one(value, draw) for name, value in seen.items()}
    return values


def _near_one(like: Array, draw: np.random.Generator) -> Array:
    return np.asarray(draw.uniform(0.5, 1.5, like.shape), like.dtype)
