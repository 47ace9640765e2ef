"""The report as a table for people."""

import io
import sys
from collections.abc import Iterable

import click

from aipolicy.core.scan_report import ReportedVerdict, ScanReport
from aipolicy.core.wire import home_relative

_PIPE_WIDTH = 200
_LONGEST = 32
"""Anybody can give a package a version of 200 characters, which would leave no room for the rest."""
_COLOURS = {"banned": "red", "approved": "green", "exempt": "cyan", "unlisted": "yellow"}


def print_report(report: ScanReport, homes: Iterable[str]) -> None:
    """Print findings, places not looked into, and a summary to standard output."""
    from rich.console import Console  # 40 ms that only a printed table needs
    from rich.table import Table
    from rich.text import Text

    homes = tuple(homes)
    terminal = sys.stdout.isatty()
    text = io.StringIO()
    console = Console(
        highlight=False,
        file=sys.stdout if terminal else text,
        width=None if terminal else _PIPE_WIDTH,
    )
    if report.verdicts:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title, most in (("TOOL", None), ("VERSION", _LONGEST), ("STATE", None), ("OWNER", _LONGEST)):
            table.add_column(title, no_wrap=True, max_width=most)
        table.add_column("WHERE", overflow="fold")
        table.add_column("RULING", no_wrap=True)
        table.add_column("WHY", overflow="fold")
        for verdict in report.verdicts:
            table.add_row(
                Text(verdict.tool),
                Text(verdict.version or "?"),
                Text(_state(verdict)),
                Text(verdict.owner),
                Text(f"{home_relative(verdict.path, homes)}  ({verdict.form})"),
                Text(_ruling(verdict), style=_COLOURS[verdict.ruling]),
                Text(verdict.reason + (f": {verdict.why}" if verdict.why else "")),
            )
        console.print(table)
    else:
        console.print("No AI tool found.")
    console.print(Text(_summary(report)), soft_wrap=True)
    for place in report.unseen:
        console.print(
            Text(f"not looked into: {home_relative(place.place, homes)}: {place.reason}"), soft_wrap=True
        )
    for line in text.getvalue().splitlines():  # in a pipe: without the blanks that fill up a column
        click.echo(line.rstrip())


def _state(verdict: ReportedVerdict) -> str:
    return f"{verdict.state} ({verdict.pid})" if verdict.pid else str(verdict.state)


def _ruling(verdict: ReportedVerdict) -> str:
    sure = "" if verdict.confidence == "certain" else f", {verdict.confidence}"
    return f"{verdict.ruling} → {verdict.action}{sure}"


def _summary(report: ScanReport) -> str:
    counts = report.summary
    parts = [f"{counts.banned} banned", f"{counts.unlisted} unlisted", f"{counts.approved} approved"]
    if counts.exempt:
        parts.append(f"{counts.exempt} exempt")
    whose = (
        "every user of this machine" if report.scope == "machine" else "yourself only (root sees everybody)"
    )
    policy = f"policy {report.policy.name} {report.policy.version}, mode {report.policy.mode}"
    return f"\n{', '.join(parts)}; looked at {whose}; {policy}; catalog {report.catalog.version}"
