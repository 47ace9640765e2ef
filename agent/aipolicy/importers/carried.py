"""Writes the policy that comes of another product's rules, and says what of them it does not hold."""

from collections.abc import Iterable

import msgspec

from aipolicy.core.message import MAX_TEXT
from aipolicy.core.model import Record
from aipolicy.core.tools import Catalog
from aipolicy.core.wire import printable
from aipolicy.importers.foreign import ForeignRule
from aipolicy.importers.matching import match


class Left(Record, frozen=True, kw_only=True):
    """A rule that was not carried over: where it stands, what it says, and why."""

    at: str
    says: str
    why: str


class Noted(Record, frozen=True, kw_only=True):
    """Something about a rule that was carried over for IT to look at."""

    at: str
    selector: str
    note: str


class Carried(Record, frozen=True, kw_only=True):
    """policy: its text. rules: how many there were. carried: how many the policy holds."""

    policy: str
    rules: int
    carried: int
    notes: tuple[Noted, ...]
    left: tuple[Left, ...]


class _Entry(Record, frozen=True, kw_only=True):
    selector: str
    rule: ForeignRule


def carry_over(rules: Iterable[ForeignRule], catalog: Catalog, source: str) -> Carried:
    """source: the file's name, for the comment at the head."""
    rules = tuple(rules)
    banned: dict[tuple[str, str], _Entry] = {}
    approved: dict[tuple[str, str], _Entry] = {}
    notes: list[Noted] = []
    left: list[Left] = []
    for rule in rules:
        found = match(rule, catalog)
        if found.no:
            left.append(Left(at=rule.at, says=printable(rule.says), why=printable(found.no)))
            continue
        entries = banned if rule.bans else approved
        entries.setdefault((found.selector, rule.versions), _Entry(selector=found.selector, rule=rule))
        said = (found.note, *(f"not carried over: {lost}" for lost in rule.lost))
        notes += (Noted(at=rule.at, selector=found.selector, note=printable(note)) for note in said if note)
    for key in approved.keys() & banned.keys():
        entry, other = approved.pop(key), banned[key]
        why = f"{other.rule.at} bans the same, and a ban wins"
        left.append(Left(at=entry.rule.at, says=printable(entry.rule.says), why=why))
    return Carried(
        policy=_policy(source, banned.values(), approved.values()),
        rules=len(rules),
        carried=len(rules) - len(left),
        notes=tuple(notes),
        left=tuple(left),
    )


def _policy(source: str, banned: Iterable[_Entry], approved: Iterable[_Entry]) -> str:
    head = (
        f"# Carried over from {printable(source)}. It reports and stops nothing:\n"
        "# read what it reports, then write `mode: block`.\n"
        "mode: report\n"
    )
    return head + _list("banned", banned) + _list("approved", approved)


def _list(key: str, entries: Iterable[_Entry]) -> str:
    lines = "".join(f"  - {_entry(entry)}  # {printable(entry.rule.at)}\n" for entry in entries)
    return f"{key}:\n{lines}" if lines else f"{key}: []\n"


def _entry(entry: _Entry) -> str:
    values = {"tool": entry.selector}
    if entry.rule.versions:
        values["versions"] = entry.rule.versions
    reason = " ".join(printable(entry.rule.reason).split())
    if reason:
        values["reason"] = reason[:MAX_TEXT]
    if len(values) == 1:
        return entry.selector
    # JSON's strings are YAML's, and nothing in them can end the entry.
    written = ", ".join(f"{name}: {msgspec.json.encode(value).decode()}" for name, value in values.items())
    return f"{{{written}}}"
