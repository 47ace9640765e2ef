"""Erases a person or a device: all steps, in order, and what is to be told of it."""

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection

from aipolicy.core.model import Record
from aipolicy_server.clock import Clock, to_us
from aipolicy_server.store import compact, erasure, removals
from aipolicy_server.store.expiry import Removed
from aipolicy_server.store.removals import Act
from aipolicy_server.store.store import Store

PERSON: Final = "person"
DEVICE: Final = "device"


class Asked(Record, frozen=True, kw_only=True):
    """Who asks for it and why, as the record is to say."""

    by: str
    reason: str


class Erased(Record, frozen=True, kw_only=True):
    """subject: the keyed hash under which the record knows it. removed: rows, by kind.

    mentions: rows in which the name still stands among other words, by what they are; they were left.
    trace: why the database's own files may still hold some of it, or empty.
    """

    subject: str
    removed: dict[str, int]
    mentions: dict[str, int]
    trace: str


class Eraser:
    """Erases in one store."""

    def __init__(self, store: Store, clock: Clock, chance: Callable[[int], bytes]) -> None:
        self._store = store
        self._clock = clock
        self._chance = chance
        self._removed: dict[str, int] = {}

    def device(self, device: str, asked: Asked) -> Erased:
        """All that is of the device, and that there was one. Raises NoSuchDevice, Unavailable."""
        act = self._act(DEVICE, device, asked)
        now_us = act.began_us
        number = self._store.write_now(lambda connection: erasure.dismiss(connection, device, now_us))
        self._all(act, lambda connection: erasure.some_of_device(connection, number, device))
        return self._done(act, {})

    def person(self, name: str, asked: Asked, device: str | None = None) -> Erased:
        """What belongs to the person, on one device or on all. Raises NoSuchDevice, Unavailable."""
        act = self._act(PERSON, name, asked)
        with self._store.reading() as connection:
            number = None if device is None else erasure.device_number(connection, device)
        whose = (name, number)
        self._all(act, lambda connection: erasure.some_of_person(connection, whose))
        self._empty_batches(act, whose)
        if device is None:
            self._once(act, "names", lambda connection: erasure.blank_names(connection, name))
        with self._store.reading() as connection:
            left = erasure.mentions(connection, name)
        return self._done(act, left)

    def _act(self, cause: str, name: str, asked: Asked) -> Act:
        fresh = self._chance(32)
        subject = self._store.write_now(lambda connection: erasure.subject(connection, cause, name, fresh))
        self._removed = {}
        now_us = to_us(self._clock())
        return Act(cause=cause, began_us=now_us, by=asked.by, reason=asked.reason, subject=subject)

    def _all(self, act: Act, step: Callable[[Connection], Removed]) -> None:
        while removed := self._store.write_now(lambda connection: self._noted(connection, act, step)):
            for kind, rows in removed.items():
                self._count(kind, rows)
            time.sleep(0.005)  # so that whoever waits for SQLite's one lock gets it

    def _empty_batches(self, act: Act, whose: erasure.Whose) -> None:
        after: int | None = 0
        while after is not None:
            place = after

            def step(connection: Connection, place: int = place) -> tuple[int, int | None]:
                emptied, following = erasure.empty_batches(connection, whose, place)
                self._note(connection, act, "batches", emptied)
                return emptied, following

            emptied, after = self._store.write_now(step)
            self._count("batches", emptied)

    def _once(self, act: Act, kind: str, step: Callable[[Connection], int]) -> None:
        def noted(connection: Connection) -> int:
            rows = step(connection)
            self._note(connection, act, kind, rows)
            return rows

        self._count(kind, self._store.write_now(noted))

    def _noted(self, connection: Connection, act: Act, step: Callable[[Connection], Removed]) -> Removed:
        removed = step(connection)
        for kind, rows in removed.items():
            self._note(connection, act, kind, rows)
        return removed

    def _note(self, connection: Connection, act: Act, kind: str, rows: int) -> None:
        if rows:
            removals.note(connection, act, kind, rows, to_us(self._clock()))

    def _count(self, kind: str, rows: int) -> None:
        if rows:
            self._removed[kind] = self._removed.get(kind, 0) + rows

    def _done(self, act: Act, left: dict[str, int]) -> Erased:
        if not self._removed:  # that somebody asked is on record all the same
            self._store.write_now(
                lambda connection: removals.note(connection, act, "nothing", 0, to_us(self._clock()))
            )
        trace = compact.compact(self._store.engine)
        return Erased(subject=act.subject or "", removed=dict(self._removed), mentions=left, trace=trace)
