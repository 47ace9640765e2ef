"""`aipolicy doctor`: what keeps the agent from its whole job on this machine, and what to do about it."""

import sys
import time

import click
import msgspec

from aipolicy.cli import inputs, local
from aipolicy.cli.json_form import in_json
from aipolicy.core.model import Record, Unseen
from aipolicy.core.status import ControlStatus, Status
from aipolicy.daemon.guard.probe import prove
from aipolicy.platforms import this_machine
from aipolicy.platforms.machine import Machine
from aipolicy.platforms.sources import install_source, process_source


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
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def doctor(state: str | None, policy_file: str | None, form: str) -> None:
    """Find out what keeps the agent from doing its whole job here.

    As root on Linux it also proves it: a harmless program of ours is banned, refused, ended and freed.

    Exit code: 0 nothing, 1 something, 2 error.
    """
    machine = this_machine()
    catalog = inputs.catalog()
    policy, shown = inputs.policy(policy_file, catalog)
    checks = (
        Check(
            part="policy",
            good=shown != "(no policy)",
            says=f"{shown}: version {policy.version}, mode {policy.mode}"
            if shown != "(no policy)"
            else "no policy is given and none is in /etc/aipolicy: everything is unlisted and reported",
        ),
        _sight(machine),
        _processes(machine),
        _installs(machine, catalog.wanted.install_names),
        *_agent(state),
        *_proofs(machine),
    )
    diagnosis = Diagnosis(good=all(check.good for check in checks), checks=checks)
    if form == "json":
        click.echo(in_json(diagnosis))
    else:
        for check in checks:
            click.echo(f"{'ok   ' if check.good else 'look '} {check.part:<18} {check.says}")
    sys.exit(0 if diagnosis.good else 1)


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
