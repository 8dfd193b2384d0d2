"""``lamina train``."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import click

from lamina.cli.building import (
    OPTIMISERS,
    SCHEDULES,
    check_fit,
    fit_data_to_model,
    fit_model_to_data,
    make_callbacks,
    make_data,
    make_model,
    make_trainer,
)
from lamina.cli.errors import INTERRUPTED, ConfigError, configuring
from lamina.cli.layers import DEFAULTS, Settings, given, read_toml
from lamina.cli.options import (
    EXISTING_FOLDER,
    FILE,
    FOLDER,
    completed,
    output_options,
    set_option,
)
from lamina.cli.output import emit_json, measures
from lamina.cli.runs import RunFolder
from lamina.data import Splits
from lamina.data import names as data_names
from lamina.nn import models
from lamina.train import Callback, Trainer, storage
from lamina.train.engines import ENGINES
from lamina.train.objective import LOSSES
from lamina.train.progress import Style

CHANGEABLE = ("epochs", "early_stopping", "checkpoint", "health")


def _default(key: str) -> str:
    return f"  [default: {DEFAULTS[key]}]"


@click.command()
@click.argument("model", required=False, **completed(models.names))
@click.option("--data", metavar="NAME", help="Data to train on; `lamina data` lists them.",
              **completed(data_names))  # fmt: skip
@click.option("--epochs", type=click.IntRange(min=1),
              help=f"Passes over the training data.{_default('epochs')}")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(min=1),
              help=f"Examples in a step.{_default('batch_size')}")  # fmt: skip
@click.option("--lr", type=float,
              help="Learning rate.  [default: the optimiser's own]")  # fmt: skip
@click.option("--optimiser", "--optimizer", "optimiser", metavar="NAME",
              help=f"sgd, adam, …{_default('optimiser.name')}",
              **completed(lambda: OPTIMISERS))  # fmt: skip
@click.option("--schedule", metavar="NAME",
              help="Of the learning rate: cosine, step, …  [default: none]",
              **completed(lambda: SCHEDULES))  # fmt: skip
@click.option("--loss", metavar="NAME",
              help="mse, l1, …  [default: cross_entropy for classes, else mse]",
              **completed(lambda: LOSSES))  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0),
              help=f"Of initial weights, order and dropout.{_default('seed')}")  # fmt: skip
@click.option("--engine", type=click.Choice(ENGINES),
              help=f"Native code, or NumPy.{_default('engine')}")  # fmt: skip
@click.option("--config", type=FILE, help="TOML file with the same keys.")
@click.option("--out", type=FOLDER, help="Folder for the run.  [default: runs/MODEL-DATA]")
@click.option("--resume", type=EXISTING_FOLDER, help="Run to go on with, exactly.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@set_option
@output_options
def train(
    config: Path | None,
    out: Path | None,
    resume: Path | None,
    quiet: bool,
    overrides: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Train MODEL, and measure it on the test data.

    Settings come from defaults, then the TOML file, then options, then --set; later ones win.
    `lamina summary` lists the models with their options, `lamina data` the data with theirs.
    """
    if out and resume:
        raise ConfigError("--out and --resume exclude each other: a resumed run keeps its folder")
    settings = fit_data_to_model(_settings(config, resume, options, overrides))
    splits = make_data(settings)
    settings = fit_model_to_data(settings, splits)
    trainer = make_trainer(settings, make_model(settings), splits)
    check_fit(settings, trainer, splits)
    run = RunFolder(resume or out or _default_folder(settings))
    callbacks = make_callbacks(settings, run.log, run.checkpoints)
    _start(run, trainer, settings, splits, resuming=resume is not None)
    record = _fit(trainer, settings, splits, callbacks, "none" if quiet else "auto")
    record = {"run": str(run.path), **record}
    if as_json:
        emit_json(record)
    else:
        _report(record)
    if record["status"] == "interrupted":
        click.get_current_context().exit(INTERRUPTED)


def _settings(
    config: Path | None, resume: Path | None, options: dict[str, Any], overrides: tuple[str, ...]
) -> Settings:
    """The layers, one over the other; a resumed run's own settings come before the new ones."""
    own = RunFolder(resume).settings() if resume else {}
    new = {**(read_toml(config) if config else {}), **given(options, overrides)}
    for key, value in new.items():
        if own and own.get(key) != value and key.partition(".")[0] not in CHANGEABLE:
            was = f"was {own[key]!r}" if key in own else "was left at its default"
            raise ConfigError(
                f"--resume: {key} {was} and cannot become {value!r}, or the run "
                f"would not go on as it was; only {', '.join(CHANGEABLE)} may change"
            )
    return {**DEFAULTS, **own, **new}


def _start(
    run: RunFolder, trainer: Trainer, settings: Settings, splits: Splits, resuming: bool
) -> None:
    """Go to the last checkpoint, or claim the folder for a new run."""
    storage.require_safetensors()
    if run.started() and not resuming:
        raise ConfigError(
            f"{run.path} holds another run; go on with it by --resume {run.path}, or choose "
            "another --out"
        )
    if run.started():
        with configuring("--resume"):
            trainer.resume(run.checkpoints)
    else:
        run.log.unlink(missing_ok=True)  # of a run that died before its first checkpoint
    run.write(settings, _about(splits))


def _fit(
    trainer: Trainer,
    settings: Settings,
    splits: Splits,
    callbacks: list[Callback],
    progress: Style,
) -> dict[str, Any]:
    """Train, and return what came of it."""
    history = trainer.fit(
        splits.train,
        splits.validation if len(splits.validation) else None,
        settings["epochs"],
        callbacks,
        batch_size=settings["batch_size"],
        progress=progress,
    )
    measured = history.status != "interrupted" and len(splits.test) > 0
    return {
        "status": history.status,
        "reason": trainer.stop_reason,
        "epochs": trainer.epoch,
        "steps": trainer.step,
        "last": history.last,
        "test": trainer.evaluate(splits.test) if measured else {},
    }


def _about(splits: Splits) -> dict[str, Any]:
    """What prediction needs to know of the data."""
    return {
        "classes": list(splits.train.classes),
        "input_shape": list(splits.train.inputs.shape[1:]),
    }


def _default_folder(settings: Settings) -> Path:
    """``runs/MODEL-DATA``, numbered if there is one."""
    stem = f"{settings['model.name']}-{settings['data.name']}"
    names = (stem if n == 1 else f"{stem}-{n}" for n in count(1))
    return next(path for name in names if not (path := Path("runs") / name).exists())


def _report(record: dict[str, Any]) -> None:
    if record["test"]:
        click.echo(f"test, last weights: {measures(record['test'])}")
    epochs = "1 epoch" if record["epochs"] == 1 else f"{record['epochs']} epochs"
    click.echo(f"{record['status']} after {epochs}, in {record['run']}")
    if record["status"] == "interrupted":
        click.echo(f"go on with: lamina train --resume {record['run']}")
