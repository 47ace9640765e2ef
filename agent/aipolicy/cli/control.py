"""`aipolicy control`: the vendors' own settings that make a banned tool refuse, shown and checked."""

import sys
from pathlib import Path

import click

from aipolicy.cli import inputs
from aipolicy.cli.errors import Failure
from aipolicy.cli.json_form import in_json
from aipolicy.core.model import Record
from aipolicy.core.status import ControlStatus
from aipolicy.core.suggest import did_you_mean
from aipolicy.core.wire import printable
from aipolicy.daemon.judge import Judge
from aipolicy.enforce.controls import CONTROLS
from aipolicy.enforce.controls.control import SYSTEMS, Ban, Control, bans
from aipolicy.enforce.controls.keep import IN_FORCE, OFF, put_in_force, verify
from aipolicy.enforce.controls.memory import Memory
from aipolicy.enforce.controls.render import Rendered, render
from aipolicy.platforms import this_machine
from aipolicy.settings import Settings
from aipolicy.state.folder import StateError
from aipolicy.state.instance import InstanceLock

_POLICY = click.option(
    "--policy", "policy_file", metavar="FILE", help="The policy; the system's where none is given."
)
_TOOLS = click.option("--tools", "tools_dir", metavar="DIR", help="A folder with your own tool files.")
_FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)


class RenderedControl(Record, frozen=True, kw_only=True):
    """What `control render --format json` prints. files: what to install where, none if nothing is banned."""

    schema: str = "aipolicy.control-render/1"
    control: str
    os: str
    files: tuple[Rendered, ...]


class VerifiedControls(Record, frozen=True, kw_only=True):
    """What `control verify --format json` prints. good: whether all that is wanted is in force."""

    schema: str = "aipolicy.control-verify/1"
    good: bool
    controls: tuple[ControlStatus, ...]


@click.group()
def control() -> None:
    """Show, check and take away the vendors' own settings that make banned tools refuse."""


@control.command("render")
@click.argument("target", metavar="|".join(one.NAME for one in CONTROLS))
@click.option("--os", "system", type=click.Choice(SYSTEMS), help="For which system; this one by default.")
@_POLICY
@_TOOLS
@_FORMAT
def render_verb(
    target: str, system: str | None, policy_file: str | None, tools_dir: str | None, form: str
) -> None:
    """Print what would be written, and where, without writing it.

    Exit code: 0 printed, also where the policy blocks nothing that TARGET controls; 2 error.
    """
    wanted, system = _control(target), system or this_machine().os
    files = render(wanted, _bans(policy_file, tools_dir), system)
    if form == "json":
        found = RenderedControl(control=wanted.NAME, os=system, files=files)
        click.echo(in_json(found))
        return
    if not files:
        click.echo(f"The policy blocks nothing that {wanted.NAME} can refuse on {system}.", err=True)
    for number, file in enumerate(files):
        click.echo(("\n" if number else "") + f"# {file.place}", err=True)
        click.echo(file.text, nl=False)


@control.command("verify")
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@_POLICY
@_TOOLS
@_FORMAT
def verify_verb(targets: tuple[str, ...], policy_file: str | None, tools_dir: str | None, form: str) -> None:
    """Read back what the tools would read, and say whether what the policy blocks is refused there.

    Exit code: 0 all that is wanted is in force, 1 something is missing or overridden, 2 error.
    """
    wanted = tuple(_control(target) for target in targets) or CONTROLS
    states = verify(wanted, _bans(policy_file, tools_dir), this_machine())
    good = all(state.condition in (IN_FORCE, OFF) for state in states)
    if form == "json":
        found = VerifiedControls(good=good, controls=states)
        click.echo(in_json(found))
    else:
        for state in states:
            click.echo(_line(state))
    sys.exit(0 if good else 1)


@control.command("remove")
@click.option("--state", metavar="DIR", help="The agent's state folder; the system's where none is given.")
def remove_verb(state: str | None) -> None:
    """Take away all that the agent wrote into the vendors' settings, when the agent is uninstalled.

    Exit code: 0 nothing of ours is left, 1 something could not be taken away, 2 error.
    """
    machine = this_machine()
    if not machine.is_admin():
        raise Failure("only root can change the vendors' managed settings")
    folder = Path(Settings(state=state).state_dir(admin=True, environ=inputs.environ()))
    if not folder.is_dir():
        raise Failure(f"{folder}: no state folder of an agent: give it by --state")
    try:
        lock = InstanceLock.take(folder, machine.my_pid())
    except StateError as error:
        raise Failure(str(error)) from error
    try:
        memory = Memory(folder)
        states = put_in_force(CONTROLS, (), machine, memory)
        left = memory.paths()
    finally:
        if lock is not None:
            lock.release()
    for one in states:
        if one.condition != OFF:
            click.echo(_line(one), err=True)
    click.echo(
        f"still ours: {', '.join(left)}" if left else "nothing of ours is left in the vendors' settings"
    )
    sys.exit(1 if left else 0)


def _line(state: ControlStatus) -> str:
    said = f"{state.name:<12} {state.condition}" + (f": {state.detail}" if state.detail else "")
    return said + (f"\n{'':<12} known way around: {state.around}" if state.condition != OFF else "")


def _control(name: str) -> Control:
    found = next((one for one in CONTROLS if name == one.NAME), None)
    if found is None:
        names = [one.NAME for one in CONTROLS]
        hint = did_you_mean(name, names)
        raise Failure(f"unknown control {printable(name)!r}{hint} (known are: {', '.join(names)})")
    return found


def _bans(policy_file: str | None, tools_dir: str | None) -> tuple[Ban, ...]:
    machine, catalog = this_machine(), inputs.catalog(tools_dir)
    policy, _shown = inputs.policy(policy_file, catalog)
    judge = Judge(
        catalog=catalog,
        policy=policy,
        surroundings=inputs.surroundings(machine),
    )
    moment = inputs.now()
    return bans(catalog, policy, lambda finding: judge.verdict_for_everybody(finding, moment))
