"""An entry of `banned` or `approved`, and the reading of such a list."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec.structs import replace

from aipolicy.core import yamlfile
from aipolicy.core.days import DAY
from aipolicy.core.model import Action, Record
from aipolicy.core.problem import Code
from aipolicy.core.reading import Reading, kind
from aipolicy.core.selector import Selector
from aipolicy.core.values import Place
from aipolicy.core.version_range import VersionRange

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class Entry(Record, frozen=True, kw_only=True, gc=False):
    """One item of `banned` or `approved`.

    selector: what it names. versions: which of its versions, null for all.
    action: the action it states, null where it states none.
    begins: when `from` begins. ends: when `until` is over. grace: how long it only warns.
    reason: why, in the policy's words. message: what the person is told, empty where the policy's holds.
    rule: the file's base name and the line. id: tells it from other entries; empty where it has no grace.
    """

    selector: Selector
    versions: VersionRange | None = None
    action: Action | None = None
    begins: datetime | None = None
    ends: datetime | None = None
    grace: timedelta | None = None
    reason: str = ""
    message: str = ""
    rule: str
    id: str = ""

    @property
    def conditional(self) -> bool:
        """Whether it holds only under a condition; then it is more exact than one that always holds."""
        return self.versions is not None or self.begins is not None or self.ends is not None


def read_entries(node: yamlfile.Node | None, where: Place, reading: Reading) -> tuple[Entry, ...]:
    """The entries of the list `where`; nothing where the file has no such list."""
    if node is None:
        return ()
    if not isinstance(node, yamlfile.Sequence):
        _not_a_list(node, where, reading)
        return ()
    entries: list[Entry] = []
    alike: dict[Selector, list[Entry]] = {}
    for item in node.items:
        if reading.problems.full:
            break
        entry = _entry(item, where, reading)
        if entry is None:
            continue
        others = alike.setdefault(entry.selector, [])
        if (rival := _rival(entry, others)) is not None:
            _not_both(item, entry, rival, where, reading)
        others.append(entry)
        entries.append(entry)
    return tuple(entries)


_MOST_ALIKE: Final = 200
"""Each is held against all others with its selector."""


def _rival(entry: Entry, others: Sequence[Entry]) -> Entry | None:
    """One with the same selector that would hold at the same time, with nothing to tell which is meant."""
    if len(others) >= _MOST_ALIKE:
        return others[0]
    return next((other for other in others if _meet(entry, other)), None)


def _meet(one: Entry, other: Entry) -> bool:
    if one.conditional is not other.conditional:
        return False
    if one.versions is not None and other.versions is not None and not one.versions.meets(other.versions):
        return False
    first, second = sorted((one, other), key=lambda entry: entry.begins or _LONG_AGO)
    return first.ends is None or (second.begins or _LONG_AGO) < first.ends


def _not_both(item: yamlfile.Node, entry: Entry, rival: Entry, where: Place, reading: Reading) -> None:
    if entry.conditional and rival.conditional:
        message = f"'{entry.selector}' in {where} would hold at the same time as in {rival.rule}"
        suggestion = "let their `versions` not overlap, or one end with `until` before the other's `from`"
        reading.problems.add(item, Code.OVERLAP, message, suggestion)
        return
    message = f"'{entry.selector}' stands twice in {where}, first in {rival.rule}"
    reading.problems.add(item, Code.DUPLICATE_ENTRY, message, "keep one of them")


def _not_a_list(node: yamlfile.Node, where: Place, reading: Reading) -> None:
    if isinstance(node, yamlfile.Scalar) and node.missing:
        message, suggestion = f"{where} has no value", f"write `{where}: []` for an empty list"
        reading.problems.add(node, Code.NO_VALUE, message, suggestion)
        return
    short = isinstance(node, yamlfile.Scalar) and 0 < len(node.text) < 40 and node.text.isascii()
    word = node.text if short and isinstance(node, yamlfile.Scalar) else "TOOL"
    message, suggestion = f"{where} is a list, not {kind(node)}", f"write `{where}: [{word}]`"
    if word.startswith("-"):
        suggestion = "write a space between the dash and the tool"
    reading.problems.add(node, Code.WRONG_TYPE, message, suggestion)


def _entry(item: yamlfile.Node, where: Place, reading: Reading) -> Entry | None:
    rule = reading.rule(item)
    if isinstance(item, yamlfile.Scalar):
        selector = reading.selector(item, f"an entry of {where}")
        return Entry(selector=selector, rule=rule) if selector else None
    if isinstance(item, yamlfile.Sequence):
        message = f"an entry of {where} is a tool, or a mapping with `tool`, not a list"
        reading.problems.add(item, Code.WRONG_TYPE, message, "write each tool as an entry of its own")
        return None
    before = len(reading.problems)
    values = reading.keys(item, where)
    if "tool" not in values and len(reading.problems) == before:
        reading.problems.add(item, Code.NO_TOOL, f"the entry of {where} names no tool", "add `tool: ID`")
    selector = reading.selector(values.get("tool"), "tool")
    versions = reading.versions(values.get("versions"))
    action = reading.action(values.get("action"), "action", where)
    begins, last = reading.day(values.get("from"), "from"), reading.day(values.get("until"), "until")
    if begins and last and begins > last:
        message = f"from {begins:%Y-%m-%d} is after until {last:%Y-%m-%d}, so the entry never holds"
        reading.problems.add(values["from"], Code.NEVER, message, "swap them, or remove the entry")
    grace = reading.span(values.get("grace"), "grace")
    reason, message = reading.text(values.get("reason"), "reason"), reading.message(values.get("message"))
    if selector is None:
        return None
    entry = Entry(
        selector=selector,
        versions=versions,
        action=action,
        begins=begins,
        ends=last + DAY if last else None,
        grace=grace,
        reason=reason,
        message=message,
        rule=rule,
    )
    return replace(entry, id=_identity(entry)) if grace else entry


def _identity(entry: Entry) -> str:
    """The same for two entries that decide alike, however they are written.

    The words for people are left out: better ones must not begin a grace anew. What decides is all in: an
    entry that bans earlier, or more, is another one, of which nobody was warned yet.
    """
    versions = entry.versions and entry.versions.identity
    decides = (entry.selector, versions, entry.action or Action.BLOCK, entry.begins, entry.ends, entry.grace)
    return hashlib.sha256("\x1f".join(map(str, decides)).encode()).hexdigest()[:16]
