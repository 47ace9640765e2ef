"""`aipolicy policy publish|rollback|release`: which policy the server has in force, and for whom."""

import hashlib
import math
import os

import click
import msgspec

from aipolicy.central.publishing import Desk
from aipolicy.cli import git, inputs
from aipolicy.cli.at_server import at_server, desk_of, refusals, version_of
from aipolicy.cli.errors import Failure
from aipolicy.core import policy as policies
from aipolicy.core.plan_report import PlanReport
from aipolicy.core.plural import plural
from aipolicy.core.problem import annotate_all
from aipolicy.core.publishing import (
    History,
    Published,
    PublishRequest,
    ReleaseRequest,
    RollbackRequest,
    Rollout,
    Step,
)
from aipolicy.core.wire import printable
from aipolicy.core.yamlfile import MAX_BYTES

_LONGEST = 200


_EXPECT = click.option(
    "--expect",
    type=click.IntRange(0),
    metavar="NUMBER",
    help="Refuse unless this number is in force, as it was when the change was reviewed; 0 for none.",
)
_AUTHOR = click.option("--author", default="", help="Who wrote the change.")
_APPROVER = click.option("--approver", default="", help="Who approved it.")


@click.command()
@click.argument("file", default="policy.yaml")
@at_server
@click.option("--commit", default="", help="The commit that it comes from.")
@_AUTHOR
@_APPROVER
@_EXPECT
@click.option(
    "--follow-git",
    is_flag=True,
    help="Refuse unless what is in force came from a commit that --commit builds on: for CI, so that nothing "
    "published by hand is undone, and no late job brings back what is older.",
)
@click.option(
    "--canary",
    type=click.FloatRange(0, 100, min_open=True),
    callback=lambda _context, _option, percent: _a_number(percent),
    metavar="PERCENT",
    help="Give it to this part of all devices only, until `release`, or until the server holds it.",
)
@click.option(
    "--plan",
    "plan_file",
    metavar="FILE",
    help="JSON of `policy plan`: more machines of the canary wave must not stop anything than it foresaw.",
)
def publish(
    file: str,
    server: str,
    token_file: str | None,
    proxy: str | None,
    ca: str | None,
    commit: str,
    author: str,
    approver: str,
    expect: int | None,
    follow_git: bool,
    canary: float | None,
    plan_file: str | None,
) -> None:
    """Put FILE into force on every device that has its policy from the server; policy.yaml by default.

    The server refuses a wrong policy, and one by somebody who does not know what was published last. Agents
    take it at their next check-in.

    Exit code: 0 published or in force already, 2 not.
    """
    request = PublishRequest(
        name=os.path.basename(file),
        content=_text(file),
        commit=_word("--commit", commit),
        author=_word("--author", author),
        approver=_word("--approver", approver),
    )
    if canary is not None:
        request = msgspec.structs.replace(request, canary=canary)
        request = _foreseen(plan_file, request) if plan_file else request
    elif plan_file:
        raise Failure("--plan is about the canary wave: give it with --canary PERCENT")
    desk = desk_of(server, token_file, proxy, ca)
    with refusals():
        known = desk.history()
        before = known.current if expect is None else expect
        if follow_git:
            _refuse_beside_git(known, request)
        done = desk.publish(request, before)
    if done.number == before:
        click.echo(f"in force already: number {done.number}, version {done.version}")
        return
    _say(done, desk)


@click.command()
@click.argument("version")
@at_server
@_AUTHOR
@_APPROVER
@_EXPECT
def rollback(
    version: str,
    server: str,
    token_file: str | None,
    proxy: str | None,
    ca: str | None,
    author: str,
    approver: str,
    expect: int | None,
) -> None:
    """Put an earlier text into force again, under a new number.

    VERSION is its number, or the version that verdicts name. Agents never go back to a lower number.
    """
    which = version_of(version)
    request = RollbackRequest(author=_word("--author", author), approver=_word("--approver", approver))
    desk = desk_of(server, token_file, proxy, ca)
    with refusals():
        before = desk.history().current if expect is None else expect
        number = desk.show(which).policy.number
        done = desk.roll_back(number, request, before)
    if done.number == before:
        click.echo(f"in force already: number {done.number}, version {done.version}")
        return
    _say(done, desk)


