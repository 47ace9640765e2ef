"""For people: what is right goes to standard output, what is wrong to standard error with its line."""

import os
from collections.abc import Collection
from typing import Final

import click

from aipolicy.cli.checked.report import CheckedFile, CheckedPolicy, CheckReport
from aipolicy.core.model import Action
from aipolicy.core.plural import plural
from aipolicy.core.problem import Problem, annotate
from aipolicy.core.wire import printable

_EFFECT: Final = {
    Action.REPORT: "reports and stops nothing",
    Action.WARN: "reports and warns",
    Action.BLOCK: "blocks",
}


def show(report: CheckReport) -> None:
    """Prints it."""
    for file in report.files:
        if file.policy is not None:
            click.echo(f"{printable(file.file)}: ok: {_summary(file.policy)}")
            for one in file.ended:
                said = f"{one.message}; {one.suggestion}"
                click.echo(f"{printable(file.file)}:{one.line}: warning: {said}", err=True)
        else:
            show_wrong(file, "nothing of it holds")
    codes = {problem.code for problem in report.problems()}
    if codes:
        click.echo(_more(codes), err=True)


def show_wrong(file: CheckedFile, so: str) -> None:
    """What is wrong with one file, and what follows from that. Colour is for a terminal that wants it."""
    colour = False if os.environ.get("NO_COLOR") else None  # https://no-color.org; None: click looks
    for problem in file.problems:
        click.echo(_coloured(problem), err=True, color=colour)
    click.echo(f"{printable(file.file)}: {plural(len(file.problems), 'error')}; {so}", err=True)


def _summary(right: CheckedPolicy) -> str:
    return (
        f"{right.banned} banned, {right.approved} approved, unlisted: {right.unlisted}; "
        f"mode: {right.mode} ({_EFFECT[right.mode]})"
    )


def _coloured(problem: Problem) -> str:
    head, *rest = annotate(problem).split("\n")
    message = f"{problem.message} [{problem.code}]"
    lines = [click.style(head.removesuffix(message), bold=True) + click.style(message, fg="red", bold=True)]
    if problem.source_line:
        lines += [rest[0], click.style(rest[1], fg="red", bold=True)]
        rest = rest[2:]
    lines += [click.style(line, fg="cyan") for line in rest]
    return "\n".join(lines)


def _more(codes: Collection[str]) -> str:
    return f"`aipolicy policy explain {min(codes)}` says more" + (
        ", and so for each code" if len(codes) > 1 else ""
    )
