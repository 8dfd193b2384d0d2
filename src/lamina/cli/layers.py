"""Settings in layers: defaults < TOML file < options < ``--set``, each a flat table of dotted keys.

A table's name alone stands for its ``name``: ``optimiser = "sgd"`` is ``optimiser.name = "sgd"``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from lamina.cli.errors import ConfigError
from lamina.core.errors import DataError

Settings = dict[str, Any]

TABLES = ("model", "data", "optimiser", "schedule", "early_stopping", "checkpoint", "health")
NAMED_TABLES = ("model", "data", "optimiser", "schedule")
ALIASES = {"lr": "optimiser.lr", "optimizer": "optimiser"}
TYPES: dict[str, tuple[type, ...]] = {
    "loss": (str,),
    "metrics": (list,),
    "epochs": (int,),
    "batch_size": (int,),
    "seed": (int,),
    "engine": (str,),
    "clip_norm": (int, float, type(None)),
    "schedule_every": (str,),
    "monitor": (str,),
    "early_stopping.patience": (int,),
    "early_stopping.min_delta": (int, float),
    "early_stopping.restore_best": (bool,),
    "early_stopping.monitor": (str,),
    "checkpoint.every_epochs": (int, type(None)),
    "checkpoint.every_steps": (int, type(None)),
    "checkpoint.keep": (int, type(None)),
    "checkpoint.best": (bool, str),
    "health.every": (int,),
    "health.patience": (int,),
}
DEFAULTS: Settings = {
    "epochs": 10,
    "batch_size": 32,
    "seed": 0,
    "engine": "compiled",
    "optimiser.name": "adam",
    "checkpoint.best": True,
}


def flatten(table: Mapping[str, Any], prefix: str = "") -> Settings:
    """Nested tables as one table of checked, dotted keys.

    >>> flatten({"lr": 0.1, "model": {"name": "mlp", "activation": "relu"}})
    {'optimiser.lr': 0.1, 'model.name': 'mlp', 'model.activation': 'relu'}
    """
    flat: Settings = {}
    for key, value in table.items():
        head = ALIASES.get(key, key)
        if isinstance(value, Mapping) and not prefix and head in TABLES:
            flat |= flatten(value, f"{head}.")
        else:
            name = _canonical(f"{prefix}{key}")
            _check(name, value)
            if isinstance(value, Mapping):
                raise ConfigError(f"{prefix}{key}: expected a value, got a table")
            flat[name] = value
    return flat


def nested(settings: Settings) -> dict[str, Any]:
    """Dotted keys as nested tables, the form of a TOML file."""
    tree: dict[str, Any] = {}
    for key, value in settings.items():
        table, _, rest = key.partition(".")
        if rest:
            tree.setdefault(table, {})[rest] = value
        else:
            tree[key] = value
    return tree


def read_toml(path: Path) -> Settings:
    """The settings in a TOML file.

    Raises `DataError` if it cannot be read, `ConfigError` for an unknown key in it.
    """
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    try:
        return flatten(table)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def given(options: Mapping[str, Any], overrides: Iterable[str]) -> Settings:
    """The settings of the options that a command was given, and of ``--set``, which comes last.

    >>> given({"data": "iris", "lr": None}, ["data.size=32"])
    {'data.name': 'iris', 'data.size': 32}
    """
    chosen = {key: value for key, value in options.items() if value is not None}
    return {**flatten(chosen), **parse_overrides(overrides)}


def parse_overrides(overrides: Iterable[str]) -> Settings:
    """The settings of ``--set KEY=VALUE``; a value that is not TOML is text.

    >>> parse_overrides(["model.activation=relu", "optimiser.momentum=0.9", "data.size=32"])
    {'model.activation': 'relu', 'optimiser.momentum': 0.9, 'data.size': 32}
    """
    flat: Settings = {}
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {override}: expected KEY=VALUE, such as optimiser.lr=0.1")
        name, value = _canonical(key.strip()), parse_value(text.strip())
        _check(name, value)
        flat[name] = value
    return flat


def parse_value(text: str) -> Any:
    """A TOML value; ``none`` is None, and anything else is text.

    >>> parse_value("0.9"), parse_value("[8, 8]"), parse_value("relu"), parse_value("none")
    (0.9, [8, 8], 'relu', None)
    """
    if text.lower() == "none":
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def options_of(settings: Settings, table: str) -> dict[str, Any]:
    """The keys of one table, without its name.

    >>> options_of({"optimiser.name": "sgd", "optimiser.lr": 0.1, "epochs": 3}, "optimiser")
    {'lr': 0.1}
    """
    prefix = f"{table}."
    found = {k.removeprefix(prefix): v for k, v in settings.items() if k.startswith(prefix)}
    found.pop("name", None)
    return found


def unknown(what: str, name: str, known: Iterable[str]) -> ConfigError:
    """The error for a name that does not exist, with the nearest that does."""
    names = list(known)
    near = get_close_matches(name, names, 1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return ConfigError(f"unknown {what} {name!r}; {hint}there are {', '.join(names)}")


def _canonical(key: str) -> str:
    head, dot, rest = key.partition(".")
    key = f"{ALIASES.get(head, head)}{dot}{rest}"
    return f"{key}.name" if key in NAMED_TABLES else key


def _check(key: str, value: Any) -> None:
    table, _, rest = key.partition(".")
    if table in NAMED_TABLES and rest:
        if rest == "name" and not isinstance(value, str):
            raise ConfigError(f"{table}: expected a name, got {value!r}")
        return  # the options are checked against what they are options of
    if key not in TYPES:
        keys = [*TYPES, *NAMED_TABLES, *ALIASES]
        if rest and table in TABLES:
            keys = [name for name in TYPES if name.startswith(f"{table}.")]
        raise unknown("key", key, keys)
    good = TYPES[key]
    if not isinstance(value, good) or (isinstance(value, bool) and bool not in good):
        kinds = " or ".join("none" if kind is type(None) else kind.__name__ for kind in good)
        raise ConfigError(f"{key}: expected {kinds}, got {value!r}")
