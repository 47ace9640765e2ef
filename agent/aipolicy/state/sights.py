"""When each tool was first seen on this machine.

It outlives the tool's removal, so that a grace period does not begin anew with the next installation.
"""

import sqlite3
from collections.abc import Set as AbstractSet
from datetime import datetime

from aipolicy.state.records import Known

MOST = 20_000

Key = tuple[str, int, str]
"""Tool, uid of the owner, path as it leaves the machine."""


def sight_key(known: Known) -> Key:
    """Which sight a finding belongs to; installed and running are one."""
    finding = known.outcome.verdict.finding
    return finding.tool, finding.owner.uid, finding.path


class Sights:
    """First sights, at most `most` of them."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._by_tool: dict[str, dict[tuple[int, str], datetime]] = {}
        self._count = 0
        self._changed: set[Key] = set()

    def first(self, tool: str, uid: int | None = None, path: str | None = None) -> datetime | None:
        """When the tool was first seen: anywhere here, or with this owner, or at this path."""
        return min(
            (
                at
                for (whose, where), at in self._by_tool.get(tool, {}).items()
                if uid in (None, whose) and path in (None, where)
            ),
            default=None,
        )

    def note(self, key: Key, now: datetime) -> None:
        """It is there `now`; remembered where it is the first time."""
        if self._add(key, now):
            self._changed.add(key)

    @property
    def changed(self) -> bool:
        """Whether there is something to write."""
        return bool(self._changed)

    def forget_oldest(self, keep: AbstractSet[Key]) -> None:
        """Stay within the bound: the oldest go first, and none of `keep`."""
        if self._count <= self._most:
            return
        every = ((at, (tool, *rest)) for tool, of in self._by_tool.items() for rest, at in of.items())
        oldest = sorted((at, key) for at, key in every if key not in keep)
        for _, key in oldest[: self._count - self._most + self._most // 10]:
            del self._by_tool[key[0]][key[1:]]
            self._count -= 1
            self._changed.add(key)

    def load(self, connection: sqlite3.Connection) -> None:
        """Take what is on disk; an earlier sight there counts."""
        for text, at in connection.execute("SELECT key, at FROM sight"):
            try:
                tool, uid, path = text.split("\x1f", 2)
                key, seen = (tool, int(uid), path), datetime.fromisoformat(at)
            except ValueError:
                continue  # a damaged row: the tool counts as new
            if not self._add(key, seen) and seen < self._by_tool[tool][key[1:]]:
                self._by_tool[tool][key[1:]] = seen

    def write(self, connection: sqlite3.Connection) -> None:
        """Bring what changed into the caller's transaction; `written` says that it was committed."""
        for key in self._changed:
            text = "\x1f".join(map(str, key))
            at = self._by_tool.get(key[0], {}).get(key[1:])
            if at is None:
                connection.execute("DELETE FROM sight WHERE key = ?", (text,))
            else:
                connection.execute("INSERT OR REPLACE INTO sight VALUES (?, ?)", (text, at.isoformat()))

    def written(self) -> None:
        """What changed is on disk."""
        self._changed.clear()

    def write_all_again(self) -> None:
        """The disk's copy is lost."""
        self._changed = {(tool, *rest) for tool, of in self._by_tool.items() for rest in of}

    def _add(self, key: Key, at: datetime) -> bool:
        of_tool = self._by_tool.setdefault(key[0], {})
        if key[1:] in of_tool:
            return False
        of_tool[key[1:]] = at
        self._count += 1
        return True
