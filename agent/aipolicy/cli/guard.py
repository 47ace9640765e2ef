"""`aipolicy guard`: the exec gate of Linux, in the foreground."""

import os
import sys
from pathlib import Path
from typing import Final

import click

from aipolicy.cli import inputs
from aipolicy.cli.errors import Failure
from aipolicy.daemon.guard.command import deadman_command, guard_socket, is_of_agent
from aipolicy.platforms import this_machine
from aipolicy.platforms.linux_calls import TERM
from aipolicy.platforms.service import Service
from aipolicy.state.instance import AlreadyRunning, InstanceLock
from aipolicy.state.safe_mode_file import in_safe_mode

_PATIENCE_S: Final = 0.5
"""For the name of who starts a program, which waits meanwhile."""
SWITCHED_OFF: Final = 3
"""Exit code: nothing failed, and packaging/agent/units/aipolicy-guard.service does not start it again."""


@click.command()
@click.option("--config", metavar="FILE", help="The agent's settings (default /etc/aipolicy/agent.yaml).")
@click.option("--state", metavar="DIR", help="The agent's state folder, where the last good policy lies.")
@click.option("--tools", metavar="DIR", help="The folder with your own tool files.")
@click.option("--only", metavar="MOUNT", multiple=True, help="Guard this mount point only, to try it.")
@click.option("--classify", is_flag=True, hidden=True, help="Be the part that judges files.")
@click.option("--of-agent", is_flag=True, hidden=True, help="Started by the agent, which ends it.")
def guard(
    config: str | None,
    state: str | None,
    tools: str | None,
    only: tuple[str, ...],
    classify: bool,
    of_agent: bool,
) -> None:
    """Refuse banned tools before their first instruction, by the last good policy of the agent.

    Root on Linux only. `aipolicy run` starts it by itself; as a service of its own it also guards before the
    agent runs. It ends on SIGTERM, and then everything starts as if it had never been.
    """
    machine = this_machine(_PATIENCE_S)
    if machine.os != "linux" or not machine.is_admin():
        raise Failure("the guard needs Linux and root: it answers for everybody's programs")
    settings = inputs.settings(machine, config, state=state, tools=tools)
    folder = os.path.abspath(settings.state_dir(admin=True, environ=inputs.environ()))
    if classify:
        from aipolicy.daemon.guard.service import serve

        serve(folder, settings.tools, machine, guard_socket(folder))
        return
    if settings.guard == "off" and not of_agent:
        _stay_away()
    if not os.path.isdir(folder):
        raise Failure(f"{folder}: no such folder: run the agent once, or give its state folder with --state")
    try:
        lock = _locked(Path(folder), of_agent)
    except AlreadyRunning as error:
        raise Failure(str(error)) from error
    if lock is not None:
        lock.outlive_exec()
    if in_safe_mode(folder):
        click.echo("the agent is in safe mode: nothing is refused until that is over", err=True)
    command = deadman_command(folder, settings.tools, only, of_agent=of_agent)
    os.execv(command[0], command)  # noqa: S606  ourselves, without a shell on purpose


def _stay_away() -> None:
    """Ends as the unit expects it of a guard that is switched off: well, and not to be started again."""
    said = "guard: off in the settings: programs start unasked"
    Service(inputs.environ(), os.getpid()).ready(said)
    click.echo(said, err=True)
    sys.exit(SWITCHED_OFF)


def _locked(folder: Path, of_agent: bool) -> InstanceLock | None:
    """A guard that the agent started while its service was away makes room for that service."""

    def end(pid: int) -> None:
        if not is_of_agent(pid):
            raise AlreadyRunning(folder, pid, "guard")
        os.kill(pid, TERM)

    if of_agent:
        return InstanceLock.take(folder, os.getpid(), "guard")
    return InstanceLock.take_from(folder, os.getpid(), "guard", end)
