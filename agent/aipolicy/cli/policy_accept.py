"""`aipolicy policy accept`: lets a policy act that the agent here holds because it would stop so much."""

import re
from pathlib import Path

import click

from aipolicy.central.policy_source import ACCEPTED, NotedVersion
from aipolicy.cli import inputs
from aipolicy.cli.errors import Failure
from aipolicy.core.wire import printable
from aipolicy.platforms import this_machine
from aipolicy.settings import Settings


@click.command()
@click.argument("version")
@click.option("--state", metavar="DIR", help="The agent's state folder; the system's where none is given.")
def accept(version: str, state: str | None) -> None:
    """Let a policy come into force that the agent here holds, because it would stop so much at once.

    VERSION is the one that `aipolicy status` names. It counts for this machine and this version only.
    """
    if not re.fullmatch(r"[0-9a-f]{12}", version):
        raise Failure(f"{printable(version)!r} is no version: `aipolicy status` names the one that is held")
    settings = Settings(state=state)
    admin = this_machine().is_admin()
    folder = Path(settings.state_dir(admin=admin, environ=inputs.environ()))
    try:
        NotedVersion(folder, ACCEPTED).note(version)
    except OSError as error:
        raise Failure(f"{folder}: {error.strerror}: run it as the agent does, with its --state") from error
    click.echo(f"accepted: version {version} comes into force within two seconds if the agent here holds it")
