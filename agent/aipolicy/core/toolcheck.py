"""Whether a tool file keeps its word: each example comes out as it says, and no evidence is unproved.

`aipolicy tools check` and the tests of the catalog ask the same functions.
"""

from collections.abc import Collection, Iterator

from msgspec.structs import replace

from aipolicy.core.conclude import ORDER
from aipolicy.core.correlate import correlate
from aipolicy.core.identify import identify
from aipolicy.core.model import Confidence, Process, Record, State
from aipolicy.core.tool import Example, Kind, Tool
from aipolicy.core.tools import Catalog, catalog_of


class Fault(Record, frozen=True, kw_only=True):
    """What is wrong with a tool file that can be read. line: where. suggestion: what to do."""

    line: int
    code: str
    message: str
    suggestion: str


Answer = tuple[Confidence | None, str | None]


def answer(example: Example, tool_id: str, catalog: Catalog) -> Answer:
    """How surely the catalog sees the tool in the example, and which version it reads."""
    alone = [finding for seen in example.saw for finding in identify(seen, catalog)]
    found = [f for f in correlate(example.saw, alone, catalog) if f.tool == tool_id]
    running_first = any(isinstance(seen, Process) for seen in example.saw)
    if running_first:  # the rest of what was seen is there to back the process
        found = [f for f in found if f.state is State.RUNNING]
    found.sort(key=lambda finding: ORDER.index(finding.confidence))
    return (found[0].confidence, found[0].version) if found else (None, None)


def faults(tool: Tool, catalog: Catalog, shared: Collection[str] = ()) -> Iterator[Fault]:
    """Everything wrong with one tool of the catalog. shared: strings known to be in other programs."""
    for example in (*tool.examples, *tool.not_):
        yield from _example_faults(example, tool, catalog)
    for rule in tool.evidence:
        if rule.kind is Kind.CONTENT and any(rule.value in text for text in shared):
            yield Fault(
                line=rule.line,
                code="T052",
                message=f"'{rule.value}' is known to be in other programs",
                suggestion="choose a text that stands in this tool's own files only",
            )
    yield from unproved(tool)


def _example_faults(example: Example, tool: Tool, catalog: Catalog) -> Iterator[Fault]:
    confidence, version = answer(example, tool.id, catalog)
    if confidence is not example.expect:
        wanted = example.expect or "nothing"
        message = f"the example comes out as {confidence or 'nothing'}, and it says {wanted}"
        yield Fault(
            line=example.line,
            code="T050",
            message=message,
            suggestion="correct the example, or the evidence that it leans on",
        )
    elif example.version is not None and version != example.version:
        message = f"the example reads version {version}, and it says {example.version}"
        yield Fault(
            line=example.line,
            code="T051",
            message=message,
            suggestion="correct `reads`, or the version mark",
        )


def unproved(tool: Tool) -> Iterator[Fault]:
    """Evidence without which every example would come out the same: nothing would notice if it were wrong."""
    before = _answers(tool)
    for rule in tool.evidence:
        less = replace(tool, evidence=tuple(other for other in tool.evidence if other is not rule))
        if _answers(less) == before:
            message = f"no example needs the {rule.kind} evidence '{rule.value}'"
            yield Fault(
                line=rule.line,
                code="T053",
                message=message,
                suggestion="add an example that comes out otherwise without it, or remove the evidence",
            )


def _answers(tool: Tool) -> list[Answer]:
    catalog = catalog_of([tool], "")
    return [answer(example, tool.id, catalog) for example in tool.examples]