@click.command()
@click.argument("number", type=click.IntRange(1))
@at_server
@click.option("--reason", default="", help="Why, where the server held it.")
def release(
    number: int, server: str, token_file: str | None, proxy: str | None, ca: str | None, reason: str
) -> None:
    """Give policy NUMBER, which is in its canary wave or held there, to every device."""
    desk = desk_of(server, token_file, proxy, ca)
    with refusals():
        done = desk.release(number, ReleaseRequest(reason=_word("--reason", reason)))
    click.echo(f"number {done.number}, version {done.version}, goes to every device at its next check-in")


def _a_number(percent: float | None) -> float | None:
    """NaN is in every range, and JSON has no such number: it would be left out, and everybody be meant."""
    if percent is not None and math.isnan(percent):
        raise click.BadParameter("it is no number")
    return percent


def _foreseen(path: str, request: PublishRequest) -> PublishRequest:
    """What the plan foresaw. It must be about this text: another one's forecast would hold it for nothing."""
    try:
        with open(path, "rb") as opened:
            report = msgspec.json.decode(opened.read(), type=PlanReport)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}: make it with `policy plan --format json`") from error
    except msgspec.MsgspecError as error:
        raise Failure(f"{path}: it is no plan: make it with `policy plan --format json`") from error
    if report.policy.version != hashlib.sha256(request.content.encode("utf-8")).hexdigest()[:12]:
        raise Failure(f"{path}: it is the plan of version {report.policy.version}, not of this text")
    return msgspec.structs.replace(
        request,
        forecast_machines=report.blocked.machines,
        forecast_devices=report.inventory.devices,
    )


def _word(option: str, text: str) -> str:
    if len(text) > _LONGEST or not text.isprintable():
        raise Failure(f"{option}: one line of {_LONGEST} characters at most")
    return text


def _text(file: str) -> str:
    """The file's text. That it is a right policy the server says; that it is one text only we can."""
    try:
        with open(file, "rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = getattr(error, "strerror", None) or str(error)
        raise Failure(f"{printable(file)}: {why}: name the policy to publish") from error
    try:
        if len(content) <= MAX_BYTES:
            return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        policies.parse(content, file, inputs.catalog().known)
    except policies.PolicyErrors as errors:
        raise Failure(annotate_all(errors.problems)) from errors
    raise Failure(f"{printable(file)}: it is not UTF-8")


def _refuse_beside_git(known: History, request: PublishRequest) -> None:
    """What is in force is to be older in git than what is published now; or nothing is, or it is the same."""
    if not request.commit:
        raise Failure("--follow-git needs --commit: the commit that FILE comes from")
    current = next((row for row in known.rows if row.number == known.current), None)
    if current is None or current.sha256 == hashlib.sha256(request.content.encode()).hexdigest():
        return
    mend = f"look at `aipolicy policy show {current.number}`, bring git there, and publish with --expect"
    if current.copy_of is not None:
        who = printable(current.author or current.by)
        raise Failure(
            f"number {current.number} in force is a rollback to {current.copy_of}, by {who}: "
            f"{mend} {current.number}"
        )
    if not current.commit or not git.builds_on(request.commit, current.commit):
        came = f"commit {printable(current.commit)}" if current.commit else "no commit"
        raise Failure(
            f"number {current.number} in force came from {came}, on which {printable(request.commit)} "
            f"does not build: {mend} {current.number}"
        )


def _say(done: Published, desk: Desk) -> None:
    click.echo(f"published: number {done.number}, version {done.version}, mode {done.mode}")
    if done.step is not None and done.step.step is Step.CANARY:
        click.echo(
            f"{done.step.percent:g} % of the devices take it at their next check-in, the others keep the one "
            f"before; then: aipolicy policy release {done.number}"
        )
        return
    with refusals():
        rollout = desk.history().rollout
    devices = sum(getattr(rollout, name) for name in Rollout.__struct_fields__)
    whom = f"{plural(devices, 'device')} {'takes' if devices == 1 else 'take'}"
    click.echo(f"{whom} it at the next check-in; how far it is: aipolicy policy history")
