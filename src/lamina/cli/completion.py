"""``lamina completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

INSTALLATION = """\b
bash:  eval "$(lamina completion bash)"   in ~/.bashrc
zsh:   eval "$(lamina completion zsh)"    in ~/.zshrc
fish:  lamina completion fish | source    in ~/.config/fish/config.fish
"""


@click.command(epilog=INSTALLATION)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands and options in SHELL."""
    program = context.find_root().command
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(program, {}, "lamina", "_LAMINA_COMPLETE").source())
