"""`aipolicy policy explain`: what an error code means, with a wrong policy and the same one mended."""

import click

from aipolicy.cli.catalog import catalog
from aipolicy.cli.errors import Failure
from aipolicy.core.error_page import code_named, errors_of, in_text
from aipolicy.core.problem import Code
from aipolicy.core.suggest import did_you_mean
from aipolicy.core.wire import printable


@click.command()
@click.argument("code", required=False)
def explain(code: str | None) -> None:
    """Say what an error CODE means and how to mend it; without one, list them all.

    `aipolicy explain` without `policy` is about a tool, a file or a process instead.
    """
    if code is None:
        for each in Code:
            click.echo(f"{each}  {each.meaning}")
        return
    found = code_named(code)
    if found is None:
        hint = did_you_mean(code, Code)
        raise Failure(f"unknown error code {printable(code)!r}{hint} (`aipolicy policy explain` lists all)")
    click.echo(in_text(found, errors_of(found, catalog().known)))
