"""The events that wait for the server, in SQL: stored, sealed into batches, acknowledged, refused, dropped.

Every function runs inside the caller's transaction; store.py says when.

An event's status: 0 it waits, 1 it is sealed into the batch, 2 the server has it, 3 the server refused it for
good: it is kept, since it was stored about somebody, and not sent again.
"""

import gzip
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import Final

import msgspec

from aipolicy.core.model import Event, Gone, Health, Outcome, Record, Unseen
from aipolicy.core.wire import finding_key

KEEP_SENT: Final = 5_000

OVERFLOW: Final = "overflow"
REFUSAL: Final = "refused"
"""Conditions of the Health records that count what was lost."""

Row = tuple[int | None, bytes]
"""Whom an event is about, and its record."""


class SealedBatch(Record, frozen=True, kw_only=True):
    """A batch that never changes again. body: the gzipped JSON, the same bytes at every attempt."""

    spool: str
    seq: int
    events: int
    body: bytes


class _Body(Record, frozen=True, kw_only=True):
    """wire.Batch with the events as stored: decoding and encoding them again could change their bytes."""

    schema: str = "aipolicy.batch/1"
    device: str
    spool: str
    seq: int
    events: tuple[msgspec.Raw, ...]


def add(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Append events, in order."""
    connection.executemany(
        "INSERT INTO event (uid, status, size, record) VALUES (?, 0, ?, ?)",
        ((uid, len(record), record) for uid, record in rows),
    )


def pending(connection: sqlite3.Connection) -> tuple[int, int]:
    """How many events the server has not acknowledged, and their bytes."""
    count, size = connection.execute(
        "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM event WHERE status IN (0, 1)"
    ).fetchone()
    return int(count), int(size)


def events_about(connection: sqlite3.Connection, uid: int) -> list[bytes]:
    """The records about one user, oldest first, whether sent or not."""
    return [
        bytes(r) for (r,) in connection.execute("SELECT record FROM event WHERE uid = ? ORDER BY n", (uid,))
    ]


def events_about_nobody(connection: sqlite3.Connection) -> list[bytes]:
    """The records about the agent itself and the machine, oldest first, whether sent or not."""
    return [bytes(r) for (r,) in connection.execute("SELECT record FROM event WHERE uid IS NULL ORDER BY n")]


def next_batch(connection: sqlite3.Connection) -> SealedBatch | None:
    """The sealed batch, None where nothing is sealed."""
    row = connection.execute("SELECT spool, seq, events, body FROM batch ORDER BY seq LIMIT 1").fetchone()
    if row is None:
        return None
    return SealedBatch(spool=row[0], seq=row[1], events=row[2], body=bytes(row[3]))


def seal(connection: sqlite3.Connection, device: str, max_events: int, max_bytes: int) -> bool:
    """Seal the oldest waiting events, unless a batch is sealed already; whether there is one now.

    One at a time, so that a batch that must be cut in two leaves no later one out of order.
    """
    if connection.execute("SELECT 1 FROM batch").fetchone():
        return True
    spool = meta(connection, "spool")
    seq = int(meta(connection, "next_seq"))
    empty = msgspec.json.encode(_Body(device=device, spool=spool, seq=seq, events=()))
    chosen = list(_first(connection, max_events, max_bytes - len(empty)))
    if not chosen:
        return False
    last = chosen[-1][0]
    records = tuple(msgspec.Raw(record) for _, record in chosen)
    body = msgspec.json.encode(_Body(device=device, spool=spool, seq=seq, events=records))
    # mtime=0: the time would make the same events other bytes.
    packed = gzip.compress(body, compresslevel=6, mtime=0)
    connection.execute("INSERT INTO batch VALUES (?, ?, ?, ?)", (spool, seq, len(chosen), packed))
    connection.execute("UPDATE event SET status = 1 WHERE status = 0 AND n <= ?", (last,))
    connection.execute("DELETE FROM cut WHERE n <= ?", (last,))
    set_meta(connection, "next_seq", str(seq + 1))
    return True


def _first(connection: sqlite3.Connection, max_events: int, room: int) -> Iterator[tuple[int, bytes]]:
    """The oldest waiting events that fit, up to the next cut; one that fits nowhere is sent alone."""
    rows = connection.execute(
        "SELECT n, record FROM event WHERE status = 0 ORDER BY n LIMIT ?", (max_events,)
    )
    end: int | None = None
    for count, (n, record) in enumerate(rows):
        if count == 0:
            (end,) = connection.execute("SELECT MIN(n) FROM cut WHERE n > ?", (n,)).fetchone()
        room -= len(record) + 1  # and a comma
        if count and (room < 0 or (end is not None and n >= end)):
            return
        yield n, bytes(record)


def acknowledge(connection: sqlite3.Connection, spool: str, seq: int) -> bool:
    """The server has the batch. False where it is not the sealed one."""
    if connection.execute("DELETE FROM batch WHERE spool = ? AND seq = ?", (spool, seq)).rowcount == 0:
        return False
    connection.execute("UPDATE event SET status = 2 WHERE status = 1")
    forget_sent(connection, KEEP_SENT)
    return True


def forget_sent(connection: sqlite3.Connection, keep: int) -> None:
    """Keep the `keep` newest of the events that are done with."""
    connection.execute(
        "DELETE FROM event WHERE status IN (2, 3) AND n <= "
        "(SELECT n FROM event WHERE status IN (2, 3) ORDER BY n DESC LIMIT 1 OFFSET ?)",
        (keep,),
    )


def forget_before(connection: sqlite3.Connection, moment: datetime, holding: Collection[str]) -> int:
    """Remove the events that are done with and happened before; how many. What waits stays, however old.

    holding: keys of findings that the server still has as what is here now: the last event of each stays.
    """
    last: set[str] = set()
    old: list[tuple[int]] = []
    for n, record in connection.execute("SELECT n, record FROM event WHERE status IN (2, 3) ORDER BY n DESC"):
        event = _event(record)
        if event is None:
            continue
        key = finding_key(event.about.verdict.finding) if isinstance(event.about, Outcome) else ""
        is_last = key in holding and key not in last
        last.add(key)
        if event.time < moment and not is_last:
            old.append((n,))
    connection.executemany("DELETE FROM event WHERE n = ?", old)
    return len(old)


def refuse(connection: sqlite3.Connection, spool: str, seq: int, new_spool: str) -> tuple[bool, bytes | None]:
    """The server will never take this batch: cut it in two, or give its only event up.

    Whether it was the sealed one, and the record given up. The parts go into a new spool: under the old one
    they would need other numbers, and the refused number would look like a batch that got lost; or the same
    number twice, and one number would mean two contents.
    """
    if not connection.execute("SELECT 1 FROM batch WHERE spool = ? AND seq = ?", (spool, seq)).fetchone():
        return False, None
    events = connection.execute("SELECT n, record FROM event WHERE status = 1 ORDER BY n").fetchall()
    given_up: bytes | None = None
    if len(events) == 1:
        n, given_up = events[0]
        connection.execute("UPDATE event SET status = 3 WHERE n = ?", (n,))
    elif events:
        ends = (events[len(events) // 2][0], events[-1][0] + 1)
        connection.executemany("INSERT OR IGNORE INTO cut VALUES (?)", ((n,) for n in ends))
    renew(connection, new_spool)
    return True, given_up


def renew(connection: sqlite3.Connection, new_spool: str) -> bool:
    """Unseal what is sealed and number from 1 again under a new spool id."""
    connection.execute("DELETE FROM batch")
    connection.execute("UPDATE event SET status = 0 WHERE status = 1")
    set_meta(connection, "spool", new_spool)
    set_meta(connection, "next_seq", "1")
    return True


def restamp(connection: sqlite3.Connection, device: str, new_spool: str) -> None:
    """Put the device's new id into all that has not been acknowledged."""
    renew(connection, new_spool)
    waiting = connection.execute("SELECT n, record FROM event WHERE status = 0").fetchall()
    for n, record in waiting:
        try:
            event = msgspec.json.decode(record, type=Event)
        except msgspec.MsgspecError:
            continue  # damaged on the disk: the server will refuse it, and it will be counted then
        stamped = msgspec.json.encode(msgspec.structs.replace(event, device=device))
        connection.execute("UPDATE event SET size = ?, record = ? WHERE n = ?", (len(stamped), stamped, n))
    set_meta(connection, "device", device)


def keep_within(connection: sqlite3.Connection, most_bytes: int, record: Callable[[str, int], bytes]) -> int:
    """Drop the oldest waiting events where the spool is over its bound, and count them in it; how many.

    `record(condition, count)` makes the Health record that says so.
    """
    _, size = pending(connection)
    if size <= most_bytes:
        return 0
    # The counts of earlier losses must not be lost themselves.
    notes = {condition: _take_note(connection, condition) for condition in (OVERFLOW, REFUSAL)}
    # A tenth more than needed, so that not every event pays for it.
    dropped = _drop_oldest(connection, size - most_bytes + most_bytes // 10)
    notes[OVERFLOW] += dropped
    for condition, count in notes.items():
        put_note(connection, condition, count, record)
    return dropped


def _drop_oldest(connection: sqlite3.Connection, size: int) -> int:
    last: int | None = None
    for n, bytes_ in connection.execute("SELECT n, size FROM event WHERE status = 0 ORDER BY n"):
        if size <= 0:
            break
        size -= bytes_
        last = n
    if last is None:
        return 0
    return connection.execute("DELETE FROM event WHERE status = 0 AND n <= ?", (last,)).rowcount


def put_note(
    connection: sqlite3.Connection, condition: str, count: int, record: Callable[[str, int], bytes]
) -> None:
    """Add `count` to the Health record of `condition`: a week of losses is one record, not thousands."""
    if count <= 0:
        return
    count += _take_note(connection, condition)
    add(connection, [(None, record(condition, count))])
    (number,) = connection.execute("SELECT MAX(n) FROM event").fetchone()
    set_meta(connection, f"note:{condition}", str(number))


def _take_note(connection: sqlite3.Connection, condition: str) -> int:
    """Take back the waiting Health record of `condition`; the count it carried, 0 where none waits."""
    number = int(meta(connection, f"note:{condition}") or 0)
    row = connection.execute("SELECT record FROM event WHERE n = ? AND status = 0", (number,)).fetchone()
    if row is None:
        return 0
    connection.execute("DELETE FROM event WHERE n = ?", (number,))
    about = _about(row[0])
    return about.count if isinstance(about, Health) else 0


def is_note(record: bytes) -> bool:
    """Whether a record is itself about the spool's losses."""
    about = _about(record)
    return isinstance(about, Health) and about.part == "spool"


def _about(record: bytes) -> Outcome | Gone | Unseen | Health | None:
    event = _event(record)
    return None if event is None else event.about


def _event(record: bytes) -> Event | None:
    try:
        return msgspec.json.decode(record, type=Event)
    except msgspec.MsgspecError:
        return None


def meta(connection: sqlite3.Connection, name: str) -> str:
    """One of the database's own values, empty where it is missing."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return "" if row is None else str(row[0])


def set_meta(connection: sqlite3.Connection, name: str, value: str) -> None:
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
