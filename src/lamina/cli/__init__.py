"""The command line. Exit codes are documented in `lamina.cli.errors`."""


def main() -> None:
    """Run the ``lamina`` command with the arguments of the process."""
    from lamina.cli.app import app

    app(prog_name="lamina")
