"""Events and ledger on their way to the disk: at once where it takes them, else as soon as it does."""

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from sqlite3 import Connection
from typing import TypeVar

import msgspec

from aipolicy.core.model import Event, Health, Outcome
from aipolicy.core.pseudonym import hidden
from aipolicy.state import spool
from aipolicy.state.disk import Disk, NotDurable, Replaced
from aipolicy.state.identity import Identity, keep_identity, load_identity
from aipolicy.state.ids import Ids
from aipolicy.state.ledger import Book
from aipolicy.state.pseudonyms import key_of
from aipolicy.state.records import About, Changes
from aipolicy.state.sendable import sendable_event

logger = logging.getLogger(__name__)

T = TypeVar("T")

_NAMES = "usernames"
"""In the database: how people are named in what was told: plain or hash."""

_LOSSES = {
    spool.OVERFLOW: "Events were dropped, the oldest first: more had to wait for server or disk than may.",
    spool.REFUSAL: "The server refused events for good; they are kept here and are not sent again.",
}


class Journal:
    """What the Store does with the disk. Its caller holds a lock; no condition of the disk raises here."""

    def __init__(
        self,
        folder: Path,
        disk: Disk,
        ids: Ids,
        now: Callable[[], datetime],
        most_bytes: int,
        most_in_memory: int,
    ) -> None:
        self._folder = folder
        self._disk = disk
        self._ids = ids
        self._now = now
        self._most_bytes = most_bytes
        self._most_in_memory = most_in_memory
        self._loaded = False
        self._lost = 0  # dropped from `fresh`, not counted on disk yet
        self._stamped: str | None = None  # the device's id in the events on disk
        self.book = Book()
        self.fresh: list[tuple[int | None, Event]] = []  # told, not on disk yet
        kept = load_identity(folder)
        self.identity = kept or Identity(device=self.new_id())
        self._identity_kept = kept is not None
        self._key: bytes | None = None  # people are told of under another name, made with it
        self._names_told = True  # whether the disk knows whether they are

    def take(self, changes: Changes) -> None:
        """Follow `changes` in memory; `flush` brings them to disk."""
        now = self._now()
        self.book.apply(changes)
        self.fresh += [(told.uid, self._event(told.about, now)) for told in changes.tell]

    @property
    def hides_people(self) -> bool:
        """Whether what is told names people by another name."""
        return self._key is not None

    def hide_people(self, hide: bool) -> None:
        """From now on they are, or are no longer."""
        self._key = key_of(self._folder) if hide else None
        self._names_told = False

    def as_told(self, outcome: Outcome) -> Outcome:
        """An outcome as it leaves the machine."""
        told = self._hidden(outcome)
        return told if isinstance(told, Outcome) else outcome

    def take_identity(self, identity: Identity) -> None:
        """We are this device now: whatever waits is sent under its id."""
        self.identity = identity
        self._identity_kept = False
        self.fresh = [(uid, msgspec.structs.replace(e, device=identity.device)) for uid, e in self.fresh]

    @property
    def may_send(self) -> bool:
        """Whether a server knows us, and we would still know it after a crash."""
        return (
            self.identity.token is not None and self._identity_kept and self._stamped == self.identity.device
        )

    def flush(self) -> bool:
        """Bring to disk all that is not there yet; whether nothing is missing on it."""
        if not self._identity_kept:
            self._identity_kept = keep_identity(self._folder, self.identity)
        done = self._try(self._flush_once) is not None
        too_many = len(self.fresh) - self._most_in_memory
        if too_many > 0:
            del self.fresh[:too_many]
            self._lost += too_many
        return done and self._identity_kept

    def write(self, work: Callable[[Connection], T]) -> T | None:
        """One transaction that frees room, now or once the server has answered. None: the disk refuses."""
        return self._try(lambda: self._disk.write(work, frees=True))

    def read(self, work: Callable[[Connection], T]) -> T | None:
        """Look something up. None: the disk is not there."""
        return self._try(lambda: self._disk.read(work))

    def loss_record(self, condition: str, count: int) -> bytes:
        """The Health record that says how many events were lost, and how."""
        health = Health(part="spool", condition=condition, detail=_LOSSES[condition], count=count)
        return msgspec.json.encode(self._event(health, self._now()))

    def new_id(self) -> str:
        """A new id, for a spool or a device."""
        return self._ids.next(_milliseconds(self._now()))

    def _flush_once(self) -> bool:
        if self._stamped is None:
            self._stamped = self._disk.read(lambda c: spool.meta(c, "device"))
        news = self.fresh or self._lost or self.book.changed or not self._names_told
        if self._stamped == self.identity.device and not news:
            return True
        new_spool = self.new_id()

        def work(connection: Connection) -> None:
            if self._stamped != self.identity.device:
                spool.restamp(connection, self.identity.device, new_spool)
            spool.add(connection, ((uid, msgspec.json.encode(event)) for uid, event in self.fresh))
            self.book.write(connection)
            spool.set_meta(connection, _NAMES, "hash" if self.hides_people else "plain")
            spool.put_note(connection, spool.OVERFLOW, self._lost, self.loss_record)
            dropped = spool.keep_within(connection, self._most_bytes, self.loss_record)
            if dropped:
                logger.warning("spool full dropped=%d", dropped)

        self._disk.write(work)
        self._stamped = self.identity.device
        self.fresh.clear()
        self._lost = 0
        self._names_told = True
        self.book.written()
        return True

    def _try(self, call: Callable[[], T]) -> T | None:
        """`call`, which uses the disk. A damaged database is begun anew first, and that is told."""
        for _ in range(3):
            try:
                if not self._loaded:
                    self._disk.read(self._load)
                    self._loaded = True
                return call()
            except NotDurable:
                return None
            except Replaced as replaced:
                self._begin_anew(replaced)
        return None

    def _load(self, connection: Connection) -> None:
        self.book.load(connection)
        if self._names_told and spool.meta(connection, _NAMES) == "hash":
            self._key = key_of(self._folder)

    def _hidden(self, about: About) -> About:
        return about if self._key is None else hidden(about, self._key)

    def _begin_anew(self, replaced: Replaced) -> None:
        self.book.start_anew()
        self._loaded = True
        self._stamped = None
        condition, lost = ("set aside", "not sent") if replaced.newer else ("damaged", "lost")
        detail = f"The state database was {condition} ({replaced}). "
        detail += f"What waited in it is {lost}; all findings are told again."
        event = self._event(Health(part="spool", condition=condition, detail=detail), self._now())
        self.fresh.insert(0, (None, event))

    def _event(self, about: About, now: datetime) -> Event:
        event = Event(
            id=self._ids.next(_milliseconds(now)),
            device=self.identity.device,
            time=now,
            about=self._hidden(about),
        )
        return sendable_event(event)


def _milliseconds(now: datetime) -> int:
    return int(now.timestamp() * 1000)
