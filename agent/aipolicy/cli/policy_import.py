"""`aipolicy policy import`: a policy from the rules that IT has in another product."""

import os
from collections.abc import Iterable
from pathlib import Path

import click

from aipolicy.cli import inputs
from aipolicy.cli.errors import Failure
from aipolicy.cli.json_form import in_json
from aipolicy.core.model import Record
from aipolicy.core.suggest import did_you_mean
from aipolicy.core.wire import printable
from aipolicy.importers import FORMATS, format_of
from aipolicy.importers.carried import Carried, Left, Noted, carry_over
from aipolicy.importers.foreign import NotReadable

_MOST_BYTES = 64 << 20
"""A fleet's exported rules have some megabytes; more is another file."""


class ImportReport(Record, frozen=True, kw_only=True):
    """What `policy import --format json` prints."""

    schema: str = "aipolicy.policy-import/1"
    source: str
    read_as: str
    rules: int
    carried: int
    policy: str
    notes: tuple[Noted, ...]
    left: tuple[Left, ...]


@click.command(name="import")
@click.argument("file")
@click.option("--from", "read_as", metavar="|".join(FORMATS), help="What it is; else its contents tell.")
@click.option("--output", metavar="FILE", help="Write the policy there, not to standard output.")
@click.option("--tools", "tools_dir", metavar="DIR", help="A folder with your own tool files.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def import_(file: str, read_as: str | None, output: str | None, tools_dir: str | None, form: str) -> None:
    """Make a policy of the rules in FILE, and say which of them could not be carried over.

    santa: JSON of `santactl rule --export`, a profile with StaticRules. applocker: the XML of
    Get-AppLockerPolicy. fapolicyd: a rule file. names: a plain list of what is banned, one a line.
    """
    if read_as is not None and read_as not in FORMATS:
        hint = did_you_mean(read_as, FORMATS)
        raise Failure(f"unknown kind {printable(read_as)!r}{hint} (known are: {', '.join(FORMATS)})")
    data = _read(file)
    read_as = read_as or format_of(data)
    try:
        rules = FORMATS[read_as](data)
    except NotReadable as error:
        kinds = f"(read as {read_as}; --from says otherwise)"
        raise Failure(f"{printable(file)}: {printable(str(error))} {kinds}") from error
    if not rules:
        raise Failure(f"{printable(file)}: no rule is in it (read as {read_as}; --from says otherwise)")
    carried = carry_over(rules, inputs.catalog(tools_dir), Path(file).name)
    if output is not None:
        _write(output, carried.policy)
    if form == "json":
        click.echo(in_json(_report(carried, file, read_as)))
        return
    if output is None:
        click.echo(carried.policy, nl=False)
    for line in _said(carried, file, read_as):
        click.echo(line, err=True)


def _read(file: str) -> bytes:
    try:
        with click.open_file(file, "rb") as opened:
            data: bytes = opened.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = getattr(error, "strerror", None) or str(error)
        raise Failure(f"{printable(file)}: the file cannot be read: {why}") from error
    if len(data) > _MOST_BYTES:
        raise Failure(
            f"{printable(file)}: it has more than {_MOST_BYTES >> 20} MB, which no list of rules has"
        )
    return data


def _write(output: str, policy: str) -> None:
    """A full disk leaves no half policy behind, which might even be right YAML."""
    try:
        with open(output, "x", encoding="utf-8") as file:
            try:
                file.write(policy)
                file.flush()
            except OSError:
                os.unlink(output)
                raise
    except FileExistsError as error:
        raise Failure(f"{printable(output)} exists already: name a new file, or remove it") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise Failure(f"{printable(output)}: cannot be written: {why}") from error


def _report(carried: Carried, file: str, read_as: str) -> ImportReport:
    return ImportReport(
        source=Path(file).name,
        read_as=read_as,
        rules=carried.rules,
        carried=carried.carried,
        policy=carried.policy,
        notes=carried.notes,
        left=carried.left,
    )


def _said(carried: Carried, file: str, read_as: str) -> Iterable[str]:
    """What was carried over, what to look at, and, reason by reason, what was not."""
    yield f"{printable(file)}, read as {read_as}: {carried.carried} of {carried.rules} rules carried over"
    for noted in carried.notes:
        yield f"  look at {noted.at}, {noted.selector}: {noted.note}"
    by_reason: dict[str, list[Left]] = {}
    for left in carried.left:
        by_reason.setdefault(left.why, []).append(left)
    for why, all_left in by_reason.items():
        yield f"not carried over: {why}"
        for left in all_left:
            yield f"  {left.at}: {left.says}"
