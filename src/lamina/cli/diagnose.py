"""``lamina diagnose``."""

from __future__ import annotations

from pathlib import Path

import click

from lamina import insight
from lamina.cli.building import (
    fit_model_to_data,
    make_data,
    make_model,
    make_trainer,
    settings_of_model,
    with_data,
)
from lamina.cli.errors import ConfigError, configuring
from lamina.cli.layers import Settings, given
from lamina.cli.options import (
    BATCH_SIZE,
    CHECKPOINT,
    completed,
    output_options,
    set_option,
    split_option,
)
from lamina.cli.output import emit_json
from lamina.cli.runs import RunFolder
from lamina.data import Splits
from lamina.data import names as data_names
from lamina.nn import Module, models


@click.command()
@click.argument("run_or_model", **completed(models.names))
@click.option("--data", metavar="NAME", help="Data to look at.  [default: the run's own]",
              **completed(data_names))  # fmt: skip
@split_option("train")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path),
              help="Also draw the distributions by layer into this file.")  # fmt: skip
@CHECKPOINT
@BATCH_SIZE
@set_option
@output_options
def diagnose(
    run_or_model: str,
    data: str | None,
    split: str,
    plot: Path | None,
    checkpoint: str | None,
    batch_size: int,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Tell what is wrong with the gradients of RUN_OR_MODEL, layer by layer.

    Runs the first batch of the data forward and backward through the model of a run's folder, or
    through a model with fresh weights, and looks for vanishing and exploding gradients, dead ReLUs,
    saturated activations, symmetric weights, NaN and infinities.
    """
    model, settings, splits = _found(run_or_model, checkpoint, given({"data": data}, overrides))
    loss = make_trainer(settings, model, splits).training_step.objective.loss
    batch = getattr(splits, split)[:batch_size]
    if not len(batch):
        raise ConfigError(f"--split {split}: data {settings['data.name']} has no example there")
    with configuring(f"{run_or_model} on data {settings['data.name']}"):
        report = insight.gradient_health(model, batch.inputs, batch.targets, loss)
    if plot is not None:
        insight.draw_distributions(report, plot)
    if as_json:
        emit_json({"model": run_or_model, "split": split, "examples": len(batch),
                   **report.to_dict()})  # fmt: skip
    else:
        click.echo(str(report))


def _found(
    run_or_model: str, checkpoint: str | None, new: Settings
) -> tuple[Module, Settings, Splits]:
    """The model of a run, or a new one, with its settings and data."""
    folder = RunFolder(Path(run_or_model))
    if folder.path.is_dir():
        settings = with_data(folder.settings(), new)
        return folder.model(checkpoint), settings, make_data(settings)
    settings = settings_of_model(run_or_model, new)
    splits = make_data(settings)
    settings = fit_model_to_data(settings, splits)
    return make_model(settings), settings, splits
