"""The commands, run in this process."""

import json
from typing import Any

from click.testing import CliRunner, Result

from lamina.cli.app import app


def lamina(*arguments: object, code: int = 0) -> Result:
    """Run a command, which must end with that exit code."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


def lamina_json(*arguments: object, code: int = 0) -> Any:
    """Run a command with ``--json``, and return what it prints."""
    return json.loads(lamina(*arguments, "--json", code=code).stdout)
