"""What every verb about policies on the server needs: which server, by whose token, and what it refuses."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from aipolicy.central.publishing import Desk, NotDone, NoToken, admin_token
from aipolicy.cli import inputs
from aipolicy.cli.client import client_of
from aipolicy.cli.errors import Failure
from aipolicy.core.problem import annotate_all
from aipolicy.core.wire import printable

T = TypeVar("T", bound=Callable[..., Any])


def at_server(command: T) -> T:
    """The options that say which server, and how to reach it."""
    for option in (
        click.option("--ca", metavar="FILE", help="A PEM file with your own certificate authority."),
        click.option("--proxy", metavar="URL", help="The HTTP proxy."),
        click.option(
            "--token-file",
            metavar="FILE",
            help="The file with the server's admin token; else it is taken from AIPOLICY_TOKEN.",
        ),
        click.option(
            "--server", envvar="AIPOLICY_SERVER", metavar="URL", required=True, help="The central server."
        ),
    ):
        command = option(command)
    return command


def desk_of(server: str, token_file: str | None, proxy: str | None, ca: str | None) -> Desk:
    """Raises Failure: the server's address, a way to it, or the token is wrong."""
    client = client_of(server, proxy, ca)
    try:
        return Desk(client, admin_token(token_file, inputs.environ()))
    except NoToken as error:
        raise Failure(str(error)) from error


@contextmanager
def refusals() -> Iterator[None]:
    """The server's refusal as an error of the command line."""
    try:
        yield
    except NotDone as error:
        faults = f"{annotate_all(error.problems)}\nnothing was published: " if error.problems else ""
        raise Failure(f"{faults}{error}") from error


def version_of(version: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,10}|[0-9a-f]{12}", version, re.ASCII):
        raise Failure(
            f"{printable(version)!r} is no version: `aipolicy policy history` shows numbers and versions"
        )
    return version
