"""What must hold between tool files: no two of them may claim the same id, word or evidence.

And between the marks of one file: two that lie in each other are found by one text, and count as one.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from aipolicy.core.evidence_index import same_name
from aipolicy.core.problem import Problem
from aipolicy.core.shapes import sample_of, shape_of
from aipolicy.core.tool import Kind, Rule, Tool

_SHARED_KINDS: Final = frozenset({Kind.SIGNER})
"""A vendor signs several products with one certificate."""
_LOOKED_UP_AS: Final = {Kind.CARRIER: Kind.NPM, Kind.TITLE: Kind.EXECUTABLE}
"""Kinds that are met as another one is: a carrier is an npm package, a title is compared with names, too."""
_NESTED: Final = (Kind.CONTENT, Kind.PATH)
"""Kinds of which two values may both speak although they differ."""


def conflicts(tools: Iterable[Tool], texts: Mapping[str, str]) -> Iterator[Problem]:
    """Every claim that an earlier file made already. The earlier one is the first in the order given."""
    tools = tuple(tools)
    ids = {tool.id for tool in tools}
    words: dict[str, Tool] = {}
    claims = _Claims()
    for tool in tools:
        for word in (tool.id, *tool.aliases):
            first = words.setdefault(word, tool)
            if first is not tool:
                message = f"'{word}' is a word for {_where(first)} already"
                yield _problem(tool, texts, None, "T040", message, "choose another word")
        for other in tool.same_code:
            if other not in ids or other == tool.id:
                message = f"same-code names '{other}', which is no other tool"
                yield _problem(tool, texts, None, "T043", message, "write another tool's id, or remove it")
        for rule in tool.evidence:
            for value in rule.values:
                fault = claims.claim(tool, rule, value)
                if fault:
                    yield _problem(tool, texts, rule, *fault)


class _Claims:
    """Who claimed what so far."""

    def __init__(self) -> None:
        self._values: dict[tuple[Kind, str], Tool] = {}
        self._nested: list[tuple[Kind, str, Tool]] = []

    def claim(self, tool: Tool, rule: Rule, value: str) -> tuple[str, str, str] | None:
        """Notes the claim; where it is another's already, the error's code, what is wrong and what to do."""
        kind = rule.kind
        if kind in _SHARED_KINDS:
            return None
        looked_up = _LOOKED_UP_AS.get(kind, kind)
        first = self._values.setdefault((looked_up, same_name(kind, value)), tool)
        if first is not tool:
            return "T041", f"the {kind} evidence '{value}' is claimed by {_where(first)} already", _ONE_TOOL
        return self._overlapping(tool, kind, value) if kind in _NESTED else None

    def _overlapping(self, tool: Tool, kind: Kind, value: str) -> tuple[str, str, str] | None:
        meets = _overlap if kind is Kind.CONTENT else _same_place
        others = [(owner, text) for k, text, owner in self._nested if k is kind and meets(text, value)]
        self._nested.append((kind, value, tool))
        for owner, text in others:
            if owner is not tool:
                noun = "mark" if kind is Kind.CONTENT else "path"
                message = f"the {noun} '{value}' overlaps a {noun} of {_where(owner)}: both would hit"
                return "T042", message, _ONE_TOOL
            if kind is Kind.CONTENT:
                message = f"the mark '{value}' overlaps the mark '{text}': one text would count as two marks"
                return "T044", message, "remove one of the two"
        return None


_ONE_TOOL: Final = "evidence speaks for one tool only; remove it from one of the two"


def _overlap(one: str, other: str) -> bool:
    return one in other or other in one


def _same_place(one: str, other: str) -> bool:
    return shape_of(one).matches(sample_of(other)) or shape_of(other).matches(sample_of(one))


def _where(tool: Tool) -> str:
    return f"'{tool.id}' ({tool.file})"


def _problem(
    tool: Tool, texts: Mapping[str, str], at: Rule | None, code: str, message: str, suggestion: str
) -> Problem:
    line, column = (at.line, at.column) if at is not None else (1, 1)
    lines = texts.get(tool.file, "").split("\n")
    return Problem(
        file=tool.file,
        line=line,
        column=column,
        code=code,
        message=message,
        suggestion=suggestion,
        source_line=lines[line - 1] if 0 < line <= len(lines) else "",
    )
