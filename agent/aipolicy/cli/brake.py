"""`aipolicy brake`: for a while, this machine's agent reports and stops nothing."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Final

import click

from aipolicy.cli import inputs, local
from aipolicy.cli.errors import Failure
from aipolicy.core.wire import printable
from aipolicy.platforms import this_machine
from aipolicy.platforms.boot import boot_now
from aipolicy.platforms.machine import Machine
from aipolicy.settings import Settings
from aipolicy.state.brake import LONGEST_S, LocalBrake, Pulled
from aipolicy.state.folder import my_uid

_UNITS: Final = {"m": 60, "h": 3600}
_LONGEST_REASON: Final = 500


@click.command()
@click.option("--for", "time", metavar="30m|2h", help="How long it holds: minutes or hours, 24h at most.")
@click.option("--off", is_flag=True, help="Lift it now.")
@click.option("--reason", default="", help="Why; it is reported to the server.")
@click.option("--state", metavar="DIR", help="The agent's state folder; the system's where none is given.")
def brake(time: str | None, off: bool, reason: str, state: str | None) -> None:
    """Keep this machine's agent from stopping anything, for a time: it goes on reporting.

    What was refused is freed within a second or two. The brake ends by itself when its time is over or the
    machine restarts, whatever happens to the clock, and the server is told of its beginning and its end.
    """
    if off == (time is not None):
        raise Failure("say how long it is to hold (`aipolicy brake --for 2h`), or lift it: --off")
    machine = this_machine()
    folder = _folder(state, machine)
    held = LocalBrake(folder, boot_now)
    try:
        if time is None:
            click.echo("lifted: the policy's own mode is in force again" if held.lift() else "no brake held")
            return
        pulled = _pulled(_seconds(time), _checked(reason), machine)
        held.pull(pulled)
    except OSError as error:
        raise Failure(f"{folder}: {error.strerror}: run it as the agent does, with its --state") from error
    click.echo(
        f"braked until {pulled.ends:%Y-%m-%d %H:%M UTC} or a restart of this machine: tools are reported and"
        " none is stopped\nto lift it sooner: aipolicy brake --off"
    )
    if local.answer(state, "status") is None:
        click.echo("no agent answers here now; one that starts before then obeys it", err=True)


def _folder(state: str | None, machine: Machine) -> Path:
    if state is None and not machine.is_admin():
        raise Failure("only root brakes this machine's agent; for one of your own, give its folder: --state")
    folder = Path(Settings(state=state).state_dir(admin=True, environ=inputs.environ()))
    if not folder.is_dir():
        raise Failure(f"{folder}: no agent has run with this folder: give the agent's with --state")
    return folder


def _pulled(seconds: float, reason: str, machine: Machine) -> Pulled:
    boot, now = boot_now(), inputs.now()
    if boot is None:
        raise Failure("this system has no clock that only counts the time since its start: Linux has")
    asked = inputs.environ().get("SUDO_UID", "")
    uid = int(asked) if re.fullmatch("[0-9]{1,9}", asked, re.ASCII) else my_uid() or 0
    return Pulled(
        boot=boot.id,
        until_s=boot.seconds + seconds,
        by=machine.owner(uid).name,
        reason=reason,
        since=now,
        ends=now + timedelta(seconds=seconds),
    )


def _seconds(text: str) -> float:
    found = re.fullmatch(r"([0-9]{1,5})([mh])", text, re.ASCII)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 0 < seconds <= LONGEST_S:
        raise Failure(f"--for {printable(text)!r}: write minutes or hours, as in 30m or 2h, and 24h at most")
    return float(seconds)


def _checked(reason: str) -> str:
    if len(reason) > _LONGEST_REASON or not reason.isprintable():
        raise Failure(f"--reason: one line of {_LONGEST_REASON} characters at most")
    return reason
