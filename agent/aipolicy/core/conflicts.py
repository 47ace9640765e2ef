"""What must hold between tool files: no two of them may claim the same id, word or evidence."""

from collections.abc import Iterable, Iterator, Mapping

from aipolicy.core.evidence_index import same_name
from aipolicy.core.problem import Problem
from aipolicy.core.tool import Kind, Rule, Tool

_SHARED_KINDS = frozenset({Kind.SIGNER})
"""A vendor signs several products with one certificate."""


def conflicts(tools: Iterable[Tool], texts: Mapping[str, str]) -> Iterator[Problem]:
    """Every claim that an earlier file made already. The earlier one is the first in the order given."""
    tools = tuple(tools)
    ids = {tool.id for tool in tools}
    words: dict[str, Tool] = {}
    claims: dict[tuple[Kind, str], Tool] = {}
    marks: list[tuple[str, Tool]] = []
    for tool in tools:
        for word in (tool.id, *tool.aliases):
            first = words.setdefault(word, tool)
            if first is not tool:
                yield _problem(tool, texts, 1, 1, "T040", f"'{word}' is a word for {_where(first)} already")
        for other in tool.same_code:
            if other not in ids or other == tool.id:
                yield _problem(
                    tool, texts, 1, 1, "T043", f"same-code names '{other}', which is no other tool"
                )
        for rule in tool.evidence:
            yield from _claimed(tool, rule, claims, marks, texts)


def _claimed(
    tool: Tool,
    rule: Rule,
    claims: dict[tuple[Kind, str], Tool],
    marks: list[tuple[str, Tool]],
    texts: Mapping[str, str],
) -> Iterator[Problem]:
    if rule.kind in _SHARED_KINDS:
        return
    for value in rule.values:
        first = claims.setdefault((rule.kind, same_name(rule.kind, value)), tool)
        other = next((owner for mark, owner in marks if _overlap(mark, value)), tool)
        if first is not tool:
            message = f"the {rule.kind} evidence '{value}' is claimed by {_where(first)} already"
            yield _problem(tool, texts, rule.line, rule.column, "T041", message)
        elif rule.kind is Kind.CONTENT:
            if other is not tool:
                message = f"the mark '{value}' overlaps a mark of {_where(other)}: both would hit"
                yield _problem(tool, texts, rule.line, rule.column, "T042", message)
            marks.append((value, tool))


def _overlap(one: str, other: str) -> bool:
    return one in other or other in one


def _where(tool: Tool) -> str:
    return f"'{tool.id}' ({tool.file})"


def _problem(
    tool: Tool, texts: Mapping[str, str], line: int, column: int, code: str, message: str
) -> Problem:
    lines = texts.get(tool.file, "").split("\n")
    return Problem(
        file=tool.file,
        line=line,
        column=column,
        code=code,
        message=message,
        suggestion="evidence speaks for one tool only; remove it from one of the two",
        source_line=lines[line - 1] if 0 < line <= len(lines) else "",
    )
