"""Nested containers of tensors: lists, tuples, named tuples and dicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.core.errors import ArgumentError


def leaves(tree: Any) -> list[Any]:
    """Return what is not a container, in order (dicts by insertion)."""
    if isinstance(tree, dict):
        return [leaf for value in tree.values() for leaf in leaves(value)]
    if isinstance(tree, list | tuple):
        return [leaf for value in tree for leaf in leaves(value)]
    return [] if tree is None else [tree]


def aligned_leaves(tree: Any, other: Any) -> list[Any]:
    """Return the leaves of ``other`` in the order of ``tree``'s, or raise if structures differ."""
    if isinstance(tree, dict):
        if not isinstance(other, dict) or other.keys() != tree.keys():
            raise ArgumentError(f"expected a dict with the keys {list(tree)}, got {other!r}")
        return [leaf for key in tree for leaf in aligned_leaves(tree[key], other[key])]
    if isinstance(tree, list | tuple):
        if not isinstance(other, list | tuple) or len(other) != len(tree):
            raise ArgumentError(f"expected a sequence of {len(tree)}, got {other!r}")
        return [leaf for a, b in zip(tree, other, strict=True) for leaf in aligned_leaves(a, b)]
    return [] if tree is None else [other]


def map_tree(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply ``function`` to corresponding leaves of containers of one structure."""
    if isinstance(tree, dict):
        return {k: map_tree(function, v, *[o[k] for o in others]) for k, v in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*_map_items(function, tree, others))
    if isinstance(tree, list | tuple):
        return type(tree)(_map_items(function, tree, others))
    return None if tree is None else function(tree, *others)


def _map_items(function: Callable[..., Any], tree: Any, others: tuple[Any, ...]) -> list[Any]:
    return [map_tree(function, item, *rest) for item, *rest in zip(tree, *others, strict=True)]


def rebuild(tree: Any, values: list[Any]) -> Any:
    """Return a container of ``tree``'s structure with other leaves."""
    remaining = iter(values)
    return map_tree(lambda _: next(remaining), tree)
