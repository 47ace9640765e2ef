"""Writes the policy that comes of another product's rules, and says what of them it does not hold."""

from collections.abc import Iterable

import msgspec

from aipolicy.core.message import MAX_TEXT
from aipolicy.core.model import Record
from aipolicy.core.problem import Problems
from aipolicy.core.tools import Catalog
from aipolicy.core.version_range import VersionRange, read_versions
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
    """One entry to be written. versions: null for all."""

    selector: str
    versions: VersionRange | None
    rule: ForeignRule


def carry_over(rules: Iterable[ForeignRule], catalog: Catalog, source: str) -> Carried:
    """source: the file's name, for the comment at the head."""
    rules = tuple(rules)
    banned: list[_Entry] = []
    approved: list[_Entry] = []
    notes: list[Noted] = []
    left: list[Left] = []
    for rule in rules:
        found = match(rule, catalog)
        versions, unclear = _versions(rule)
        entry = _Entry(selector=found.selector, versions=versions, rule=rule)
        entries = banned if rule.bans else approved
        why = found.no or unclear or _rival(entry, entries)
        if why:
            left.append(_left(rule, why))
            continue
        if not any(_same(entry, other) for other in entries):
            entries.append(entry)
        said = (found.note, *(f"not carried over: {lost}" for lost in rule.lost))
        notes += (Noted(at=rule.at, selector=found.selector, note=printable(note)) for note in said if note)
    for entry in list(approved):
        ban = next((ban for ban in banned if _same(entry, ban) or _covers(ban, entry)), None)
        if ban is not None:
            approved.remove(entry)
            left.append(_left(entry.rule, f"{ban.rule.at} bans the same, and a ban wins"))
    return Carried(
        policy=_policy(source, banned, approved),
        rules=len(rules),
        carried=len(rules) - len(left),
        notes=tuple(notes),
        left=tuple(left),
    )


def _left(rule: ForeignRule, why: str) -> Left:
    return Left(at=rule.at, says=printable(rule.says), why=printable(why))


def _versions(rule: ForeignRule) -> tuple[VersionRange | None, str]:
    """The rule's range; and what is wrong with it, else empty."""
    if not rule.versions:
        return None, ""
    problems = Problems("", rule.versions)
    versions = read_versions(rule.versions, _Start(), problems)
    return versions, "; ".join(problem.message for problem in problems.all())


class _Start:
    """Where a range that stands by itself begins."""

    line = 1
    column = 1


def _same(one: _Entry, other: _Entry) -> bool:
    return (one.selector, one.versions) == (other.selector, other.versions)


def _covers(ban: _Entry, entry: _Entry) -> bool:
    """Whether all that the entry approves is banned. A policy would let the more exact one win."""
    return ban.selector == entry.selector and ban.versions is None


def _rival(entry: _Entry, entries: Iterable[_Entry]) -> str:
    """Why it cannot stand beside what is there already; empty where it can."""
    for other in entries:
        if entry.versions is None or other.versions is None or other.selector != entry.selector:
            continue
        if entry.versions != other.versions and entry.versions.meets(other.versions):
            return f"its versions ({entry.versions}) overlap those of {other.rule.at}: make one range of both"
    return ""


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
    if entry.versions is not None:
        values["versions"] = str(entry.versions)
    reason = " ".join(printable(entry.rule.reason).split())
    if reason:
        values["reason"] = reason[:MAX_TEXT]
    if len(values) == 1:
        return entry.selector
    # JSON's strings are YAML's, and nothing in them can end the entry.
    written = ", ".join(f"{name}: {msgspec.json.encode(value).decode()}" for name, value in values.items())
    return f"{{{written}}}"
