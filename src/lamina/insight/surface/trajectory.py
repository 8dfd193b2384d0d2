"""The path that an optimiser takes through the space of weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.core.errors import ArgumentError
from lamina.core.types import Array
from lamina.insight.surface.directions import Direction, flat, unflat, weights_of
from lamina.train.callbacks import Callback

if TYPE_CHECKING:
    from lamina.train.trainer import Trainer


@dataclass(frozen=True, eq=False)
class Principal:
    """A path's principal components.

    Attributes:
        directions: two orthonormal directions, in which the path varies most.
        coordinates: ``[T, 2]``, of every point along them, from the last point.
        explained: the share of the variance along each of all the components.
    """

    directions: tuple[Direction, Direction]
    coordinates: Array
    explained: Array


@dataclass
class WeightPath:
    """Weights at some steps: ``vectors[t]`` holds all parameters, in float64, one after the other.

    Attributes:
        like: parameters by name, for their shapes and dtypes.
        steps: when was noted.
    """

    like: Direction = field(default_factory=dict)
    steps: list[int] = field(default_factory=list)
    vectors: list[Array] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.vectors)

    def add(self, step: int, weights: Mapping[str, Array]) -> None:
        """Note the weights of a step."""
        self.like = self.like or {name: np.array(value) for name, value in weights.items()}
        self.steps.append(step)
        self.vectors.append(flat(weights, list(self.like)))

    def points(self) -> Iterator[Direction]:
        """Yield the weights by name, step by step."""
        return (unflat(vector, self.like) for vector in self.vectors)

    def last(self) -> Direction:
        """The last weights by name."""
        return unflat(self.vectors[-1], self.like)

    def principal(self) -> Principal:
        """Return the plane through the last weights in which the path varies most (PCA).

        Errors: `ArgumentError` for fewer than 3 points.
        """
        if len(self) < 3:
            raise ArgumentError(f"principal: a path of 3 or more points is needed, got {len(self)}")
        away = np.stack(self.vectors) - self.vectors[-1]
        _, sizes, components = np.linalg.svd(away - away.mean(0), full_matrices=False)
        variance = sizes**2
        exact = {name: np.asarray(value, np.float64) for name, value in self.like.items()}
        first, second = (unflat(component, exact) for component in components[:2])
        shares = variance / (variance.sum() or 1.0)
        return Principal((first, second), away @ components[:2].T, shares)


def project(
    path: WeightPath, origin: Mapping[str, Array], directions: Sequence[Mapping[str, Array]]
) -> Array:
    """Coordinates ``[T, D]`` of a path from ``origin`` along directions, by least squares."""
    names = list(path.like)
    basis = np.stack([flat(direction, names) for direction in directions], axis=1)
    away = np.stack(path.vectors) - flat(origin, names)
    return np.asarray(np.linalg.lstsq(basis, away.T, rcond=None)[0].T)


class PathCallback(Callback):
    """Note the model's weights before the first step and after every ``every`` steps.

    >>> import lamina
    >>> from lamina import nn, optim
    >>> model = nn.Linear(1, 1)
    >>> trainer = lamina.train.Trainer(model, "mse", optim.SGD(model.parameters(), lr=0.1))
    >>> noted = PathCallback(every=2)
    >>> x = np.ones((8, 1), np.float32)
    >>> _ = trainer.fit((x, x), epochs=2, callbacks=[noted], batch_size=2, progress="none")
    >>> noted.path.steps
    [0, 2, 4, 6, 8]
    """

    def __init__(self, every: int = 1) -> None:
        if every < 1:
            raise ArgumentError(f"PathCallback: every must be 1 or more, got {every}")
        self.every = every
        self.path = WeightPath()

    def on_fit_start(self, trainer: Trainer) -> None:
        if not len(self.path):
            self.path.add(trainer.step, weights_of(trainer.model))

    def on_step_end(self, trainer: Trainer) -> None:
        if trainer.step % self.every == 0:
            self.path.add(trainer.step, weights_of(trainer.model))

    def state_dict(self) -> dict[str, Any]:
        path = self.path
        return {"like": path.like, "steps": list(path.steps), "vectors": list(path.vectors)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.path = WeightPath(dict(state["like"]), list(state["steps"]), list(state["vectors"]))
