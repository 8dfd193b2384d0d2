"""A small classification problem and a trainer for it, with everything random in it."""

import numpy as np
from numpy.typing import NDArray

import lamina
from lamina import data, nn, optim
from lamina.train import Trainer

X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(np.int64) + (X[:, 2] > 1)


def network() -> nn.Module:
    """Dropout draws random numbers, batch normalisation has buffers."""
    lamina.manual_seed(3)
    return nn.Sequential(
        nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3)
    )


def trainer(schedule: str = "step", **options: object) -> Trainer:
    model = network()
    optimiser = optim.Adam(model.parameters(), lr=0.02)
    made = {
        "none": lambda: None,
        "step": lambda: optim.lr_scheduler.StepLR(optimiser, 2, 0.5),
        "plateau": lambda: optim.lr_scheduler.ReduceLROnPlateau(optimiser, patience=0),
        "one_cycle": lambda: optim.lr_scheduler.OneCycleLR(optimiser, 0.05, total_steps=1000),
    }[schedule]()
    every = {"schedule_every": "step"} if schedule == "one_cycle" else {}
    return Trainer(model, "cross_entropy", optimiser, ("accuracy",), made, **every, **options)  # type: ignore[arg-type]


def loader() -> data.DataLoader:
    key = lamina.random.key(5).numpy()
    return data.DataLoader((X, Y), batch_size=8, shuffle=True, key=key)


def arrays(tree: object, place: str = "") -> dict[str, NDArray[np.generic]]:
    """Every leaf of a nested state as an array, by place: for comparison bit for bit."""
    if isinstance(tree, dict):
        parts = [arrays(value, f"{place}/{key}") for key, value in tree.items()]
    elif isinstance(tree, list | tuple):
        parts = [arrays(value, f"{place}/{n}") for n, value in enumerate(tree)]
    else:
        return {place: np.asarray(tree)}
    return {name: leaf for part in parts for name, leaf in part.items()}


def assert_identical(one: object, other: object) -> None:
    first, second = arrays(one), arrays(other)
    assert list(first) == list(second)
    for name, leaf in first.items():
        assert leaf.dtype == second[name].dtype, name
        assert leaf.tobytes() == second[name].tobytes(), name
