"""What must hold between tool files: no two tools may claim the same id, word or evidence.

And between the marks of one tool: two that lie in each other are found by one text, and count as one. Least
of all may one of IT's own files take something away from a tool of ours: it adds, or it is refused.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from aipolicy.core.evidence_index import same_name
from aipolicy.core.problem import Problem
from aipolicy.core.shapes import may_be_the_same
from aipolicy.core.suggest import did_you_mean
from aipolicy.core.tool import Kind, Rule, Tool, ToolFile

_SHARED_KINDS: Final = frozenset({Kind.SIGNER})
"""A vendor signs several products with one certificate."""
_LOOKED_UP_AS: Final = {Kind.CARRIER: Kind.NPM, Kind.TITLE: Kind.EXECUTABLE}
"""Kinds that are met as another one is: a carrier is an npm package, a title is compared with names, too."""
_NESTED: Final = (Kind.CONTENT, Kind.PATH)
"""Kinds of which two values may both speak although they differ."""
_ONE_TOOL: Final = "evidence speaks for one tool only; remove it from one of the two"


def conflicts(
    files: Iterable[ToolFile],
    texts: Mapping[str, str],
    *,
    own: Collection[str] = (),
    shared: Collection[str] = (),
) -> Iterator[Problem]:
    """Every claim that an earlier file made already. The earlier one is the first in the order given.

    own: the names of IT's files. shared: strings known to be in other programs.
    """
    files = sorted(files, key=lambda file: file.extends)  # a tool before what extends it
    described = {file.tool.id: file.tool for file in reversed(files) if not file.extends}
    words: dict[str, Tool] = {}
    claims = _Claims()
    for file in files:
        tool = file.tool
        faults = [*_base(file, described), *_words(file, words), *_same_code(tool, described, own)]
        for place, code, message, suggestion in faults:
            yield _problem(tool, texts, place, code, message, suggestion)
        for rule in tool.evidence:
            at = (rule.line, rule.column)
            if tool.file in own and rule.kind is Kind.CONTENT and any(rule.value in text for text in shared):
                message = f"'{rule.value}' is known to be in other programs"
                suggestion = "choose a text that stands in this tool's own files only"
                yield _problem(tool, texts, at, "T052", message, suggestion)
            for value in rule.values:
                fault = claims.claim(tool, rule, value)
                if fault:
                    yield _problem(tool, texts, at, *fault)


_Place = tuple[int, int]
_Fault = tuple[_Place, str, str, str]
"""Where, the error's code, what is wrong and what to do."""


def _base(file: ToolFile, described: Mapping[str, Tool]) -> Iterator[_Fault]:
    """That there is a tool which the file extends."""
    tool_id = file.tool.id
    if file.extends and tool_id not in described:
        message = f"it extends '{tool_id}', which is no tool{did_you_mean(tool_id, described)}"
        yield file.words[tool_id], "T045", message, "`aipolicy tools list` shows the ids of all tools"


def _words(file: ToolFile, words: dict[str, Tool]) -> Iterator[_Fault]:
    """Its id and aliases. An extension may repeat those of the tool that it extends."""
    tool = file.tool
    for word, place in file.words.items():
        first = words.setdefault(word, tool)
        again = word == tool.id and not file.extends
        if first is tool or (first.id == tool.id and not again):
            continue
        suggestion = "choose another word"
        if first.id == word == tool.id:
            suggestion = f"write `extends: {word}` in place of `id` to add evidence to that tool"
        yield place, "T040", f"'{word}' is a word for {_where(first)} already", suggestion


def _same_code(tool: Tool, described: Mapping[str, Tool], own: Collection[str]) -> Iterator[_Fault]:
    line = tool.lines.get("same-code", 1)
    for other in tool.same_code:
        if other not in described or other == tool.id:
            message = f"same-code names '{other}', which is no other tool"
            yield (line, 1), "T043", message, "write another tool's id, or remove it"
        elif tool.file in own and described[other].file not in own:
            message = f"same-code would hide '{other}' ({described[other].file}) where both are seen"
            yield (line, 1), "T046", message, "it may name tools of your own files only"


class _Claims:
    """Who claimed what so far."""

    def __init__(self) -> None:
        self._values: dict[tuple[Kind, str], Tool] = {}
        self._nested: dict[tuple[Kind, str], list[tuple[str, Tool]]] = {}

    def claim(self, tool: Tool, rule: Rule, value: str) -> tuple[str, str, str] | None:
        """Notes the claim; where it is another's already, the error's code, what is wrong and what to do.

        An extension may say what its tool says: ours may have learned what IT knew before.
        """
        kind = rule.kind
        if kind in _SHARED_KINDS:
            return None
        looked_up = _LOOKED_UP_AS.get(kind, kind)
        first = self._values.setdefault((looked_up, same_name(kind, value)), tool)
        if first.id != tool.id:
            return "T041", f"the {kind} evidence '{value}' is claimed by {_where(first)} already", _ONE_TOOL
        if first.file != tool.file or kind not in _NESTED:
            return None
        return self._overlapping(tool, kind, value)

    def _overlapping(self, tool: Tool, kind: Kind, value: str) -> tuple[str, str, str] | None:
        met = self._met(tool, kind, value)
        self._nested.setdefault((kind, tool.id), []).append((value, tool))
        if met is None:
            return None
        text, owner = met
        if owner.id != tool.id:
            noun = "mark" if kind is Kind.CONTENT else "path"
            message = f"the {noun} '{value}' overlaps a {noun} of {_where(owner)}: both would hit"
            return "T042", message, _ONE_TOOL
        message = f"the mark '{value}' overlaps the mark '{text}': one text would count as two marks"
        return "T044", message, "remove one of the two"

    def _met(self, tool: Tool, kind: Kind, value: str) -> tuple[str, Tool] | None:
        """An earlier value that both may speak with. Two paths of one tool may: it may have thousands."""
        meets = _overlap if kind is Kind.CONTENT else may_be_the_same
        for (other_kind, tool_id), values in self._nested.items():
            if other_kind is kind and (tool_id != tool.id or kind is Kind.CONTENT):
                for text, owner in values:
                    if meets(text, value):
                        return text, owner
        return None


def _overlap(one: str, other: str) -> bool:
    return one in other or other in one


def _where(tool: Tool) -> str:
    return f"'{tool.id}' ({tool.file})"


def _problem(
    tool: Tool, texts: Mapping[str, str], place: _Place, code: str, message: str, suggestion: str
) -> Problem:
    line, column = place
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
