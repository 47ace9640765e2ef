"""The ledger of what the server was told and still holds: in memory, and its copy on disk."""

import sqlite3
from types import MappingProxyType
from typing import TypeVar

import msgspec

from aipolicy.state.records import Changes, Known, Ledger, UnseenPlace

R = TypeVar("R", Known, UnseenPlace)


class Book:
    """The ledger. `apply` changes it in memory at once; `write` brings what changed to disk."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._unseen: dict[str, UnseenPlace] = {}
        self._changed: dict[str, set[str]] = {"known": set(), "unseen": set()}

    def view(self) -> Ledger:
        """As it is now; it changes with the book."""
        return Ledger(known=MappingProxyType(self._known), unseen=MappingProxyType(self._unseen))

    @property
    def changed(self) -> bool:
        """Whether there is something to write."""
        return any(self._changed.values())

    def apply(self, changes: Changes) -> None:
        """Follow `changes`."""
        for key, known in changes.remember.items():
            self._known[key] = known
        for key in changes.forget:
            self._known.pop(key, None)
        for key, place in changes.remember_unseen.items():
            self._unseen[key] = place
        for key in changes.forget_unseen:
            self._unseen.pop(key, None)
        self._changed["known"].update(changes.remember, changes.forget)
        self._changed["unseen"].update(changes.remember_unseen, changes.forget_unseen)

    def load(self, connection: sqlite3.Connection) -> None:
        """Take what is on disk; what changed in memory meanwhile is newer.

        A row that cannot be read is as if absent: the finding is told once more.
        """
        for key, known in _load(connection, "known", Known).items():
            if key not in self._changed["known"]:
                self._known[key] = known
        for key, place in _load(connection, "unseen", UnseenPlace).items():
            if key not in self._changed["unseen"]:
                self._unseen[key] = place

    def write(self, connection: sqlite3.Connection) -> None:
        """Bring what changed into the caller's transaction; `written` says that it was committed."""
        encode = msgspec.json.encode
        known = {k: encode(self._known[k]) if k in self._known else None for k in self._changed["known"]}
        unseen = {k: encode(self._unseen[k]) if k in self._unseen else None for k in self._changed["unseen"]}
        for table, rows in (("known", known), ("unseen", unseen)):
            gone = [(key,) for key, value in rows.items() if value is None]
            there = [(key, value) for key, value in rows.items() if value is not None]
            connection.executemany(f"DELETE FROM {table} WHERE key = ?", gone)  # noqa: S608 - a name from above
            connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", there)  # noqa: S608

    def written(self) -> None:
        """What changed is on disk."""
        for keys in self._changed.values():
            keys.clear()

    def start_anew(self) -> None:
        """The disk's copy is lost, and with it what the server was told."""
        self._known.clear()
        self._unseen.clear()
        for keys in self._changed.values():
            keys.clear()


def _load(connection: sqlite3.Connection, table: str, kind: type[R]) -> dict[str, R]:
    rows: dict[str, R] = {}
    for key, record in connection.execute(f"SELECT key, record FROM {table}"):  # noqa: S608 - a name from above
        try:
            rows[key] = msgspec.json.decode(record, type=kind)
        except msgspec.MsgspecError:
            continue
    return rows
