"""The catalog as a verb needs it, and nothing else: a check of a policy starts in an editor at every save."""

from aipolicy.cli.errors import Failure
from aipolicy.core import yamlfile
from aipolicy.core.problem import annotate_all
from aipolicy.core.suggest import did_you_mean
from aipolicy.core.tool import Tool
from aipolicy.core.tools import Catalog
from aipolicy.core.wire import printable
from aipolicy.tools import load


def catalog(extra: str | None = None) -> Catalog:
    """The catalog, with IT's own tool files from the folder `extra`."""
    try:
        return load(extra)
    except yamlfile.YamlErrors as errors:
        raise Failure(annotate_all(errors.problems)) from errors


def tool(word: str, tools: Catalog) -> Tool:
    """The tool that `word`, an id or an alias, names."""
    found = tools.by_id.get(tools.known.aliases.get(word, word))
    if found is None:
        hint = did_you_mean(word, (*tools.known.ids, *tools.known.aliases))
        raise Failure(f"unknown tool {printable(word)!r}{hint} (`aipolicy tools list` shows all)")
    return found
