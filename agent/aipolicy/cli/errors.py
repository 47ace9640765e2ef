"""How the command line fails: one line that says what is wrong and what to do, exit code 2."""

from typing import IO, Any

import click


class Failure(click.ClickException):
    """An error that the user can answer. Exit code 2, as the contract says; click's own would be 1."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, err=True, file=file)
