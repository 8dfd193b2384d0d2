"""Exit codes, and errors as one message without a traceback.

| code | meaning |
|---|---|
| 0 | success |
| 1 | the run failed (a non-finite loss, a missing extra, data that do not fit a trained model) |
| 2 | wrong usage: an unknown command, option, key or name, a value of the wrong kind, a model or \
loss that does not take the data |
| 3 | a file or data set is missing, damaged or cannot be written |
| 130 | interrupted (Ctrl-C or SIGTERM); what was trained is in a checkpoint |
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from lamina.core.errors import DataError, LaminaError
from lamina.train.storage import CheckpointWarning

FAILURE, USAGE, DATA, INTERRUPTED = 1, 2, 3, 130


class ConfigError(LaminaError, ValueError):
    """A key, name or value given on the command line or in a file is wrong."""


def exit_code(error: BaseException) -> int:
    """The exit code that stands for an error."""
    if isinstance(error, click.ClickException):
        return error.exit_code
    if isinstance(error, DataError):
        return DATA
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return INTERRUPTED
    return USAGE if isinstance(error, ConfigError) else FAILURE


@contextmanager
def configuring(what: str) -> Iterator[None]:
    """Report what Lamina rejects inside the block as wrong usage of `what`."""
    try:
        yield
    except DataError:
        raise
    except (LaminaError, TypeError) as error:
        if isinstance(error, ConfigError) or _is_missing_extra(error):
            raise
        raise _as_usage(what, error) from error


def _as_usage(what: str, error: Exception) -> ConfigError:
    """The error about `what`, whose name need not stand in it twice."""
    name, colon, rest = str(error).partition(": ")
    repeated = colon and name.lower() == what.rpartition(" ")[2].lower()
    found = ConfigError(f"{what}: {rest if repeated else error}")
    for note in getattr(error, "__notes__", ()):
        found.add_note(note)
    return found


def _is_missing_extra(error: BaseException) -> bool:
    return isinstance(error, ImportError)


class Commands(click.Group):
    """A group of commands that end with a documented exit code and a readable message."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _readable_warnings():
                return super().invoke(ctx)
        except (LaminaError, KeyboardInterrupt) as error:
            if ctx.meta.get("lamina.debug"):
                raise
            _report(ctx, error)
            ctx.exit(exit_code(error))


@contextmanager
def _readable_warnings() -> Iterator[None]:
    """Print warnings about checkpoints as one line."""

    def show(message: Warning | str, *_: Any) -> None:
        click.echo(f"Warning: {message}", err=True)

    with warnings.catch_warnings():
        warnings.simplefilter("always", CheckpointWarning)
        warnings.showwarning = show  # type: ignore[assignment]
        yield


def _report(ctx: click.Context, error: BaseException) -> None:
    message = str(error) or "interrupted"
    notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
    click.echo(f"Error: {message}{notes}", err=True)
    if ctx.meta.get("lamina.json"):
        kind = type(error).__name__
        record = {"type": kind, "message": message, "exit_code": exit_code(error)}
        click.echo(json.dumps({"error": record}))
