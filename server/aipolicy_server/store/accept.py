"""Takes one batch into the database in one transaction: kept as received, its events, the device's findings.

Exactly once in effect: a batch is known by (device, spool, seq), an event by its id. Nothing here answers the
device; that happens after the commit.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from aipolicy.core.model import Done, Event, Gone, Health, Outcome, Record, Unseen
from aipolicy.core.wire import finding_key
from aipolicy_server.clock import to_us
from aipolicy_server.store import drift, prepared, schema
from aipolicy_server.store.upsert import Insert, insert_into, insert_new

ACTED = frozenset({Done.WARNED, Done.DENIED, Done.ENDED, Done.NOT_ENFORCEABLE, Done.FAILED})

_encoder = msgspec.json.Encoder()


class Received(Record, frozen=True, kw_only=True):
    """A batch that was read and checked. body: as it came. digest: SHA-256 of the decompressed body."""

    device: str
    spool: str
    seq: int
    digest: bytes
    body: bytes
    received_us: int
    events: tuple[Event, ...]


class Stored(Record, frozen=True, kw_only=True):
    """events: how many were new; 0 for a batch that had been stored before."""

    events: int


class Conflict(Record, frozen=True, kw_only=True):
    """This batch number was used before for something else: the device's state was copied or set back."""


def accept(connection: Connection, batch: Received) -> Stored | Conflict:
    """Stores the batch, or finds that it is stored already."""
    new: Any = prepared.run(
        connection,
        _insert_batch,
        _BATCH,
        (batch.device, batch.spool, batch.seq, batch.digest, batch.received_us, batch.body),
    ).first()
    if new is None:
        return _stored_before(connection, batch)
    if not batch.events:
        return Stored(events=0)
    number, device = new
    texts = [_encoder.encode(event.about).decode() for event in batch.events]
    fresh = _insert_events(connection, batch, texts, number, device)
    if any(drift.opens_all_again(batch.events[place]) for place in fresh):
        drift.note_told_again(connection, device, number)
    _apply(connection, [(batch.events[place], texts[place]) for place in fresh], number, device)
    return Stored(events=len(fresh))


_BATCH = ("device_id", "spool", "seq", "digest", "received", "body")


def _insert_batch(dialect: str) -> Any:
    device = sa.select(schema.devices.c.n).where(schema.devices.c.id == sa.bindparam("device_id"))
    table = schema.batches
    insert = insert_into(dialect, table).values(device=device.scalar_subquery()).on_conflict_do_nothing()
    return insert.returning(table.c.n, table.c.device)


def _stored_before(connection: Connection, batch: Received) -> Stored | Conflict:
    table = schema.batches.c
    digest = connection.execute(
        sa.select(table.digest).where(
            table.device == schema.number_of(batch.device), table.spool == batch.spool, table.seq == batch.seq
        )
    ).scalar_one()
    if bytes(digest) == batch.digest:
        return Stored(events=0)
    raise_alarm(connection, batch.device, "content-conflict", f"{batch.spool} {batch.seq}", batch.received_us)
    return Conflict()


def raise_alarm(connection: Connection, device_id: str, kind: str, subject: str, now_us: int) -> None:
    """Notes that a device sent what it must not: one row per subject, however often it comes."""
    table = schema.alarms
    device = schema.number_of(device_id)
    found = connection.execute(
        sa.update(table)
        .where(table.c.device == device, table.c.kind == kind, table.c.subject == subject)
        .values(last=now_us, count=table.c.count + 1)
    )
    if found.rowcount == 0:
        row = {"kind": kind, "subject": subject, "first": now_us, "last": now_us, "count": 1}
        connection.execute(insert_new(connection, table).values(device=device, **row))


# --- events ----------------------------------------------------------------------------------------------

_EVENT = tuple(column.name for column in schema.events.columns if column.name != "n")


def _new_event(dialect: str) -> Insert:
    return insert_into(dialect, schema.events).on_conflict_do_nothing()


