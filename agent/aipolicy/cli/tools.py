"""`aipolicy tools`: which AI tools are known, what gives one away, and whether a tool file is right."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from aipolicy.cli import inputs
from aipolicy.cli.errors import Failure
from aipolicy.cli.json_form import in_json
from aipolicy.cli.tools_export import export
from aipolicy.cli.tools_page import tools_page
from aipolicy.core.model import Record
from aipolicy.core.plural import plural
from aipolicy.core.problem import Problem, Problems, annotate
from aipolicy.core.tool import Source, Tool
from aipolicy.core.toolcheck import faults
from aipolicy.core.tools import Catalog, catalog_from, read_files
from aipolicy.core.yamlfile import YamlErrors
from aipolicy.examine.files import CannotLook
from aipolicy.tools import is_ours, shared_strings, texts
from aipolicy.tools.own import own_texts, read_text

__all__ = ["tools", "tools_page"]

_FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
_TOOLS_DIR = click.option("--tools", "tools_dir", metavar="DIR", help="A folder with your own tool files.")


class ListedTool(Record, frozen=True, kw_only=True):
    """One tool as a policy names it. stop: terminate, or deny-new where one may hold unsaved work."""

    id: str
    name: str
    vendor: str
    category: str
    aliases: tuple[str, ...]
    stop: str


class ToolList(Record, frozen=True, kw_only=True):
    """What `tools list --format json` prints. catalog: the catalog's version."""

    schema: str = "aipolicy.tools/1"
    catalog: str
    tools: tuple[ListedTool, ...]


class ShownTool(Record, frozen=True, kw_only=True):
    """What `tools show --format json` prints.

    evidence: by kind, what gives the tool away. sources: where each value is known from.
    file: which says so.
    """

    schema: str = "aipolicy.tool/2"
    catalog: str
    tool: ListedTool
    evidence: Mapping[str, tuple[str, ...]]
    sources: tuple[Source, ...]
    file: str


class CheckedTools(Record, frozen=True, kw_only=True):
    """What `tools check --format json` prints. ok: whether every file is right. checked: how many."""

    schema: str = "aipolicy.tools-check/1"
    ok: bool
    checked: int
    problems: tuple[Problem, ...]


@click.group()
def tools() -> None:
    """List, show, check and export the catalog of AI tools."""


tools.add_command(export)


@tools.command(name="list")
@_TOOLS_DIR
@_FORMAT
def list_(tools_dir: str | None, form: str) -> None:
    """Show every tool that a policy can name."""
    catalog = inputs.catalog(tools_dir)
    listed = ToolList(catalog=catalog.version, tools=tuple(_listed(tool) for tool in catalog.tools))
    if form == "json":
        _print_json(listed)
        return
    width = max(len(tool.id) for tool in listed.tools)
    for tool in listed.tools:
        words = f" (also: {', '.join(tool.aliases)})" if tool.aliases else ""
        click.echo(f"{tool.id:<{width}}  {tool.category:<11}  {tool.vendor}: {tool.name}{words}")
    click.echo(f"\n{len(listed.tools)} tools, catalog {listed.catalog}")


@tools.command()
@click.argument("tool_id", metavar="ID")
@_TOOLS_DIR
@_FORMAT
def show(tool_id: str, tools_dir: str | None, form: str) -> None:
    """Show what gives a tool away, and where that is known from."""
    catalog = inputs.catalog(tools_dir)
    tool = inputs.tool(tool_id, catalog)
    shown = _shown(tool, catalog)
    if form == "json":
        _print_json(shown)
        return
    click.echo(f"{tool.name} ({tool.id}), {tool.category} of {tool.vendor}, catalog {catalog.version}")
    if tool.aliases:
        click.echo(f"also called: {', '.join(tool.aliases)}")
    for source in shown.sources:
        click.echo(f"\n{source.kind}: {'' if source.verified else 'not verified; '}{source.text}")
        for value in source.values:
            click.echo(f"  {value}")


@tools.command()
@click.argument("files", nargs=-1, metavar="[FILES]...")
@_TOOLS_DIR
@_FORMAT
def check(files: tuple[str, ...], tools_dir: str | None, form: str) -> None:
    """Check tool files, held against the catalog; where none is named, the catalog itself.

    Every error of every file is shown: in the file's form, in what two tools claim, and in each example
    that does not come out as it says.

    Exit code: 0 all are right, 2 an error was found.
    """
    problems, checked = _checked(files, tools_dir)
    report = CheckedTools(ok=not problems, checked=checked, problems=problems)
    if form == "json":
        _print_json(report)
    else:
        for problem in problems:
            click.echo(annotate(problem), err=True)
        found = "right" if report.ok else plural(len(problems), "error")
        click.echo(f"{plural(checked, 'tool file')}: {found}", err=not report.ok)
    sys.exit(0 if report.ok else 2)


def _checked(files: tuple[str, ...], tools_dir: str | None) -> tuple[tuple[Problem, ...], int]:
    """All problems of the files that were asked about, and how many files that were."""
    try:
        named = {os.path.abspath(file): _read(file) for file in files}
        # A file of the catalog that is being edited stands for itself, not against itself; a file of IT's
        # stands for nothing but itself, whatever its name.
        edited = {file: text for file, text in named.items() if is_ours(file)}
        names = {Path(file).name for file in edited}
        ours = {name: text for name, text in texts().items() if name not in names} | edited
        own = own_texts(tools_dir) if tools_dir else {}
        own |= {file: text for file, text in named.items() if file not in edited}
        asked = named | own or ours
        catalog = catalog_from(ours, own, shared_strings())
        parts, _ = read_files(asked)
    except YamlErrors as errors:
        return errors.problems, len(files)
    found: list[Problem] = []
    for part in parts:
        found += _faults(part.tool, catalog, asked[part.tool.file])
    return tuple(found), len(asked)


def _faults(tool: Tool, catalog: Catalog, text: str) -> tuple[Problem, ...]:
    problems = Problems(tool.file, text)
    for fault in faults(tool, catalog, shared_strings()):
        problems.add_at(fault.line, 1, fault.code, fault.message, fault.suggestion)
    return problems.all()


def _read(file: str) -> str:
    try:
        return read_text(file)
    except CannotLook as error:
        raise Failure(f"{file}: {error.reason}") from error


def _listed(tool: Tool) -> ListedTool:
    return ListedTool(
        id=tool.id,
        name=tool.name,
        vendor=tool.vendor,
        category=tool.category,
        aliases=tool.aliases,
        stop=tool.stop,
    )


def _shown(tool: Tool, catalog: Catalog) -> ShownTool:
    evidence: dict[str, tuple[str, ...]] = {}
    for rule in tool.evidence:
        evidence[rule.kind] = (*evidence.get(rule.kind, ()), rule.value)
    return ShownTool(
        catalog=catalog.version,
        tool=_listed(tool),
        evidence=evidence,
        sources=tool.sources,
        file=tool.file,
    )


def _print_json(report: Record) -> None:
    click.echo(in_json(report))
