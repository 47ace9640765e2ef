"""`aipolicy policy history|show`: what the server has published, and how far it has come."""

import sys

import click
import msgspec

from aipolicy.cli.at_server import at_server, desk_of, refusals, version_of
from aipolicy.cli.json_form import in_json
from aipolicy.cli.text_table import text_table
from aipolicy.core.plural import plural
from aipolicy.core.publishing import History, Published, PublishedText, Step
from aipolicy.core.wire import printable

_HEAD = ("number", "version", "mode", "published (UTC)", "by", "approved by", "commit")
_FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)


@click.command()
@at_server
@_FORMAT
def history(server: str, token_file: str | None, proxy: str | None, ca: str | None, form: str) -> None:
    """Show what was published, the newest first, and how far the last one has come."""
    desk = desk_of(server, token_file, proxy, ca)
    with refusals():
        whole = desk.whole_history()
    if form == "json":
        click.echo(_json(whole, "aipolicy.policies/1"))
    elif not whole.rows:
        click.echo("no policy was published here yet: `aipolicy policy publish FILE`")
    else:
        click.echo(_table(whole))


@click.command()
@click.argument("version")
@at_server
@_FORMAT
@click.option("--diff", is_flag=True, help="Show what it changed, not the whole text.")
def show(
    version: str,
    server: str,
    token_file: str | None,
    proxy: str | None,
    ca: str | None,
    form: str,
    diff: bool,
) -> None:
    """Print a published policy: VERSION is its number, or the version that verdicts name."""
    which = version_of(version)
    desk = desk_of(server, token_file, proxy, ca)
    with refusals():
        found = desk.show(which)
    if form == "json":
        click.echo(_json(found, "aipolicy.policy-text/1"))
        return
    click.echo(_headline(found.policy), err=True)
    text = found.content if not diff else _difference(found)
    if sys.stdout.isatty():  # a terminal obeys control characters
        text = "\n".join(printable(line) for line in text.rstrip("\n").split("\n")) + "\n"
    click.echo(text, nl=False)


def _table(whole: History) -> str:
    rows = (
        (
            str(row.number),
            row.version,
            row.mode,
            row.at.strftime("%Y-%m-%d %H:%M"),
            printable(row.author or row.by),
            printable(row.approver),
            printable(row.commit)[:12] + (f" (text of {row.copy_of})" if row.copy_of else ""),
        )
        for row in whole.rows
    )
    steps = [_step(row) for row in whole.rows if row.step is not None and row.step.step is not Step.EVERYBODY]
    return "\n".join([text_table(_HEAD, rows), "", *steps, _rollout(whole)])


def _step(row: Published) -> str:
    step = row.step
    if step is None:
        return ""
    if step.step is Step.HELD:
        said = f"number {row.number} is held since {step.at:%Y-%m-%d %H:%M} UTC: {printable(step.reason)}; "
        return said + f"others keep the one before; aipolicy policy release {row.number} gives it to all"
    return f"number {row.number} goes to {step.percent:g} % of the devices first; others keep the one before"


def _rollout(whole: History) -> str:
    counts = whole.rollout
    return (
        f"number {whole.current} is enforced by {plural(counts.current, 'device')}; "
        f"{counts.older} enforce another, "
        f"{counts.refusing} refuse it, {counts.own} have a policy of their own, {counts.unknown} never said"
    )


def _headline(row: Published) -> str:
    said = (
        f"number {row.number}, version {row.version}, {row.at:%Y-%m-%d %H:%M} UTC by {row.author or row.by}"
    )
    said += f", approved by {row.approver}" if row.approver else ""
    said += f", commit {row.commit}" if row.commit else ""
    return printable(said + (f", the text of number {row.copy_of}" if row.copy_of else ""))


def _difference(found: PublishedText) -> str:
    if found.diff is None:
        return "the texts are too long to be compared\n"
    return f"{found.diff}\n" if found.diff else "the text is the same\n"


def _json(record: msgspec.Struct, schema: str) -> str:
    body = {"schema": schema, **msgspec.to_builtins(record)}
    return in_json(body)
