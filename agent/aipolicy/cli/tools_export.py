"""`aipolicy tools export`: the catalog for a security team's own tools."""

import click

from aipolicy.cli import inputs
from aipolicy.cli.errors import Failure
from aipolicy.core.suggest import did_you_mean
from aipolicy.core.wire import printable
from aipolicy.export import FORMATS


@click.command()
@click.argument("words", nargs=-1, metavar="[TOOL]...")
@click.option("--format", "form", metavar="|".join(FORMATS), help="For what it is written.")
@click.option("--tools", "tools_dir", metavar="DIR", help="A folder with your own tool files.")
def export(words: tuple[str, ...], form: str | None, tools_dir: str | None) -> None:
    """Write the catalog, or the tools that are named, in the language of another tool.

    yara: rules over content marks. osquery: a query pack over packages and places. sigma: rules over the
    places that processes start from. json: everything but the examples. Each begins with what it cannot
    carry over.
    """
    known = f"(known are: {', '.join(FORMATS)})"
    if form is None:
        raise Failure(f"say with --format in which language it is to be written {known}")
    write = FORMATS.get(form)
    if write is None:
        raise Failure(f"unknown format {printable(form)!r}{did_you_mean(form, FORMATS)} {known}")
    catalog = inputs.catalog(tools_dir)
    named = {inputs.tool(word, catalog).id for word in words}
    tools = [tool for tool in catalog.tools if not named or tool.id in named]
    click.echo(write(catalog, tools), nl=False)
