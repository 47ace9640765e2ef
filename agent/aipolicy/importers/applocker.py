"""AppLocker policies as Get-AppLockerPolicy -Xml, a report of group policies or Intune has them, also UTF-16.

Elements and attributes by Microsoft's AppLocker CSP reference and published policies, 2026.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from aipolicy.importers.foreign import Clue, ForeignRule, Kind, NotReadable

_RULES: Final = ("FilePublisherRule", "FilePathRule", "FileHashRule")
_CONDITIONS: Final = ("FilePublisherCondition", "FilePathCondition", "FileHashCondition")
_EVERYBODY: Final = "S-1-1-0"
_ANY: Final = ("*", "")
_NO_VERSION: Final = ("*", "", "0.0.0.0")  # noqa: S104  a version, no address
_DEEPEST: Final = 32
_ORGANISATION: Final = re.compile(r"(?:^|,\s*)O=(.*?)(?=,\s*[A-Za-z.0-9]+=|$)", re.IGNORECASE)


@dataclass
class _Element:
    name: str
    attributes: dict[str, str]
    line: int
    children: "list[_Element]" = field(default_factory=list)

    def named(self, *names: str) -> "Iterator[_Element]":
        for child in self.children:
            if child.name in names:
                yield child


def looks_like(data: bytes) -> bool:
    """Whether it may be an AppLocker policy, or some other XML, which is no plain list at least."""
    text = data.replace(b"\0", b"")
    return text[:200].lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t")[:1] == b"<" and b"<plist" not in text[:2000]


def read(data: bytes) -> list[ForeignRule]:
    """The rules in their order. Raises NotReadable."""
    document = _tree(data)
    collections = [*_collections(document)]
    if not collections and document.name != "AppLockerPolicy":
        raise NotReadable(f"the document is a {document.name!r} without any RuleCollection of AppLocker's")
    return [_rule(rule, collection) for collection in collections for rule in collection.named(*_RULES)]


def _collections(element: _Element) -> Iterator[_Element]:
    """At any place: Intune has one by itself, a report of group policies has them deep inside."""
    if element.name == "RuleCollection":
        yield element
    for child in element.children:
        yield from _collections(child)


def _tree(data: bytes) -> _Element:
    """Raises NotReadable; also for a document type: it may define entities that fill the memory."""
    parser = expat.ParserCreate()
    top = _Element("", {}, 0)
    open_elements = [top]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(open_elements) > _DEEPEST:
            raise NotReadable(
                f"line {parser.CurrentLineNumber}: elements are nested more than {_DEEPEST} deep"
            )
        element = _Element(name.rpartition(":")[2], attributes, parser.CurrentLineNumber)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def refuse(*_declared: object) -> None:
        raise NotReadable(
            f"line {parser.CurrentLineNumber}: a document type is not read: remove the <!DOCTYPE>"
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _name: open_elements.pop()
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        why = expat.errors.messages.get(error.code, "unknown error")
        raise NotReadable(f"line {error.lineno}: this is not XML: {why}") from error
    except LookupError as error:
        raise NotReadable(f"line 1: {error}: save it as UTF-8") from error
    return top.children[0]


def _rule(rule: _Element, collection: _Element) -> ForeignRule:
    group = rule.attributes.get("UserOrGroupSid", _EVERYBODY)
    conditions = [one for all_of in rule.named("Conditions") for one in all_of.named(*_CONDITIONS)]
    what = conditions[0] if len(conditions) == 1 else None
    action = rule.attributes.get("Action", "")
    kind = collection.attributes.get("Type", "?")
    lost = ["its exceptions"] if any(one.children for one in rule.named("Exceptions")) else []
    if collection.attributes.get("EnforcementMode") == "AuditOnly":
        lost.append("it only audits there")
    return ForeignRule(
        at=f"line {rule.line}",
        says=f"{action} {kind} {rule.attributes.get('Name') or rule.name!r}",
        bans=action == "Deny",
        clues=_clues(what) if what else (),
        versions=_versions(what) if what else "",
        reason=rule.attributes.get("Description", ""),
        lost=tuple(lost),
        no=_why_not(rule, action, group, what),
    )


def _clues(condition: _Element) -> tuple[Clue, ...]:
    given = condition.attributes
    if condition.name == "FilePathCondition":
        return (Clue(kind=Kind.PATH, value=given.get("Path", "")),)
    organisation = _ORGANISATION.search(given.get("PublisherName", ""))
    named = (
        (Kind.SIGNER, organisation[1].strip('" ') if organisation else ""),
        (Kind.PRODUCT, given.get("ProductName", "")),
        (Kind.PROGRAM, given.get("BinaryName", "")),
    )
    return tuple(Clue(kind=kind, value=value) for kind, value in named if value not in _ANY)


def _versions(condition: _Element) -> str:
    bounds = next(condition.named("BinaryVersionRange"), None)
    if bounds is None:
        return ""
    low, high = bounds.attributes.get("LowSection", "*"), bounds.attributes.get("HighSection", "*")
    if low == high and low not in _NO_VERSION:
        return f"={low}"
    parts = [f">={low}"] if low not in _NO_VERSION else []
    parts += [f"<={high}"] if high not in _ANY else []
    return ", ".join(parts)


def _why_not(rule: _Element, action: str, group: str, what: _Element | None) -> str:
    if action not in ("Deny", "Allow"):
        return f"the action {action!r} neither denies nor allows"
    if what is None:
        return "it has not exactly one condition"
    if rule.name == "FileHashRule" or what.name == "FileHashCondition":
        return "the hash of a file says nothing of which tool it is: name the tool"
    if group != _EVERYBODY:
        return f"it holds for {group} only: write it as a scope"
    return "" if _clues(what) else "it is about every program, and a policy is about AI tools only"
