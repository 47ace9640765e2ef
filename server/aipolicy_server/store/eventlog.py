"""The event log: filters, pages by place and not by number, so that page 10,000 costs what page 1 does."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from aipolicy.core.model import Gone, Health, Outcome, Unseen
from aipolicy_server.clock import from_us, to_us
from aipolicy_server.store import accept, cursor, schema
from aipolicy_server.store.rows import EventFilter, EventPage, EventRow

_events = schema.events.c
_hostname = schema.devices.c.hostname
_decoder: msgspec.json.Decoder[Outcome | Gone | Unseen | Health] = msgspec.json.Decoder(
    Outcome | Gone | Unseen | Health
)

# In the words of the partial index: a bound value instead of the 1 would keep the database from using it.
ACTED = sa.text("events.acted = 1")


def select_events() -> sa.Select[Any]:
    """Events with their device's name, newest first."""
    return (
        sa.select(
            _events.n,
            _events.id,
            schema.devices.c.id.label("device"),
            _hostname,
            _events.time,
            _events.received,
            _events.about,
        )
        .select_from(schema.events.join(schema.devices, schema.devices.c.n == _events.device))
        .order_by(_events.time.desc(), _events.n.desc())
    )


def page(connection: Connection, which: EventFilter, after: str | None, limit: int) -> EventPage:
    """One page of the log."""
    query = select_events().where(*_conditions(which)).limit(limit + 1)
    if after is not None:
        time, number = cursor.read(after, tuple[int, int])
        query = query.where(
            sa.tuple_(_events.time, _events.n)
            < sa.tuple_(sa.literal(time, sa.BigInteger), sa.literal(number, sa.BigInteger))
        )
    found = connection.execute(query).all()
    last = found[limit - 1] if len(found) > limit else None
    return EventPage(
        rows=tuple(event_row(row) for row in found[:limit]),
        next=cursor.write(last.time, last.n) if last is not None else None,
    )


def latest_acts(connection: Connection, limit: int) -> tuple[EventRow, ...]:
    """The latest events where an agent acted, or should have and could not."""
    revoked = sa.select(schema.devices.c.n).where(schema.devices.c.revoked.is_not(None))
    query = select_events().where(ACTED, _events.device.not_in(revoked)).limit(limit)
    return tuple(event_row(row) for row in connection.execute(query))


def tools_in_log(connection: Connection, most: int) -> Iterator[tuple[str, str]]:
    """Id and name of every tool in the log, by jumping along the index: DISTINCT would read all of it."""
    tool_id = ""
    for _ in range(most):
        # Two steps: one that asks for the next tool and its latest event at once sorts the whole table.
        following = sa.select(sa.func.min(_events.tool)).where(_events.tool > tool_id)
        found = connection.execute(following).scalar()
        if found is None:
            return
        tool_id = found
        latest = (
            sa.select(_events.about)
            .where(_events.tool == tool_id, _events.kind == "outcome")
            .order_by(_events.time.desc(), _events.n.desc())
            .limit(1)
        )
        row = connection.execute(latest).first()
        if row is None:  # only ever said to be gone
            continue
        about = _decoder.decode(row.about)
        yield tool_id, about.verdict.finding.name if isinstance(about, Outcome) else tool_id


def event_row(row: Any) -> EventRow:
    """The typed row of what `select_events` selects."""
    common = {
        "id": str(UUID(bytes=bytes(row.id))),
        "device": row.device,
        "hostname": row.hostname,
        "time": from_us(row.time),
        "received": from_us(row.received),
    }
    match _decoder.decode(row.about):
        case Outcome(verdict=verdict, done=done, detail=detail):
            finding = verdict.finding
            return EventRow(
                **common,
                kind="outcome",
                tool=finding.tool,
                name=finding.name,
                vendor=finding.vendor,
                version=finding.version,
                state=finding.state,
                confidence=finding.confidence,
                form=finding.form,
                owner=finding.owner.name,
                ruling=verdict.ruling,
                action=verdict.action,
                done=done,
                place=finding.path,
                reason=verdict.reason,
                why=verdict.why or None,
                message=verdict.message or None,
                detail=detail or None,
                policy=verdict.policy,
                catalog=verdict.catalog,
                because=finding.because,
            )
        case Gone(tool=tool, state=state, owner=owner, path=path):
            return EventRow(**common, kind="gone", tool=tool, state=state, owner=owner.name, place=path)
        case Unseen(place=place, reason=reason):
            return EventRow(**common, kind="unseen", place=place, reason=reason)
        case Health(part=part, condition=condition, detail=detail, count=count):
            return EventRow(
                **common, kind="health", place=part, reason=condition, detail=detail or None, count=count
            )


def _conditions(which: EventFilter) -> Iterator[sa.ColumnElement[bool] | sa.TextClause]:
    for name in ("tool", "owner", "ruling", "done", "kind"):
        value = getattr(which, name)
        if value:
            yield _events[name] == value
    if which.device:
        yield _events.device == schema.number_of(which.device)
    if which.done in accept.ACTED:  # says nothing new, but lets the index of acts be used
        yield ACTED
    if which.since is not None:
        yield _events.time >= to_us(which.since)
    if which.until is not None:
        yield _events.time < to_us(which.until)
    if which.text:
        named = sa.select(schema.devices.c.n).where(_hostname.icontains(which.text, autoescape=True))
        columns = (_events.tool, _events.version, _events.owner, _events.place, _events.detail)
        yield sa.or_(
            *(column.icontains(which.text, autoescape=True) for column in columns), _events.device.in_(named)
        )
