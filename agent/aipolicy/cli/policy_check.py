"""`aipolicy policy check`: every error of a policy at once."""

import sys
from datetime import UTC, datetime

import click

from aipolicy.cli import policy_files
from aipolicy.cli.catalog import catalog
from aipolicy.cli.checked import FORMS, text, writer
from aipolicy.cli.checked.report import CheckedFile, CheckedPolicy, CheckReport
from aipolicy.core.ended import ended
from aipolicy.core.policy import KnownTools, Policy, PolicyErrors, parse

DEFAULT_FILE = "policy.yaml"


@click.command()
@click.argument("files", nargs=-1, metavar="[FILES]...")
@click.option("--tools", "tools_dir", metavar="DIR", help="A folder with your own tool files.")
@click.option("--format", "form", type=click.Choice(FORMS), default="text", show_default=True)
def check(files: tuple[str, ...], tools_dir: str | None, form: str) -> None:
    """Show every error of each file at once; policy.yaml where none is named.

    A folder stands for all YAML files in and below it, - for the standard input. An exemption or entry that
    is over is a warning and no error. Exit code: 0 all are right, 2 an error was found.
    """
    known, now = catalog(tools_dir).known, datetime.now(UTC)
    checked = tuple(_check(file, known, now) for file in policy_files.read(files or (DEFAULT_FILE,)))
    report = CheckReport(ok=all(file.ok for file in checked), files=checked)
    if form == "text":
        text.show(report)
    else:
        click.echo(writer(form)(report))
    sys.exit(0 if report.ok else 2)


def _check(file: policy_files.NamedFile, known: KnownTools, now: datetime) -> CheckedFile:
    if file.text is None:
        problems = (file.problem,) if file.problem else ()
        return CheckedFile(file=file.name, ok=False, policy=None, problems=problems)
    try:
        right = parse(file.text, file.name, known)
    except PolicyErrors as errors:
        return CheckedFile(file=file.name, ok=False, policy=None, problems=errors.problems)
    over = tuple(ended(right, now))
    return CheckedFile(file=file.name, ok=True, policy=_summary(right), problems=(), ended=over)


def _summary(right: Policy) -> CheckedPolicy:
    return CheckedPolicy(
        name=right.name,
        version=right.version,
        mode=right.mode,
        banned=len(right.banned),
        approved=len(right.approved),
        unlisted=right.unlisted,
    )
