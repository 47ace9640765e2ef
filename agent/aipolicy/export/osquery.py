"""An osquery pack: one query per table over all tools, since a table is made anew for every query.

Tables and columns: https://github.com/osquery/osquery/tree/master/specs. Of a pack osquery reads the keys
that it knows (osquery/config/packs.cpp), so `description` says what is not carried over.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from aipolicy.core.evidence_index import Clue, same_name
from aipolicy.core.model import Confidence, Record
from aipolicy.core.shapes import regex_of
from aipolicy.core.tool import Kind, Tool
from aipolicy.core.tools import Catalog
from aipolicy.core.weigh import weigh

_DESCRIPTION: Final = (
    "AI tools by their packages and places. Written by `aipolicy tools export --format "
    "osquery`, catalog {version}. Not carried over: content marks, so renamed and copied "
    "programs are not seen; JetBrains plugins, of which osquery knows the title and not the "
    "id; signers; names of programs, which prove nothing. osquery lists packages only in the "
    "folders that its tables read by themselves, and does not look for their code: "
    "`confidence` is likely at most, and possible where anybody may use the name."
)
_INTERVAL_S: Final = 3600


class _Table(Record, frozen=True, kw_only=True):
    """kinds: the evidence that it can be asked for. match: when a row `t` is that of a known one `k`.

    source: the table, `t`. columns: what is told of a row. platform: where osquery has the table, if not
    everywhere.
    """

    kinds: tuple[Kind, ...]
    source: str
    match: str
    columns: str
    platform: str = ""


_PACKAGE: Final = "t.name, t.version, t.path"
_TABLES: Final = {
    "npm_packages": _Table(
        kinds=(Kind.NPM, Kind.CARRIER),
        source="npm_packages AS t",
        match="t.name = k.value",
        columns=_PACKAGE,
    ),
    "python_packages": _Table(
        kinds=(Kind.PYPI,),
        source="python_packages AS t",
        match="replace(replace(lower(t.name), '_', '-'), '.', '-') = k.value",  # PEP 503
        columns=_PACKAGE,
    ),
    "vscode_extensions": _Table(
        kinds=(Kind.EXTENSION,),
        source="users AS u CROSS JOIN vscode_extensions AS t USING (uid)",
        match="lower(t.name) = k.value",  # its name is the identifier, publisher.name
        columns=f"{_PACKAGE}, t.vscode_edition, u.uid, u.username",
    ),
    "deb_packages": _Table(
        kinds=(Kind.DEB,),
        source="deb_packages AS t",
        match="t.name = k.value AND t.status = 'install ok installed'",
        columns="t.name, t.version, t.maintainer",
        platform="linux",
    ),
    "rpm_packages": _Table(
        kinds=(Kind.RPM,),
        source="rpm_packages AS t",
        match="t.name = k.value",
        columns="t.name, t.version, t.release",
        platform="linux",
    ),
    "homebrew_packages": _Table(
        kinds=(Kind.BREW,),
        source="homebrew_packages AS t",
        match="t.name = k.value",
        columns=_PACKAGE,
        platform="darwin",
    ),
    "apps": _Table(
        kinds=(Kind.BUNDLE,),
        source="apps AS t",
        match="t.bundle_identifier = k.value",
        columns="t.name, t.bundle_short_version AS version, t.path",
        platform="darwin",
    ),
    "processes": _Table(
        kinds=(Kind.PATH,),
        source="processes AS t",
        match="regex_match(t.path, k.value, 0) = t.path",
        columns="t.pid, t.path, t.uid",
        platform="posix",
    ),
}


def write(catalog: Catalog, tools: Sequence[Tool]) -> str:
    """The pack for `tools`."""
    queries = {}
    for name, table in _TABLES.items():
        known = sorted(_known(table, tools))
        if known:
            queries[f"aipolicy_{name}"] = {
                "query": _query(table, known),
                "interval": _INTERVAL_S,
                "description": f"AI tools among {name}",
                **({"platform": table.platform} if table.platform else {}),
            }
    pack = {"description": _DESCRIPTION.format(version=catalog.version), "queries": queries}
    return json.dumps(pack, indent=1) + "\n"


def _known(table: _Table, tools: Iterable[Tool]) -> Iterator[tuple[str, str, str]]:
    """value, tool, confidence."""
    for tool in tools:
        for kind in table.kinds:
            for value in tool.values(kind):
                shown = regex_of(value) if kind is Kind.PATH else same_name(kind, value)
                yield shown, tool.id, _confidence(Clue(tool=tool.id, kind=kind, value=value))


def _confidence(clue: Clue) -> Confidence:
    """A package without its code is not the tool, and nobody looked for the code."""
    sure = weigh([clue], whole=True)
    return Confidence.POSSIBLE if sure is Confidence.POSSIBLE else Confidence.LIKELY


def _query(table: _Table, known: Iterable[tuple[str, str, str]]) -> str:
    """CROSS JOIN: SQLite keeps the order, so the table is made once and not once for each known value."""
    values = ", ".join(f"({', '.join(map(_quoted, row))})" for row in known)
    return (
        f"WITH k(value, tool, confidence) AS (VALUES {values}) SELECT k.tool, k.confidence, {table.columns} "  # noqa: S608  nothing but _quoted
        f"FROM {table.source} CROSS JOIN k WHERE {table.match};"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
