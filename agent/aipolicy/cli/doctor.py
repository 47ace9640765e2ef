"""`aipolicy doctor`: what keeps the agent from its whole job on this machine, and what to do about it."""

import sys
import time

import click
import msgspec

from aipolicy.central.reach import unreachable
from aipolicy.cli import inputs, local
from aipolicy.cli.errors import Failure
from aipolicy.cli.json_form import in_json
from aipolicy.core.model import Record, Unseen
from aipolicy.core.status import ControlStatus, Status
from aipolicy.core.tools import Catalog
from aipolicy.daemon.guard.probe import prove
from aipolicy.platforms import this_machine
from aipolicy.platforms.linux_needs import missing_rights, no_gate
from aipolicy.platforms.machine import Machine
from aipolicy.platforms.sources import install_source, process_source
from aipolicy.settings import Settings, SettingsError, load


class Check(Record, frozen=True, kw_only=True):
    """One thing that was tried. part: what. good: whether it works wholly. says: how it stands."""

    part: str
    good: bool
    says: str


class Diagnosis(Record, frozen=True, kw_only=True):
    """All checks; good: whether every one is."""

    schema: str = "aipolicy.doctor/1"
    good: bool
    checks: tuple[Check, ...]


@click.command()
@click.option("--state", metavar="DIR", help="The agent's state folder; the system's where none is given.")
@click.option("--policy", "policy_file", metavar="FILE", help="The policy; the system's where none is given.")
@click.option("--quick", is_flag=True, help="No proof, and what is well in one line.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def doctor(state: str | None, policy_file: str | None, quick: bool, form: str) -> None:
    """Find out what keeps the agent from doing its whole job here.

    As root on Linux it also proves it: a harmless program of ours is banned, refused, ended and freed.

    Exit code: 0 nothing, 1 something, 2 error.
    """
    machine = this_machine()
    settings, read = _settings(machine)
    catalog, checks = _tools(settings.tools)
    checks = (
        read,
        *checks,
        _policy(policy_file, catalog),
        _sight(machine),
        *_needs(machine),
        _processes(machine),
        _installs(machine, catalog.wanted.install_names),
        *_server(settings),
        *_agent(state),
        *(() if quick else _proofs(machine)),
    )
    diagnosis = Diagnosis(good=all(check.good for check in checks), checks=checks)
    if form == "json":
        click.echo(in_json(diagnosis))
    else:
        for line in _brief(checks) if quick else map(_line, checks):
            click.echo(line)
    sys.exit(0 if diagnosis.good else 1)


def _line(check: Check) -> str:
    return f"{'ok   ' if check.good else 'look '} {check.part:<18} {check.says}"


def _brief(checks: tuple[Check, ...]) -> tuple[str, ...]:
    """What is to be looked at, a line each, and the names of the rest."""
    well = ", ".join(check.part for check in checks if check.good)
    return (*(_line(check) for check in checks if not check.good), *([f"ok    {well}"] if well else []))


def _settings(machine: Machine) -> tuple[Settings, Check]:
    managed = machine.managed()
    try:
        settings = load(None, inputs.environ(), managed)
    except SettingsError as error:
        return Settings(), Check(part="settings", good=False, says=str(error).replace("\n", "; "))
    read = ", ".join((*settings.files, *dict.fromkeys(one.place for one in managed)))
    return settings, Check(part="settings", good=True, says=f"read from {read}" if read else "no file")


def _tools(own: str | None) -> tuple[Catalog, tuple[Check, ...]]:
    """The catalog, without IT's own tool files where they are wrong."""
    try:
        return inputs.catalog(own), ()
    except Failure as error:
        return inputs.catalog(), (Check(part="tools", good=False, says=_first_line(error)),)


def _policy(path: str | None, catalog: Catalog) -> Check:
    try:
        policy, name = inputs.policy(path, catalog)
    except Failure as error:
        return Check(part="policy", good=False, says=_first_line(error))
    if name == "(no policy)":
        says = "no policy is given and none is in /etc/aipolicy: everything is unlisted and reported"
        return Check(part="policy", good=False, says=says)
    return Check(part="policy", good=True, says=f"{name}: version {policy.version}, mode {policy.mode}")


def _first_line(error: Failure) -> str:
    return error.message.partition("\n")[0]


def _needs(machine: Machine) -> tuple[Check, ...]:
    """What root's agent needs of Linux beside its events."""
    if machine.os != "linux" or not machine.is_admin():
        return ()
    missing, why = missing_rights(), no_gate()
    return (
        Check(part="rights", good=not missing, says="; ".join(missing) or "all that are needed"),
        Check(
            part="exec gate",
            good=why is None,
            says="the kernel asks before a program starts"
            if why is None
            else f"the kernel does not ask before a program starts: {why}; banned tools are ended instead",
        ),
    )


def _server(settings: Settings) -> tuple[Check, ...]:
    if settings.server is None:
        return ()
    why = unreachable(settings.server, settings.proxy, settings.ca)
    says = f"{settings.server} answers" if why is None else f"{settings.server}: {why}"
    return (Check(part="server", good=why is None, says=says),)


def _proofs(machine: Machine) -> tuple[Check, ...]:
    """A harmless program of ours is banned for a moment, so that "in force" is more than a word."""
    if machine.os != "linux" or not machine.is_admin():
        return ()
    return tuple(Check(part=f"proof of {p.layer}", good=p.good, says=p.says) for p in prove(machine))


def _sight(machine: Machine) -> Check:
    if machine.is_admin():
        return Check(part="sight", good=True, says="root: files and processes of every user can be seen")
    return Check(
        part="sight", good=False, says="not root: only your own files and processes; run the agent as root"
    )


def _processes(machine: Machine) -> Check:
    source, why = process_source(machine, time.monotonic)
    source.close()
    return _way("process events", source.way, why, "a process that lives shorter than a second can be missed")


def _installs(machine: Machine, names: frozenset[str]) -> Check:
    source, why = install_source(machine, names, ())
    source.close()
    return _way("install events", source.way, why, "elsewhere a new install is seen by the next regular scan")


def _way(part: str, way: str, why: Unseen | None, price: str) -> Check:
    if why is None:
        return Check(part=part, good=True, says=way)
    return Check(part=part, good=False, says=f"{way}, because of {why.place}: {why.reason}; {price}")


def _agent(state: str | None) -> tuple[Check, ...]:
    answered = local.answer(state, "status")
    if answered is None:
        return (Check(part="agent", good=False, says="none runs here: start `aipolicy run`"),)
    status = msgspec.json.decode(answered, type=Status)
    wrong = "; ".join(f"{p.part} {p.condition}: {p.detail}" for p in status.problems)
    agent = Check(part="agent", good=status.healthy, says=wrong or f"healthy, pid {status.pid}")
    return (agent, *(_control(one) for one in status.controls if one.condition != "off"))


def _control(control: ControlStatus) -> Check:
    """A control that is in force has its ways around all the same, so they are said with it."""
    return Check(
        part=f"control {control.name}",
        good=control.condition == "in force",
        says=f"{control.condition}: {control.detail}; known way around: {control.around}",
    )
