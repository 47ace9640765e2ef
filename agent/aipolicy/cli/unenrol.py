"""`aipolicy unenrol`: this device takes its leave of the server."""

import os
from pathlib import Path

import click

from aipolicy.cli import inputs
from aipolicy.cli.errors import Failure
from aipolicy.platforms import this_machine
from aipolicy.settings import Settings
from aipolicy.state.folder import StateError
from aipolicy.state.identity import Identity, load_identity
from aipolicy.state.instance import InstanceLock


@click.command()
@click.option("--config", metavar="FILE", help="The agent's settings (default /etc/aipolicy/agent.yaml).")
@click.option("--server", metavar="URL", help="The central server.")
@click.option("--state", metavar="DIR", help="The agent's state folder.")
@click.option("--offline", is_flag=True, help="Leave without telling the server.")
def unenrol(config: str | None, server: str | None, state: str | None, offline: bool) -> None:
    """Take leave of the server: it is told, and token and waiting events are removed here.

    The agent has to be stopped before. The policy stays, the one that the server published included.
    """
    machine = this_machine()
    settings = inputs.settings(machine, config, server=server, state=state)
    folder = Path(settings.state_dir(admin=machine.is_admin(), environ=inputs.environ()))
    if not folder.is_dir():
        raise Failure(f"{folder}: no agent has run with this folder: give the agent's with --state")
    try:
        lock = InstanceLock.take(folder, os.getpid())
    except StateError as error:
        raise Failure(str(error)) from error
    try:
        _leave(folder, settings, offline)
    except OSError as error:
        raise Failure(f"{folder}: {error.strerror}: run it as the agent does, with its --state") from error
    finally:
        if lock is not None:
            lock.release()


def _leave(folder: Path, settings: Settings, offline: bool) -> None:
    from aipolicy.state.leave import forget_server

    identity = load_identity(folder)
    if identity is not None and identity.token is not None and not offline:
        _tell(identity, identity.token, settings)
    forget_server(folder)
    if identity is None or identity.token is None:
        click.echo("this device was not enrolled; waiting events were removed")
        return
    click.echo(f"device {identity.device} is not enrolled any more: token and waiting events were removed")
    if offline:
        click.echo(
            f"the server was not told: there, `aipolicy server device revoke {identity.device}`", err=True
        )
    click.echo("an agent that starts with a server and an enrolment secret enrols anew")


def _tell(identity: Identity, token: str, settings: Settings) -> None:
    from aipolicy.central.leave import NotTold, take_leave
    from aipolicy.cli.client import client_of

    if settings.server is None:
        raise Failure("no server is set: give it with --server URL, or leave without telling it: --offline")
    client = client_of(settings.server, settings.proxy, settings.ca)
    try:
        if not take_leave(client, token):
            click.echo("the server had let go of this device before", err=True)
    except NotTold as error:
        raise Failure(
            f"{settings.server}: {error}: nothing has changed. Try again, or leave without telling it:"
            f" --offline (and `aipolicy server device revoke {identity.device}` there)"
        ) from error
