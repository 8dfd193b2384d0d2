"""Nested Python data as JSON plus named arrays, and back, exactly.

JSON knows neither arrays, tuples, integer keys nor infinities. Each becomes an object with one key
that starts with ``$``; everything else is kept as it is. Nothing is pickled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina.core.errors import ArgumentError, DataError
from lamina.core.types import Array
from lamina.tensors import Tensor

ARRAY, TUPLE, ITEMS, FLOAT = "$array", "$tuple", "$items", "$float"


def pack(tree: Any) -> tuple[Any, dict[str, Array]]:
    """The JSON form of `tree`, and its arrays and tensors by their place in it.

    Raises `ArgumentError` for an object that is not plain data.

    >>> pack({"w": np.zeros(2), "betas": (0.9, 0.99)})
    ({'w': {'$array': 'w'}, 'betas': {'$tuple': [0.9, 0.99]}}, {'w': array([0., 0.])})
    """
    arrays: dict[str, Array] = {}
    return _pack(tree, "", arrays), arrays


def unpack(data: Any, arrays: Mapping[str, Array]) -> Any:
    """The tree that `pack` was given, with NumPy arrays where there were arrays or tensors.

    Raises `DataError` for an array that is not there.
    """
    if isinstance(data, list):
        return [unpack(item, arrays) for item in data]
    if not isinstance(data, dict):
        return data
    match data:
        case {"$array": str(name)}:
            return _array(name, arrays)
        case {"$tuple": list(items)}:
            return tuple(unpack(item, arrays) for item in items)
        case {"$items": list(items)}:
            return {key: unpack(value, arrays) for key, value in items}
        case {"$float": str(text)}:
            return float(text)
    return {key: unpack(value, arrays) for key, value in data.items()}


def _array(name: str, arrays: Mapping[str, Array]) -> Array:
    if name not in arrays:
        raise DataError(f"array {name!r} is missing; there are {', '.join(arrays) or 'none'}")
    return arrays[name]


def _pack(tree: Any, place: str, arrays: dict[str, Array]) -> Any:
    match tree:
        case None | bool() | str():
            return tree
        case int():
            return int(tree)
        case float():
            return float(tree) if math.isfinite(tree) else {FLOAT: repr(float(tree))}
        case np.ndarray() | np.generic() | Tensor():
            arrays[place] = np.array(tree, order="C")
            return {ARRAY: place}
        case Mapping():
            return _pack_mapping(tree, place, arrays)
        case list():
            return _pack_items(tree, place, arrays)
        case tuple():
            return {TUPLE: _pack_items(tree, place, arrays)}
    raise ArgumentError(
        f"checkpoint: {place or 'the state'} is a {type(tree).__name__}; a state may hold numbers, "
        "text, arrays, and lists, tuples and dictionaries of them"
    )


def _pack_mapping(tree: Mapping[Any, Any], place: str, arrays: dict[str, Array]) -> Any:
    packed = [(key, _pack(value, _join(place, key), arrays)) for key, value in tree.items()]
    if all(isinstance(key, str) and not key.startswith("$") for key, _ in packed):
        return dict(packed)
    return {ITEMS: [[key, value] for key, value in packed]}


def _pack_items(tree: Any, place: str, arrays: dict[str, Array]) -> list[Any]:
    return [_pack(item, _join(place, number), arrays) for number, item in enumerate(tree)]


def _join(place: str, key: Any) -> str:
    return f"{place}/{key}" if place else str(key)
