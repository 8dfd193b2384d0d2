"""``lamina summary``."""

from __future__ import annotations

import click

from lamina.cli.building import make_model
from lamina.cli.errors import ConfigError, configuring
from lamina.cli.layers import DEFAULTS, given, options_of
from lamina.cli.options import completed, output_options, set_option
from lamina.cli.output import emit_json, emit_table
from lamina.core.types import Shape
from lamina.nn import Summary, models


@click.command()
@click.argument("model", required=False, **completed(models.names))
@click.option(
    "--input-shape",
    metavar="SHAPE",
    help="Of one example, such as 1,32,32.  [default: the model's own]",
)
@set_option
@output_options
def summary(
    model: str | None, input_shape: str | None, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Show MODEL layer by layer.

    A row gives output shape, parameters, connections, multiply-adds, memory and receptive field.

    Without MODEL, list the models with their options.
    """
    if model is None:
        _list(as_json)
        return
    settings = {**DEFAULTS, **given({"model": model}, overrides)}
    made = make_model(settings)
    shape = (
        models.input_shape(model, **options_of(settings, "model"))
        if input_shape is None
        else _shape(input_shape)
    )
    with configuring(f"model {model} with input {shape}"):
        found = made.summary(shape)
    if as_json:
        emit_json(found.to_dict())
    else:
        _print(found)


def _print(found: Summary) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    # A table narrower than its text would cut names and wrap numbers; plain lines are whole.
    unbounded = console.options.update(max_width=10**6)
    if console.is_terminal and console.measure(found, options=unbounded).maximum <= console.width:
        console.print(found)
    else:
        click.echo(str(found))


def _list(as_json: bool) -> None:
    listed = {name: models.options(name) for name in models.names()}
    if as_json:
        emit_json({"models": listed})
    else:
        rows = [
            (name, "\n".join(f"{key} = {default!r}" for key, default in options.items()))
            for name, options in listed.items()
        ]
        emit_table(("model", "options"), rows)


def _shape(text: str) -> Shape:
    try:
        shape = tuple(int(number) for number in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--input-shape: expected whole numbers, got {text!r}") from error
    if min(shape) < 1:
        raise ConfigError(f"--input-shape: expected numbers from 1 up, got {text!r}")
    return shape
