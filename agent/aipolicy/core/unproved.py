"""Every value of a tool file that no example needs: nobody would notice if it were wrong, or lost.

An example needs a value if it comes out otherwise without it. It can need only what it meets, so each is held
against those few values: the work grows with the file, not with its square.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from aipolicy.core.evidence_index import same_name
from aipolicy.core.identify import sights
from aipolicy.core.model import Observation
from aipolicy.core.tool import Example, Kind, Tool, VersionMark, version_in
from aipolicy.core.toolanswer import Answer, Fault, answer
from aipolicy.core.toolproof import proof_of
from aipolicy.core.tools import Catalog, catalog_of

_MOST_SHOWN: Final = 5
_MET_AS: Final = {
    Kind.PLACE: (Kind.PATH,),
    Kind.PRODUCT: (Kind.BUNDLE,),
    Kind.TITLE: (Kind.TITLE, Kind.EXECUTABLE),
}
"""Clues of a kind that comes of values of another one."""

_Value = tuple[int, str]
"""A value: of which rule, counted in the file, and which of its alternatives."""


def unproved(tool: Tool, catalog: Catalog) -> Iterator[Fault]:
    """Every value that could be deleted without one example's noticing.

    catalog: where the tools of `same-code` stand.
    """
    proof = _Proof(tool, catalog)
    needed = proof.needed()
    for number, rule in enumerate(tool.evidence):
        unneeded = [value for value in rule.values if (number, value) not in needed]
        if unneeded:
            such = proof_of(tool, rule.kind, unneeded[0])
            yield _unproved(rule.line, f"the {rule.kind} evidence {_shown(unneeded)}", such)
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
    """The tool's examples with what each comes out as, to be held against what is left of the tool."""

    def __init__(self, tool: Tool, catalog: Catalog) -> None:
        self._tool = tool
        self._others = [catalog.by_id[code] for code in tool.same_code if code in catalog.by_id]
        self._whole = self._with(tool)
        examples = (*tool.examples, *tool.not_)
        self._before = [(example, answer(example, tool.id, self._whole)) for example in examples]
        self._values: dict[tuple[Kind, str], list[_Value]] = {}
        for number, rule in enumerate(tool.evidence):
            for value in rule.values:
                self._values.setdefault((rule.kind, same_name(rule.kind, value)), []).append((number, value))

    def stands(self, less: Tool) -> bool:
        """Whether every example comes out as well with `less` in the tool's place."""
        catalog = self._with(less)
        return all(
            _as_well(example, before, answer(example, less.id, catalog)) for example, before in self._before
        )

    def needed(self) -> set[_Value]:
        """The values without which some example comes out otherwise."""
        found: set[_Value] = set()
        for example, before in self._before:
            met = set(self._met(example))
            for value in met - found:
                less = self._with(self._only(met - {value}))
                if not _as_well(example, before, answer(example, self._tool.id, less)):
                    found.add(value)
        return found

    def _met(self, example: Example) -> Iterator[_Value]:
        """The tool's values that are met in the example, whether they counted or not."""
        own = f"{self._tool.id}:"
        for seen in example.saw:
            for sight in sights(seen, self._whole):
                for clue in sight.clues:
                    if clue.tool == self._tool.id:
                        for kind in _MET_AS.get(clue.kind, (clue.kind,)):
                            yield from self._values.get((kind, same_name(kind, clue.value)), ())
            for mark in _marks(seen):
                if mark.startswith(own):
                    yield from self._values.get((Kind.CONTENT, mark.removeprefix(own)), ())

    def _only(self, values: Iterable[_Value]) -> Tool:
        rules = self._tool.evidence
        kept = (replace(rules[number], values=(value,)) for number, value in sorted(values))
        return replace(self._tool, evidence=tuple(kept))

    def _with(self, tool: Tool) -> Catalog:
        return catalog_of([tool, *self._others], "")


def _marks(seen: Observation) -> Iterator[str]:
    for file in (getattr(seen, "file", None), getattr(seen, "script_file", None)):
        if file is not None:
            yield from file.marks


def _as_well(example: Example, before: Answer, now: Answer) -> bool:
    """Right where it was right, and else the same."""
    return now.is_right(example) if before.is_right(example) else now == before


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
