"""What an entry of a policy names: one tool, a vendor's tools, a category, or every tool of the catalog."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from aipolicy.core.model import Finding, Record
from aipolicy.core.problem import Code, Placed, Problems, shown
from aipolicy.core.suggest import did_you_mean, nearest


class KnownTools(Record, frozen=True, kw_only=True):
    """What a policy may name, from the catalog.

    ids: the tools. aliases: other words for a tool, to its id. vendors, categories: those that some tool has.
    names: a tool's name for people, by id; the id itself stands in for one that is not here.
    """

    ids: frozenset[str]
    aliases: Mapping[str, str]
    vendors: frozenset[str]
    categories: frozenset[str]
    names: Mapping[str, str] = {}


class Kind(StrEnum):
    """What a selector names."""

    TOOL = "tool"
    VENDOR = "vendor"
    CATEGORY = "category"
    ANY = "*"


_EXACTNESS: Final = {Kind.ANY: 0, Kind.VENDOR: 1, Kind.CATEGORY: 1, Kind.TOOL: 2}


class Selector(Record, frozen=True, kw_only=True, gc=False):
    """value: the tool's id, the vendor or the category; empty for every tool."""

    kind: Kind
    value: str = ""

    def __str__(self) -> str:
        if self.kind is Kind.ANY:
            return "*"
        return self.value if self.kind is Kind.TOOL else f"{self.kind}:{self.value}"

    @property
    def exactness(self) -> int:
        """The higher wins: tool > vendor or category > `*`."""
        return _EXACTNESS[self.kind]

    def matches(self, finding: Finding) -> bool:
        """Whether it names the tool that was found."""
        if self.kind is Kind.TOOL:
            return finding.tool == self.value
        if self.kind is Kind.VENDOR:
            return finding.vendor == self.value
        return self.kind is Kind.ANY or finding.category == self.value


def read_selector(text: str, at: Placed, known: KnownTools, problems: Problems) -> Selector | None:
    """The selector that `text` stands for; None, with the problem noted, where it names nothing known."""
    tool = text if text in known.ids else known.aliases.get(text)
    if tool is not None:
        return Selector(kind=Kind.TOOL, value=tool)
    if text == "*":
        return Selector(kind=Kind.ANY)
    kind, colon, value = text.partition(":")
    if colon and kind == Kind.VENDOR:
        if value in known.vendors:
            return Selector(kind=Kind.VENDOR, value=value)
        _unknown(Code.UNKNOWN_VENDOR, "vendor", value, known.vendors, at, problems)
    elif colon and kind == Kind.CATEGORY:
        if value in known.categories:
            return Selector(kind=Kind.CATEGORY, value=value)
        _unknown(Code.UNKNOWN_CATEGORY, "category", value, known.categories, at, problems)
    elif colon:
        _unknown_kind(kind, value, at, problems)
    else:
        _unknown_tool(text, at, known, problems)
    return None


def _unknown(
    code: Code, what: str, word: str, options: frozenset[str], at: Placed, problems: Problems
) -> None:
    suggestion = "known are: " + ", ".join(sorted(options)) if len(options) <= 12 else ""
    problems.add(at, code, f"unknown {what} {shown(word)}{did_you_mean(word, options)}", suggestion)


def _unknown_kind(kind: str, value: str, at: Placed, problems: Problems) -> None:
    near = nearest(kind, (Kind.TOOL, Kind.VENDOR, Kind.CATEGORY))
    meant = value if near == Kind.TOOL else f"{near}:{value}"
    hint = f", did you mean {shown(meant)}?" if near else ""
    suggestion = 'write a tool id, vendor:NAME, category:NAME or "*"'
    problems.add(at, Code.UNKNOWN_SELECTOR, f"unknown selector {shown(f'{kind}:{value}')}{hint}", suggestion)


def _unknown_tool(text: str, at: Placed, known: KnownTools, problems: Problems) -> None:
    hint = _tool_hint(text, known)
    suggestion = ""
    if not hint:
        suggestion = "`aipolicy tools list` shows the ids of all tools"
    if " - " in text:
        suggestion = "two lines became one text: give each '- ' the same indentation"
    elif "*" in text:
        suggestion = 'patterns are not used; "*" alone is every tool'
    problems.add(at, Code.UNKNOWN_TOOL, f"unknown tool {shown(text)}{hint}", suggestion)


def _tool_hint(text: str, known: KnownTools) -> str:
    if text in known.vendors:
        return f", did you mean '{Kind.VENDOR}:{text}'?"
    if text in known.categories:
        return f", did you mean '{Kind.CATEGORY}:{text}'?"
    found = nearest(text, known.ids | known.aliases.keys())
    return f", did you mean '{known.aliases.get(found, found)}'?" if found else ""
