"""The catalog as JSON for programs; docs/schemas/catalog.json is its schema."""

from collections.abc import Mapping, Sequence

import msgspec

from aipolicy.core.model import Record
from aipolicy.core.tool import Source, Stop, Tool
from aipolicy.core.tools import Catalog


class ExportedVersion(Record, frozen=True, kw_only=True):
    """Behind `before` a file of the tool says its version. pattern: the version's regular expression."""

    before: str
    pattern: str


class ExportedTool(Record, frozen=True, kw_only=True):
    """One tool as a policy names it. stop: terminate, or deny-new where one may hold unsaved work.

    evidence: by kind, what gives the tool away, alternatives written out.
    smallest: bytes, below which a file without its marks is none of its programs; 0 where that is not known.
    sources: where each value is known from. versions: where its files say their version.
    same_code: tools whose content marks it holds, too.
    """

    id: str
    name: str
    vendor: str
    category: str
    aliases: tuple[str, ...]
    stop: Stop
    evidence: Mapping[str, tuple[str, ...]]
    versions: tuple[ExportedVersion, ...]
    same_code: tuple[str, ...]
    smallest: int
    sources: tuple[Source, ...]


class ExportedCatalog(Record, frozen=True, kw_only=True):
    """What `tools export --format json` prints. catalog: the catalog's version.

    left_out: what the tool files say beside this.
    """

    schema: str = "aipolicy.catalog/2"
    catalog: str
    left_out: str = "examples: what must and what must not be recognised"
    tools: tuple[ExportedTool, ...]


def write(catalog: Catalog, tools: Sequence[Tool]) -> str:
    """The JSON for `tools`."""
    exported = ExportedCatalog(catalog=catalog.version, tools=tuple(map(_exported, tools)))
    return msgspec.json.format(msgspec.json.encode(exported), indent=1).decode() + "\n"


def _exported(tool: Tool) -> ExportedTool:
    evidence: dict[str, tuple[str, ...]] = {}
    for rule in tool.evidence:
        evidence[rule.kind] = (*evidence.get(rule.kind, ()), *rule.values)
    return ExportedTool(
        id=tool.id,
        name=tool.name,
        vendor=tool.vendor,
        category=tool.category,
        aliases=tool.aliases,
        stop=tool.stop,
        evidence=evidence,
        versions=tuple(ExportedVersion(before=mark.before, pattern=mark.pattern) for mark in tool.versions),
        same_code=tool.same_code,
        smallest=tool.smallest,
        sources=tool.sources,
    )
