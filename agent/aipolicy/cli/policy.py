"""`aipolicy policy`: check shows every error of a policy at once, accept lets a held one act."""

import re
import sys
from pathlib import Path

import click
import msgspec

from aipolicy.central.policy_source import ACCEPTED, NotedVersion
from aipolicy.cli import inputs
from aipolicy.cli.errors import Failure
from aipolicy.cli.policy_import import import_
from aipolicy.core import policy as policies
from aipolicy.core.model import Action, Record
from aipolicy.core.problem import Code, Problem, annotate_all
from aipolicy.core.wire import printable
from aipolicy.core.yamlfile import MAX_BYTES
from aipolicy.platforms import this_machine
from aipolicy.settings import Settings

DEFAULT_FILE = "policy.yaml"

_EFFECT = {
    Action.REPORT: "reports and stops nothing",
    Action.WARN: "reports and warns",
    Action.BLOCK: "blocks",
}


class CheckedFile(Record, frozen=True, kw_only=True):
    """One file. policy: what it says, null where it is wrong. problems: all that is wrong with it."""

    file: str
    ok: bool
    policy: "CheckedPolicy | None"
    problems: tuple[Problem, ...]


class CheckedPolicy(Record, frozen=True, kw_only=True):
    """name, version, mode: as every report names the policy. banned, approved: how many entries."""

    name: str
    version: str
    mode: Action
    banned: int
    approved: int
    unlisted: Action


class CheckReport(Record, frozen=True, kw_only=True):
    """What `policy check --format json` prints. ok: whether every file is right."""

    schema: str = "aipolicy.policy-check/1"
    ok: bool
    files: tuple[CheckedFile, ...]


@click.group()
def policy() -> None:
    """Work on a policy: the file in which IT says which AI tools are approved and which are banned."""


policy.add_command(import_)


@policy.command()
@click.argument("files", nargs=-1, metavar="[FILES]...")
@click.option("--tools", "tools_dir", metavar="DIR", help="A folder with your own tool files.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def check(files: tuple[str, ...], tools_dir: str | None, form: str) -> None:
    """Show every error of each file at once; policy.yaml where none is named.

    Exit code: 0 all are right, 2 an error was found.
    """
    known = inputs.catalog(tools_dir).known
    checked = tuple(_check(file, known) for file in files or (DEFAULT_FILE,))
    report = CheckReport(ok=all(file.ok for file in checked), files=checked)
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=1).decode())
    else:
        for file in checked:
            _show(file)
    sys.exit(0 if report.ok else 2)


@policy.command()
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


def _check(file: str, known: policies.KnownTools) -> CheckedFile:
    try:
        with open(file, "rb") as opened:
            text = opened.read(MAX_BYTES + 1)  # one byte more than allowed tells that it is too large
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = getattr(error, "strerror", None) or str(error)
        problem = Problem(
            file=file, line=1, column=1, code=Code.UNREADABLE, message=f"the file cannot be read: {why}"
        )
        return CheckedFile(file=file, ok=False, policy=None, problems=(problem,))
    try:
        right = policies.parse(text, file, known)
    except policies.PolicyErrors as errors:
        return CheckedFile(file=file, ok=False, policy=None, problems=errors.problems)
    summary = CheckedPolicy(
        name=right.name,
        version=right.version,
        mode=right.mode,
        banned=len(right.banned),
        approved=len(right.approved),
        unlisted=right.unlisted,
    )
    return CheckedFile(file=file, ok=True, policy=summary, problems=())


def _show(checked: CheckedFile) -> None:
    """What is right goes to stdout, what is wrong to stderr."""
    if checked.policy is not None:
        right = checked.policy
        click.echo(
            f"{printable(checked.file)}: ok: {right.banned} banned, {right.approved} approved, "
            f"unlisted: {right.unlisted}; mode: {right.mode} ({_EFFECT[right.mode]})"
        )
        return
    click.echo(annotate_all(checked.problems), err=True)
    count = "1 error" if len(checked.problems) == 1 else f"{len(checked.problems):,} errors"
    click.echo(f"{printable(checked.file)}: {count}; nothing of it holds", err=True)
