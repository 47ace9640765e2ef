"""What another catalog makes of a finding that was made by the one before, from the evidence that it states.

Only evidence that was met is known: what a catalog looks for anew, nobody has looked for yet.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from aipolicy.core.evidence_index import same_name
from aipolicy.core.model import Confidence, Evidence, Finding
from aipolicy.core.tool import Kind
from aipolicy.core.tools import Catalog

_NAMES = frozenset({Kind.EXECUTABLE, Kind.TITLE, Kind.PLACE})
"""Evidence that alone is never more than possible."""


def renewed(finding: Finding, catalog: Catalog) -> Finding | None:
    """The finding by this catalog; None where it recognises nothing in it any more.

    It stays as sure as it was, unless nothing but a name is left of the evidence.
    """
    speaks: dict[str, list[Evidence]] = {}
    for evidence in finding.because:
        for claims in dict.fromkeys(_speaks_for(evidence, catalog)):
            speaks.setdefault(claims, []).append(evidence)
    name = finding.tool if finding.tool in speaks else next(iter(speaks), None)
    tool = catalog.by_id.get(name) if name is not None else None
    if tool is None:
        return None
    because = tuple(speaks[tool.id])
    only_names = all(evidence.kind in _NAMES for evidence in because)
    return replace(
        finding,
        tool=tool.id,
        name=tool.name,
        vendor=tool.vendor,
        category=tool.category,
        because=because,
        confidence=Confidence.POSSIBLE if only_names else finding.confidence,
    )


def _speaks_for(evidence: Evidence, catalog: Catalog) -> Iterator[str]:
    index = catalog.index
    try:
        kind = Kind(evidence.kind)
    except ValueError:  # of a newer agent
        return
    if kind is Kind.CONTENT:
        yield from (clue.tool for clue in index.marks.values() if clue.value == evidence.value)
    elif kind in (Kind.PATH, Kind.PLACE):
        yield from (tool for tool, shape in index.shapes if shape.text == evidence.value)
    elif kind is Kind.TITLE:
        for stated in (Kind.EXECUTABLE, Kind.TITLE):
            yield from index.values.get((stated, evidence.value), ())
    else:
        yield from index.values.get((kind, same_name(kind, evidence.value)), ())
