"""``lamina data``."""

from __future__ import annotations

import click

from lamina import data as sources
from lamina.cli.options import output_options
from lamina.cli.output import emit_json, emit_table


@click.command()
@output_options
def data(as_json: bool) -> None:
    """List the data there are.

    Their options are set by --set data.OPTION=VALUE.
    """
    listed = {
        name: [str(option) for option in options] for name, options in sources.names().items()
    }
    if as_json:
        emit_json({"data": listed})
    else:
        emit_table(
            ("name", "options"), [(name, "; ".join(options)) for name, options in listed.items()]
        )
