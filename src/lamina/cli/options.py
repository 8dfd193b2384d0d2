"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from lamina.train.engines import ENGINES

Function = TypeVar("Function", bound=Callable[..., Any])

FOLDER = click.Path(file_okay=False, path_type=Path)
EXISTING_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
CHECKPOINT = click.option(
    "--checkpoint",
    type=click.Choice(["best", "last"]),
    help="Which weights to use.  [default: best where there is one, else last]",
)
ENGINE = click.option(
    "--engine", type=click.Choice(ENGINES), help="Native code, or NumPy.  [default: the run's own]"
)
BATCH_SIZE = click.option(
    "--batch-size", type=click.IntRange(min=1), default=256, show_default=True
)


def split_option(default: str) -> Callable[[Function], Function]:
    """Add ``--split``."""
    return click.option(
        "--split", type=click.Choice(["train", "validation", "test"]), default=default,
        show_default=True, help="Which part of the data.",
    )  # fmt: skip


def completed(names: Callable[[], Iterable[str]]) -> dict[str, Any]:
    """The argument of a parameter whose values are `names`, for shell completion."""

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
        return [name for name in names() if name.startswith(incomplete)]

    return {"shell_complete": complete}


def output_options(function: Function) -> Function:
    """Add ``--json`` and ``--debug``."""
    as_json = click.option(
        "--json", "as_json", is_flag=True, is_eager=True, callback=_remember("lamina.json"),
        help="Print one JSON object on stdout, for other programs.",
    )  # fmt: skip
    debug = click.option(
        "--debug", is_flag=True, is_eager=True, expose_value=False,
        callback=_remember("lamina.debug"), help="Show the traceback of an error.",
    )  # fmt: skip
    return as_json(debug(function))


def _remember(key: str) -> Callable[[click.Context, click.Parameter, bool], bool]:
    """Keep a flag where the error handler of the whole program finds it."""

    def callback(context: click.Context, _: click.Parameter, value: bool) -> bool:
        context.meta[key] = value
        return value

    return callback


def set_option(function: Function) -> Function:
    """Add the repeatable ``--set KEY=VALUE``."""
    return click.option(
        "--set", "overrides", metavar="KEY=VALUE", multiple=True,
        help="Set any key, such as model.activation=relu or optimiser.momentum=0.9. "
        "Comes after everything else; may be repeated.",
    )(function)  # fmt: skip
