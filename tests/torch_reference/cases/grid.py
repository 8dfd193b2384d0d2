"""Helpers of the case generators."""

import itertools
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from tests.torch_reference.case import Shape
from tests.torch_reference.data import uniform

Item = TypeVar("Item")
EXTENTS: dict[int, Shape] = {1: (9,), 2: (6, 7), 3: (5, 4, 5)}
"""Spatial extents by number of axes: small, unequal, and odd as well as even."""


def combinations(**axes: Sequence[Any]) -> list[dict[str, Any]]:
    """Every choice of one value an axis."""
    return [dict(zip(axes, chosen, strict=True)) for chosen in itertools.product(*axes.values())]


def thin(seed: str, items: Sequence[Item], count: int) -> list[Item]:
    """A fixed random selection of at most `count` items, in their order."""
    chosen = np.argsort(uniform(seed, (len(items),)), kind="stable")[:count]
    return [items[i] for i in sorted(chosen.tolist())]


def leads(channels: int) -> list[Shape]:
    """Leading axes: a batch, a batch of one, no batch, and an empty batch."""
    return [(2, channels), (1, channels), (channels,), (0, channels)]


def without_defaults(keywords: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    """The keywords that differ from their defaults, so that defaults are tested as such too."""
    return {k: v for k, v in keywords.items() if k not in defaults or v != defaults[k]}