def _insert_events(
    connection: Connection, batch: Received, texts: Sequence[str], number: int, device: int
) -> Sequence[int]:
    """Inserts the events that are not there yet; the places in the batch of those that were not."""
    rows = [
        _event_row(event, text, batch, number, device)
        for event, text in zip(batch.events, texts, strict=True)
    ]
    if prepared.run_all(connection, _new_event, _EVENT, rows) == len(rows):
        return range(len(rows))
    table = schema.events.c
    mine = connection.execute(
        sa.select(table.id).where(
            table.device == device, table.batch == number, table.id.in_([row[0] for row in rows])
        )
    )
    stored = {bytes(event_id) for event_id in mine.scalars()}
    first = {row[0]: place for place, row in reversed(list(enumerate(rows)))}
    return sorted(place for event_id, place in first.items() if event_id in stored)


def _event_row(event: Event, text: str, batch: Received, number: int, device: int) -> tuple[Any, ...]:
    about = event.about
    filtered: tuple[str | int | None, ...]
    head = (bytes.fromhex(event.id.replace("-", "")), device, number, to_us(event.time), batch.received_us)
    match about:
        case Outcome(verdict=verdict, done=done, detail=detail):
            finding = verdict.finding
            filtered = (
                "outcome",
                finding.tool,
                finding.version,
                finding.owner.name,
                verdict.ruling.value,
                done.value,
                1 if done in ACTED else None,
                finding.path,
                detail or None,
            )
        case Gone(tool=tool, owner=owner, path=path):
            filtered = ("gone", tool, None, owner.name, None, None, None, path, None)
        case Unseen(place=place, reason=reason):
            filtered = ("unseen", None, None, None, None, None, None, place, reason)
        case Health(part=part, condition=condition):
            filtered = ("health", None, None, None, None, None, None, part, condition)
    return (*head, *filtered, text)


# --- findings --------------------------------------------------------------------------------------------

_FINDING = tuple(column.name for column in schema.findings.columns)

# The rest is the finding's key, or when it was first seen, and does not change.
_CHANGING = ("name", "vendor", "category", "version", "owner", "ruling", "outcome", "changed", "batch")


def _put_finding(dialect: str) -> Insert:
    insert = insert_into(dialect, schema.findings)
    return insert.on_conflict_do_update(
        index_elements=["device", "key"], set_={name: insert.excluded[name] for name in _CHANGING}
    )


def _apply(connection: Connection, events: Sequence[tuple[Event, str]], number: int, device: int) -> None:
    """Brings the device's own findings to what these events say, the last word on each finding winning."""
    gone: set[bytes] = set()
    there: dict[bytes, tuple[Any, ...]] = {}
    first_seen: dict[bytes, int] = {}
    for event, text in events:
        match event.about:
            case Outcome() as outcome:
                key = _hashed(finding_key(outcome.verdict.finding))
                at = to_us(event.time)
                row = _finding_row(outcome, text, first_seen.setdefault(key, at), at)
                there[key] = (device, key, *row, number)
            case Gone(tool=tool, state=state, owner=owner, path=path):
                key = _hashed("\x1f".join((tool, state, str(owner.uid), path)))
                there.pop(key, None)
                first_seen.pop(key, None)
                gone.add(key)
    if gone:
        table = schema.findings
        connection.execute(sa.delete(table).where(table.c.device == device, table.c.key.in_(sorted(gone))))
    if there:
        prepared.run_all(connection, _put_finding, _FINDING, list(there.values()))


def _finding_row(outcome: Outcome, text: str, first_us: int, changed_us: int) -> tuple[Any, ...]:
    finding = outcome.verdict.finding
    return (
        finding.tool,
        finding.name,
        finding.vendor,
        finding.category,
        finding.version,
        finding.state.value,
        finding.owner.name,
        outcome.verdict.ruling.value,
        text,
        first_us,
        changed_us,
    )


def _hashed(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "backslashreplace")).digest()[:16]
