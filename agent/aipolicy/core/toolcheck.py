"""Whether a tool file keeps its word: each example comes out as it says, and no evidence is unproved.

`aipolicy tools check` and the tests of the catalog ask the same functions.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from aipolicy.core.correlate import correlate
from aipolicy.core.identify import identify
from aipolicy.core.model import Confidence, Process, Record, State
from aipolicy.core.tool import Example, Kind, Rule, Tool, VersionMark, version_in
from aipolicy.core.toolproof import proof_of
from aipolicy.core.tools import Catalog, catalog_of
from aipolicy.core.weigh import ORDER

_MOST_SHOWN: Final = 5


class Fault(Record, frozen=True, kw_only=True):
    """What is wrong with a tool file that can be read. line: where. suggestion: what to do."""

    line: int
    code: str
    message: str
    suggestion: str


class Answer(Record, frozen=True, kw_only=True):
    """What an example comes out as. others: tools beside the one it is about that are certain there, too."""

    confidence: Confidence | None
    version: str | None
    others: tuple[str, ...] = ()

    def is_right(self, example: Example) -> bool:
        """Whether that is what the example says."""
        if self.confidence is not example.expect or example.version not in (None, self.version):
            return False
        return example.expect is not Confidence.CERTAIN or not self.others


def answer(example: Example, tool_id: str, catalog: Catalog) -> Answer:
    """How surely the catalog sees the tool in the example, and which version it reads."""
    alone = [finding for seen in example.saw for finding in identify(seen, catalog)]
    together = correlate(example.saw, alone, catalog)
    found = [f for f in together if f.tool == tool_id]
    running_first = any(isinstance(seen, Process) for seen in example.saw)
    if running_first:  # the rest of what was seen is there to back the process
        found = [f for f in found if f.state is State.RUNNING]
    found.sort(key=lambda finding: ORDER.index(finding.confidence))
    certain = {f.tool for f in together if f.confidence is Confidence.CERTAIN}
    return Answer(
        confidence=found[0].confidence if found else None,
        version=found[0].version if found else None,
        others=tuple(sorted(certain - {tool_id})),
    )


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
    yield from unproved(tool, catalog)


def _example_faults(example: Example, tool: Tool, catalog: Catalog) -> Iterator[Fault]:
    out = answer(example, tool.id, catalog)
    if out.is_right(example):
        return
    if out.confidence is not example.expect:
        code, suggestion = "T050", "correct the example, or the evidence that it leans on"
        wanted = example.expect or "nothing"
        message = f"the example comes out as {out.confidence or 'nothing'}, and it says {wanted}"
    elif example.version not in (None, out.version):
        code, suggestion = "T051", "correct `reads`, or the version mark"
        message = f"the example reads version {out.version}, and it says {example.version}"
    else:
        code, suggestion = "T054", "correct the evidence of one, or name the other under `same-code`"
        message = f"the example is certain, and so is {', '.join(out.others)}"
    yield Fault(line=example.line, code=code, message=message, suggestion=suggestion)


# --- what no example needs -------------------------------------------------------------------------------


def unproved(tool: Tool, catalog: Catalog) -> Iterator[Fault]:
    """Every value that could be deleted without one example's noticing: nor would it if it were wrong.

    catalog: where the tools of `same-code` stand.
    """
    proof = _Proof(tool, catalog)
    for rule in tool.evidence:
        unneeded = [value for value in rule.values if proof.stands(_without(tool, rule, value))]
        if unneeded:
            proof_of_it = proof_of(tool, rule.kind, unneeded[0])
            yield _unproved(rule.line, f"the {rule.kind} evidence {_shown(unneeded)}", proof_of_it)
    for mark in tool.versions:
        left = tuple(other for other in tool.versions if other is not mark)
        if not any(_reads(example, tool.versions) and not _reads(example, left) for example in tool.examples):
            yield _unproved(mark.line, f"the version mark '{mark.before}'")
    for other in tool.same_code:
        left_codes = tuple(code for code in tool.same_code if code != other)
        if proof.stands(replace(tool, same_code=left_codes)):
            yield _unproved(tool.lines["same-code"], f"the same-code '{other}'")
    if tool.smallest and proof.stands(replace(tool, smallest=0)):
        yield _unproved(tool.lines["smallest"], "`smallest`")


class _Proof:
    """The tool's examples, to be held against what is left of it."""

    def __init__(self, tool: Tool, catalog: Catalog) -> None:
        self._others = [catalog.by_id[code] for code in tool.same_code if code in catalog.by_id]
        examples = (*tool.examples, *tool.not_)
        self._before = list(zip(examples, self._answers(examples, tool), strict=True))

    def stands(self, less: Tool) -> bool:
        """Whether all come out as well with `less` in the tool's place; one that is wrong, as it did."""
        after = self._answers((example for example, _answer in self._before), less)
        return all(
            now.is_right(example) if before.is_right(example) else now == before
            for (example, before), now in zip(self._before, after, strict=True)
        )

    def _answers(self, examples: Iterable[Example], tool: Tool) -> Iterator[Answer]:
        catalog = catalog_of([tool, *self._others], "")
        return (answer(example, tool.id, catalog) for example in examples)


def _without(tool: Tool, rule: Rule, value: str) -> Tool:
    left = replace(rule, values=tuple(other for other in rule.values if other != value))
    return replace(tool, evidence=tuple(left if other is rule else other for other in tool.evidence))


def _reads(example: Example, marks: Iterable[VersionMark]) -> bool:
    """Whether the version that the example states is read from its text."""
    return example.version is not None and version_in(example.text, marks) == example.version


def _unproved(line: int, what: str, proof: str = "") -> Fault:
    such = f" such as `{proof}`" if proof else ""
    suggestion = f"add an example that comes out otherwise without it{such}, or remove it"
    return Fault(line=line, code="T053", message=f"no example needs {what}", suggestion=suggestion)


def _shown(values: list[str]) -> str:
    more = f" and {len(values) - _MOST_SHOWN} more" if len(values) > _MOST_SHOWN else ""
    return ", ".join(f"'{value}'" for value in values[:_MOST_SHOWN]) + more
