"""``lamina explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from lamina.cli.building import (
    fit_model_to_data,
    make_data,
    make_model,
    settings_of_model,
    with_data,
)
from lamina.cli.errors import ConfigError, configuring
from lamina.cli.layers import given
from lamina.cli.options import CHECKPOINT, completed, output_options, set_option, split_option
from lamina.cli.output import emit_json
from lamina.cli.runs import RunFolder
from lamina.core.errors import DataError
from lamina.data import Dataset, Splits
from lamina.data import names as data_names
from lamina.insight.derivation import FORMATS, LANGUAGES
from lamina.nn import Module, models
from lamina.tensors import as_tensor
from lamina.train.objective import LOSSES


@click.command()
@click.argument("model", **completed(models.names))
@click.option("--data", metavar="NAME", help="Data to take samples from.  [default: the run's own]",
              **completed(data_names))  # fmt: skip
@split_option("test")
@click.option("--sample", "samples", type=click.IntRange(min=0), multiple=True, default=(0,),
              show_default=True, help="Number of a sample; repeat for a batch.")  # fmt: skip
@click.option("--loss", metavar="NAME",
              help="mse, bce, …  [default: the run's own, else as `lamina train`]",
              **completed(lambda: LOSSES))  # fmt: skip
@click.option("--format", "form", type=click.Choice(FORMATS), help="How to write the derivation.  "
              "[default: by the name of --output, else text]")  # fmt: skip
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path),
              help="File to write.  [default: standard output]")  # fmt: skip
@click.option("--language", type=click.Choice(LANGUAGES), default="both", show_default=True)
@click.option("--lr", type=float, help="Also show one step of gradient descent at this rate.")
@click.option("--weight-decay", type=float, default=0.0, show_default=True, help="Of that step.")
@CHECKPOINT
@set_option
@output_options
def explain(
    model: str,
    samples: tuple[int, ...],
    form: str | None,
    output: Path | None,
    language: str,
    lr: float | None,
    weight_decay: float,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Derive the backward pass of MODEL on samples of data, with every number.

    MODEL is the folder of a run, or the name of a model, which then has its initial weights. Each
    step of the derivation is evaluated from its formula and compared with reverse mode; if any
    does not agree, the command fails.
    """
    from lamina import insight

    network, splits, loss = _subject(model, chosen)
    batch = _batch(getattr(splits, chosen["split"]), samples, chosen["split"])
    with configuring(f"model {model} on this data"):
        found = insight.trace(network, batch.inputs, as_tensor(batch.targets), loss)
    derivation = found.derivation()
    if lr is not None:
        derivation = derivation.with_sections(found.learning_step(lr, weight_decay).section)
    form = form or _form_of(output)
    written = derivation.render(form, language)
    if output is not None:
        _save(output, written)
    record = {"model": model, "samples": list(samples), "loss": found.loss, "format": form,
              "steps": len(list(derivation.steps)), "error": derivation.error}  # fmt: skip
    if as_json:
        emit_json(record | ({"output": str(output)} if output else {"derivation": written}))
    else:
        click.echo(_told(record, output) if output else written, nl=bool(output))


def _told(record: dict[str, Any], output: Path) -> str:
    return (
        f"{record['steps']} steps, each verified (relative error at most {record['error']:.1e}), "
        f"in {output}"
    )


def _subject(model: str, chosen: dict[str, Any]) -> tuple[Module, Splits, str]:
    """Return the network, the data, and the name of the loss."""
    new = given({key: chosen[key] for key in ("data", "loss")}, chosen["overrides"])
    folder = RunFolder(Path(model))
    if folder.path.is_dir():
        settings = with_data(folder.settings(), new)
        splits, network = make_data(settings), folder.model(chosen["checkpoint"])
    else:
        settings = settings_of_model(model, new)
        splits = make_data(settings)
        network = make_model(fit_model_to_data(settings, splits)).eval()
    usual = "cross_entropy" if splits.train.classes else "mse"
    return network, splits, settings.get("loss", usual)


def _batch(part: Dataset, samples: tuple[int, ...], split: str) -> Dataset:
    for number in samples:
        if number >= len(part):
            raise ConfigError(
                f"--sample {number}: the {split} data has {len(part)} samples, from 0 up"
            )
    return part[np.array(samples)]


def _form_of(output: Path | None) -> str:
    suffixes = {".html": "html", ".htm": "html", ".md": "markdown", ".tex": "latex"}
    return suffixes.get(output.suffix.lower(), "text") if output else "text"


def _save(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from error
