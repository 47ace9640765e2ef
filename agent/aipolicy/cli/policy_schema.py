"""`aipolicy policy schema`: what an editor needs to complete and check a policy while it is written."""

import json

import click

from aipolicy.cli.catalog import catalog
from aipolicy.core.policy_schema import policy_schema
from aipolicy.core.tools import Catalog


@click.command()
@click.option("--tools", "tools_dir", metavar="DIR", help="A folder with your own tool files.")
def schema(tools_dir: str | None) -> None:
    """Print the JSON Schema of a policy, for editors; with the ids, vendors and categories of the catalog.

    Beside a policy, `# yaml-language-server: $schema=policy.schema.json` as its first line leads there.
    """
    click.echo(policy_schema_text(catalog(tools_dir)), nl=False)


def policy_schema_text(catalog: Catalog) -> str:
    """The schema as a file."""
    return json.dumps(policy_schema(catalog.known), indent=1, ensure_ascii=False) + "\n"
