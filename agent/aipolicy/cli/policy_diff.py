"""`aipolicy policy diff`: what a change of a policy means, in words."""

import sys
from collections.abc import Iterator, Sequence

import click

from aipolicy.cli import git, policy_files
from aipolicy.cli.catalog import catalog
from aipolicy.cli.errors import Failure
from aipolicy.cli.inputs import moment
from aipolicy.cli.json_form import in_json
from aipolicy.core.model import Record
from aipolicy.core.policy import KnownTools, Policy, PolicyErrors, parse
from aipolicy.core.policy_diff import Change, difference
from aipolicy.core.policy_diff_words import Line, lines
from aipolicy.core.problem import annotate_all
from aipolicy.core.wire import printable
from aipolicy.core.yamlfile import MAX_BYTES

_FORMS = ("text", "json", "markdown")


class DiffReport(Record, frozen=True, kw_only=True):
    """What `policy diff --format json` prints.

    before, after: what was compared. same: whether they decide and tell the same. changes: what they do not.
    others: what else differs, in words. words: all of it for people, a line each.
    """

    schema: str = "aipolicy.policy-diff/1"
    before: str
    after: str
    same: bool
    changes: tuple[Change, ...]
    others: tuple[str, ...]
    words: tuple[str, ...]


@click.command()
@click.argument("before")
@click.argument("after")
@click.option("--tools", "tools_dir", metavar="DIR", help="A folder with your own tool files.")
@click.option("--at", metavar="DAY", help="What is said on that day and later, UTC; now where none is given.")
@click.option("--format", "form", type=click.Choice(_FORMS), default="text", show_default=True)
@click.option("--exit-code", is_flag=True, help="End with exit code 1 where they differ.")
def diff(before: str, after: str, tools_dir: str | None, at: str | None, form: str, exit_code: bool) -> None:
    """Say in words what AFTER decides otherwise than BEFORE: of which tools, versions, people and days.

    Each is a file, - for the standard input, or a file in a revision of git, as HEAD~1:policy.yaml. Order,
    comments and other ways to write the same make no difference. Exit code: 0, or 2 for an error.
    """
    tools = catalog(tools_dir)
    was, becomes = _policies(before, after, tools.known)
    found = difference(was, becomes, tools.by_id.values(), moment(at))
    shown = tuple(lines(found, tools.by_id))
    words = (*map(str, shown), *found.others)
    if form == "json":
        report = DiffReport(
            before=printable(before),
            after=printable(after),
            same=not words,
            changes=found.changes,
            others=found.others,
            words=words,
        )
        click.echo(in_json(report))
    elif form == "markdown":
        click.echo("\n".join(_markdown(shown, found.others)))
    else:
        click.echo("\n".join(words) or "both say the same")
    sys.exit(1 if exit_code and words else 0)


def _policies(before: str, after: str, known: KnownTools) -> tuple[Policy, Policy]:
    """Both, each error of both at once. Where no name is stated, both have that of the first file."""
    texts = [_text(before), _text(after)]
    wrong: list[str] = []
    for name, text in zip((before, after), texts, strict=True):
        try:
            parse(text, _shown(name), known)
        except PolicyErrors as errors:
            wrong.append(annotate_all(errors.problems))
    if wrong:
        raise Failure("\n".join(wrong))
    return parse(texts[0], before, known), parse(texts[1], before, known)


def _shown(name: str) -> str:
    return policy_files.STDIN_NAME if name == policy_files.STDIN else name


def _text(name: str) -> bytes:
    if git.is_revision(name):
        return git.read(name, MAX_BYTES + 1)
    (file, *others) = policy_files.read([name])
    if others:
        raise Failure(f"{printable(name)}: a folder with several policies: name two files")
    if file.text is None:
        raise Failure(str(file.problem))
    return file.text


def _markdown(shown: Sequence[Line], others: Sequence[str]) -> Iterator[str]:
    """A table, and below it what people are told and what else differs."""
    done = [line for line in shown if not line.told]
    if not shown and not others:
        yield "Both say the same."
    if done:
        yield from ("| tools | where | was | becomes |", "| --- | --- | --- | --- |")
        for line in done:
            cells = (line.tools, line.where.strip() or "everywhere", line.before, line.after)
            yield f"| {' | '.join(map(_cell, cells))} |"
        yield ""
    yield from (f"- {_cell(str(line))}" for line in shown if line.told)
    yield from (f"- {_cell(each)}" for each in others)


def _cell(text: str) -> str:
    """A policy's words must not become links, mentions, HTML or another cell."""
    for sign in "\\`*_{}[]<>|#@":
        text = text.replace(sign, f"\\{sign}" if sign != "@" else "@\u200b")
    return text
