"""What options a function or class takes, read from its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

from lamina.cli.errors import ConfigError, configuring
from lamina.cli.layers import unknown


def check_options(what: str, function: Callable[..., Any], options: Mapping[str, Any],
                  given: Collection[str] = ()) -> None:  # fmt: skip
    """Raise `ConfigError` for an option that `function` does not take, or one that it lacks.

    `given` names the parameters that Lamina itself passes.
    """
    parameters = inspect.signature(function).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    own = [name for name in parameters if name not in given]
    for name in options:
        if name not in own:
            raise unknown(f"option of {what}", name, own)
    for name in own:
        if parameters[name].default is inspect.Parameter.empty and name not in options:
            raise ConfigError(f"{what}: option {name!r} is required; options: {', '.join(own)}")


def make(what: str, function: Callable[..., Any], options: Mapping[str, Any],
         **given: Any) -> Any:  # fmt: skip
    """Call `function` with checked options; what it rejects is reported as a wrong setting."""
    check_options(what, function, options, given)
    with configuring(what):
        return function(**given, **{name: _tupled(value) for name, value in options.items()})


def _tupled(value: Any) -> Any:
    """TOML and JSON have lists where signatures want tuples."""
    return tuple(_tupled(item) for item in value) if isinstance(value, list) else value
