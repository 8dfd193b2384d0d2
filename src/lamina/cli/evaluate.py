"""``lamina eval``."""

from __future__ import annotations

from pathlib import Path

import click

from lamina.cli.building import make_data, make_trainer, with_data
from lamina.cli.layers import given
from lamina.cli.options import (
    BATCH_SIZE,
    CHECKPOINT,
    ENGINE,
    EXISTING_FOLDER,
    output_options,
    set_option,
    split_option,
)
from lamina.cli.output import emit_json, measures
from lamina.cli.runs import RunFolder


@click.command("eval")
@click.argument("run", type=EXISTING_FOLDER)
@click.option("--data", metavar="NAME", help="Other data than the run's own.")
@split_option("test")
@CHECKPOINT
@BATCH_SIZE
@ENGINE
@set_option
@output_options
def evaluate(
    run: Path,
    data: str | None,
    split: str,
    checkpoint: str | None,
    batch_size: int,
    engine: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Measure the model of RUN on held-out data."""
    folder = RunFolder(run)
    model = folder.model(checkpoint)
    new = given({"data": data, "engine": engine}, overrides)
    settings = with_data(folder.settings(), new)
    splits = make_data(settings)
    found = make_trainer(settings, model, splits).evaluate(getattr(splits, split), batch_size)
    if as_json:
        emit_json({"run": str(run), "split": split, "weights": folder.weights(checkpoint), **found})
    else:
        click.echo(f"{split}, {folder.weights(checkpoint)} weights: {measures(found)}")
