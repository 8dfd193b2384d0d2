"""Directions in the space of weights: random and normalised by filter, differences, combinations.

A direction is a dictionary of arrays, one for each parameter by name. Those of biases and of scales
(parameters with one axis) are zero in random directions, as in the paper.

Source: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets" (2018,
arXiv:1712.09913), section 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import lamina.random
from lamina.core.errors import ArgumentError, ShapeError
from lamina.core.types import Array, is_float
from lamina.nn import Module

Direction = dict[str, Array]


def weights_of(model: Module) -> Direction:
    """A copy of the model's parameters by name."""
    return {name: np.array(parameter) for name, parameter in model.named_parameters()}


def random_direction(model: Module, seed: int = 0, number: int = 0) -> Direction:
    """Return a Gaussian direction, each filter of which is as long as the model's.

    Different ``number`` of one ``seed`` give independent directions. Shapes are the parameters'.

    >>> from lamina import nn
    >>> layer = nn.Linear(3, 2)
    >>> d = random_direction(layer)
    >>> lengths = [np.linalg.norm(w, axis=1) for w in (d["weight"], layer.weight.numpy())]
    >>> bool(np.allclose(*lengths)), d["bias"].tolist()
    (True, [0.0, 0.0])
    """
    key = lamina.random.fold_in(lamina.random.key(seed), number)
    drawn = {
        name: lamina.random.normal(lamina.random.fold_in(key, n), w.shape, dtype=w.dtype).numpy()
        for n, (name, w) in enumerate(weights_of(model).items())
    }
    return filter_normalised(drawn, weights_of(model))


def filter_normalised(direction: Mapping[str, Array], weights: Mapping[str, Array]) -> Direction:
    """d ← d / ‖d‖ · ‖w‖ for each filter (row of a matrix, kernel of an output channel).

    So a step along the direction means the same for every filter, whatever the scale of its
    weights, which batch normalisation and ReLU leave open. Parameters with fewer than two axes
    get zeros.
    """
    _check("filter_normalised", direction, weights)
    return {name: _normalised(direction[name], w) for name, w in weights.items()}


def _normalised(direction: Array, weight: Array) -> Array:
    if weight.ndim < 2:
        return np.zeros_like(weight)
    axes = tuple(range(1, weight.ndim))
    lengths = np.sqrt((np.asarray(direction, np.float64) ** 2).sum(axes, keepdims=True))
    wanted = np.sqrt((np.asarray(weight, np.float64) ** 2).sum(axes, keepdims=True))
    scale = np.divide(wanted, lengths, out=np.zeros_like(wanted), where=lengths > 0)
    return np.asarray(direction * scale, weight.dtype)


def difference(start: Mapping[str, Any], end: Mapping[str, Any]) -> Direction:
    """end - start, of everything that is a float in both (parameters, running statistics)."""
    a, b = ({k: np.asarray(v) for k, v in each.items()} for each in (start, end))
    _check("difference", a, b)
    return {name: b[name] - a[name] for name in a if is_float(a[name].dtype)}


def flat(values: Mapping[str, Array], names: Sequence[str]) -> Array:
    """The named arrays, one after the other, in one float64 vector."""
    return np.concatenate([np.asarray(values[name], np.float64).ravel() for name in names])


def unflat(vector: Array, like: Mapping[str, Array]) -> Direction:
    """The arrays that `flat` has put into one vector, in the shapes and dtypes of ``like``."""
    ends = np.cumsum([value.size for value in like.values()])
    pieces = np.split(vector, ends[:-1])
    return {
        name: piece.reshape(value.shape).astype(value.dtype)
        for piece, (name, value) in zip(pieces, like.items(), strict=True)
    }


def _check(operation: str, one: Mapping[str, Array], other: Mapping[str, Array]) -> None:
    odd = sorted(one.keys() ^ other.keys())
    if odd:
        raise ArgumentError(f"{operation}: only one of the two has {', '.join(odd)}")
    for name, value in one.items():
        if value.shape != other[name].shape:
            raise ShapeError(f"{operation}: {name} has shapes {value.shape}, {other[name].shape}")
