"""The ``lamina`` command and its subcommands."""

from __future__ import annotations

import click

from lamina import __version__
from lamina.cli.bench import bench
from lamina.cli.completion import completion
from lamina.cli.data import data
from lamina.cli.diagnose import diagnose
from lamina.cli.errors import Commands
from lamina.cli.evaluate import evaluate
from lamina.cli.explain import explain
from lamina.cli.predict import predict
from lamina.cli.profile import profile
from lamina.cli.summary import summary
from lamina.cli.train import train


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 success, 1 the run failed, 2 wrong usage, 3 bad data or file, "
    "130 interrupted.",
)
@click.version_option(__version__, prog_name="lamina")
def app() -> None:
    """Train, measure and use feedforward and convolutional networks."""


COMMANDS = (
    *(train, evaluate, predict, explain, diagnose),
    *(summary, data, profile, bench, completion),
)

for command in COMMANDS:
    app.add_command(command)
