"""Models by name, for the command line and configuration files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from inspect import signature
from typing import Any, TypeVar

from lamina.core.errors import ArgumentError
from lamina.core.types import Shape
from lamina.nn.module import Module

Build = TypeVar("Build", bound=Callable[..., Module])


@dataclass(frozen=True)
class Entry:
    """How to build a model, and the shape of a sample that it takes, or that shape by options."""

    build: Callable[..., Module]
    input_shape: Shape | Callable[..., Shape]


_MODELS: dict[str, Entry] = {}


def register(name: str, input_shape: Shape | Callable[..., Shape]) -> Callable[[Build], Build]:
    """Make a function that builds a model known under ``name``."""

    def decorate(build: Build) -> Build:
        _MODELS[name] = Entry(build, input_shape)
        return build

    return decorate


def names() -> list[str]:
    """Return the names that `create` takes.

    >>> "lenet5" in names()
    True
    """
    return sorted(_MODELS)


def input_shape(name: str, **chosen: Any) -> Shape:
    """Return the shape of a sample, without batch axis, that the model takes with these options.

    >>> input_shape("lenet"), input_shape("mlp", sizes=(4, 8, 3))
    ((1, 32, 32), (4,))
    """
    shape = _entry(name).input_shape
    return shape(**{**options(name), **chosen}) if callable(shape) else shape


def options(name: str) -> dict[str, Any]:
    """Return the options that the model takes, with their defaults.

    >>> options("lenet")["activation"]
    'tanh'
    """
    parameters = signature(_entry(name).build).parameters
    return {key: parameter.default for key, parameter in parameters.items()}


def create(name: str, **chosen: Any) -> Module:
    """Return a new model, e.g. ``create("lenet", activation="relu")``.

    Errors: `ArgumentError` for an unknown name or option, with those that there are.
    """
    build, known = _entry(name).build, options(name)
    unknown = [key for key in chosen if key not in known]
    if unknown:
        raise ArgumentError(
            f"model {name!r} has no option {', '.join(unknown)}; it has: {', '.join(known)}"
        )
    return build(**chosen)


def _entry(name: str) -> Entry:
    if name not in _MODELS:
        close = get_close_matches(name, _MODELS, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ArgumentError(f"there is no model {name!r}{hint} (models: {', '.join(names())})")
    return _MODELS[name]
