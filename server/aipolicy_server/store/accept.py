"""Takes one batch into the database in one transaction: kept as received, its events, the device's findings.

Exactly once in effect: a batch is known by (device, spool, seq), an event by its id. Nothing here answers the
device; that happens after the commit.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, select, update

from aipolicy.core.model import Done, Event, Gone, Health, Outcome, Record, Unseen
from aipolicy.core.wire import finding_key
from aipolicy_server.clock import to_us
from aipolicy_server.store import schema
from aipolicy_server.store.upsert import insert_new, upsert

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
    number = connection.execute(
        insert_new(connection, schema.batches).returning(schema.batches.c.n),
        {
            "device": batch.device,
            "spool": batch.spool,
            "seq": batch.seq,
            "digest": batch.digest,
            "received": batch.received_us,
            "body": batch.body,
        },
    ).scalar()
    if number is None:
        return _stored_before(connection, batch)
    if not batch.events:
        return Stored(events=0)
    new = _insert_events(connection, batch, number)
    _apply(connection, batch, new)
    return Stored(events=len(new))


def _stored_before(connection: Connection, batch: Received) -> Stored | Conflict:
    table = schema.batches.c
    digest = connection.execute(
        select(table.digest).where(
            table.device == batch.device, table.spool == batch.spool, table.seq == batch.seq
        )
    ).scalar_one()
    if bytes(digest) == batch.digest:
        return Stored(events=0)
    raise_alarm(connection, batch.device, "content-conflict", f"{batch.spool} {batch.seq}", batch.received_us)
    return Conflict()


def raise_alarm(connection: Connection, device: str, kind: str, subject: str, now_us: int) -> None:
    """Notes that a device sent what it must not: one row per subject, however often it comes."""
    table = schema.alarms
    found = connection.execute(
        update(table)
        .where(table.c.device == device, table.c.kind == kind, table.c.subject == subject)
        .values(last=now_us, count=table.c.count + 1)
    )
    if found.rowcount == 0:
        row = {
            "device": device,
            "kind": kind,
            "subject": subject,
            "first": now_us,
            "last": now_us,
            "count": 1,
        }
        connection.execute(insert_new(connection, table), row)


def _insert_events(connection: Connection, batch: Received, number: int) -> Sequence[Event]:
    """Inserts the events that are not there yet and says which ones that were."""
    rows = [_row(event, batch, number) for event in batch.events]
    result = connection.execute(insert_new(connection, schema.events), rows)
    if result.rowcount == len(rows):
        return batch.events
    table = schema.events.c
    mine = set(
        connection.execute(
            select(table.id).where(
                table.device == batch.device,
                table.id.in_([event.id for event in batch.events]),
                table.batch == number,
            )
        ).scalars()
    )
    return [event for event in {e.id: e for e in reversed(batch.events)}.values() if event.id in mine][::-1]


def _row(event: Event, batch: Received, number: int) -> dict[str, Any]:
    about = event.about
    row: dict[str, Any] = {
        "id": event.id,
        "device": batch.device,
        "batch": number,
        "time": to_us(event.time),
        "received": batch.received_us,
        "kind": about.__struct_config__.tag,
        "tool": None,
        "version": None,
        "owner": None,
        "ruling": None,
        "done": None,
        "acted": None,
        "place": None,
        "detail": None,
        "about": _encoder.encode(about).decode(),
    }
    match about:
        case Outcome(verdict=verdict):
            finding = verdict.finding
            row["tool"], row["version"], row["place"] = finding.tool, finding.version, finding.path
            row["owner"], row["ruling"] = finding.owner.name, verdict.ruling.value
            row["done"], row["detail"] = about.done.value, about.detail or None
            row["acted"] = 1 if about.done in ACTED else None
        case Gone():
            row["tool"], row["place"], row["owner"] = about.tool, about.path, about.owner.name
        case Unseen():
            row["place"], row["detail"] = about.place, about.reason
        case Health():
            row["place"], row["detail"] = about.part, about.condition
    return row


def _apply(connection: Connection, batch: Received, events: Sequence[Event]) -> None:
    """Brings the device's own findings to what these events say, the last word on each finding winning."""
    gone: set[str] = set()
    there: dict[str, dict[str, Any]] = {}
    for event in events:
        match event.about:
            case Outcome() as outcome:
                key = _hashed(finding_key(outcome.verdict.finding))
                first = there[key]["first_seen"] if key in there else to_us(event.time)
                there[key] = _finding(outcome, batch, key, first, to_us(event.time))
            case Gone(tool=tool, state=state, owner=owner, path=path):
                key = _hashed("\x1f".join((tool, state, str(owner.uid), path)))
                there.pop(key, None)
                gone.add(key)
    table = schema.findings
    if gone:
        connection.execute(
            delete(table).where(table.c.device == batch.device, table.c.key == bindparam("gone_key")),
            [{"gone_key": key} for key in sorted(gone)],
        )
    if there:
        connection.execute(upsert(connection, table, keep=("first_seen",)), list(there.values()))


def _finding(outcome: Outcome, batch: Received, key: str, first_us: int, changed_us: int) -> dict[str, Any]:
    verdict = outcome.verdict
    finding = verdict.finding
    return {
        "device": batch.device,
        "key": key,
        "tool": finding.tool,
        "name": finding.name,
        "vendor": finding.vendor,
        "category": finding.category,
        "version": finding.version,
        "state": finding.state.value,
        "owner": finding.owner.name,
        "ruling": verdict.ruling.value,
        "outcome": _encoder.encode(outcome).decode(),
        "first_seen": first_us,
        "changed": changed_us,
        "received": batch.received_us,
    }


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()
