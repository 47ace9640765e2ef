"""`aipolicy policy schema`: what an editor needs to complete and check a policy while it is written."""

import json

import click

from aipolicy.cli.catalog import catalog
from aipolicy.core.policy_schema import policy_schema


@click.command()
@click.option("--tools", "tools_dir", metavar="DIR", help="A folder with your own tool files.")
def schema(tools_dir: str | None) -> None:
    """Print the JSON Schema of a policy, for editors; with the ids, vendors and categories of the catalog.

    Beside a policy, `# yaml-language-server: $schema=policy.schema.json` as its first line leads there.
    """
    click.echo(json.dumps(policy_schema(catalog(tools_dir).known), indent=1, ensure_ascii=False))
