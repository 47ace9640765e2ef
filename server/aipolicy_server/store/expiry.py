"""Removes what is older than it may be kept, a little with each call, so that nobody waits long for a lock.

Each function takes a connection, a limit of age and a number of rows, and says what it removed, by kind.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Table

from aipolicy_server.store import schema

Removed = Mapping[str, int]
Step = Callable[[Connection, int, int], Removed]

_FEW_DEVICES: Final = 20
_LOOK_AHEAD: Final = 20_000
"""Rows are numbered as they come, so the oldest are the first ones, but for nodes whose clocks disagree."""

_devices = schema.devices.c
_findings = schema.findings.c


def old_events(connection: Connection, before_us: int, most: int) -> Removed:
    """Events that were received before."""
    return _counted(events=_first_of(connection, schema.events, before_us, most))


def old_batches(connection: Connection, before_us: int, most: int) -> Removed:
    """Batches as they were received before. Their events stay.

    Of the last one only the body goes: SQLite gives the number of a last row anew, and events name theirs.
    """
    table = schema.batches
    last = sa.select(sa.func.max(table.c.n)).scalar_subquery()
    removed = _first_of(connection, table, before_us, most, table.c.n < last)
    if removed:
        return {"batches": removed}
    emptied = sa.update(table).where(table.c.n == last, table.c.received < before_us, table.c.body != b"")
    return _counted(batches=connection.execute(emptied.values(body=b"")).rowcount)


def old_alarms(connection: Connection, before_us: int, most: int) -> Removed:
    """Alarms that were last raised before."""
    table = schema.alarms
    key = sa.tuple_(table.c.device, table.c.kind, table.c.subject)
    some = sa.select(table.c.device, table.c.kind, table.c.subject).where(table.c.last < before_us)
    return _counted(
        alarms=connection.execute(
            sa.delete(table).where(key.in_(some.order_by(table.c.last).limit(most)))
        ).rowcount
    )


def old_findings(connection: Connection, before_us: int, most: int) -> Removed:
    """Findings of devices that were not heard of since: what they have now nobody knows.

    One that comes back is asked to tell all again, since its digest differs.
    """
    some = (
        sa.select(_findings.device, _findings.key)
        .where(_findings.device.in_(_quiet(before_us)))
        .order_by(_findings.device, _findings.key)
        .limit(most)
    )
    key = sa.tuple_(_findings.device, _findings.key)
    return _counted(findings=connection.execute(sa.delete(schema.findings).where(key.in_(some))).rowcount)


def old_devices(connection: Connection, before_us: int, most: int) -> Removed:
    """Devices that were not heard of since, with all that is of them."""
    quiet = _quiet(before_us).order_by(_devices.n).limit(_FEW_DEVICES)
    numbers = connection.execute(quiet.with_for_update(of=schema.devices)).scalars().all()
    for number in numbers:
        removed = of_device(connection, number, most)
        if removed:
            return removed
    return {}


def of_device(connection: Connection, number: int, most: int) -> Removed:
    """Some rows of the device, or at last the device itself; whoever calls it has locked that.

    Events and batches first, since there may be many: the rest goes at once.
    """
    for table in (schema.events, schema.batches):
        some = sa.select(table.c.n).where(table.c.device == number).limit(most)
        removed = connection.execute(sa.delete(table).where(table.c.n.in_(some))).rowcount
        if removed:
            return {table.name: removed}
    counts = {
        table.name: connection.execute(sa.delete(table).where(table.c.device == number)).rowcount
        for table in (schema.findings, schema.alarms, schema.first_sights)
    }
    connection.execute(sa.delete(schema.presence).where(schema.presence.c.device == number))
    counts["devices"] = connection.execute(sa.delete(schema.devices).where(_devices.n == number)).rowcount
    return _counted(**counts)


def _quiet(before_us: int) -> sa.Select[Any]:
    """Numbers of devices not heard of since; one that only enrolled counts from then."""
    presence = schema.presence.c
    heard: ColumnElement[int] = sa.func.coalesce(presence.last_seen, _devices.enrolled)
    return sa.select(_devices.n).join(schema.presence, presence.device == _devices.n).where(heard < before_us)


def _first_of(
    connection: Connection, table: Table, before_us: int, most: int, which: ColumnElement[bool] | None = None
) -> int:
    """How many of the first rows, that were received before, are removed now. which: only these."""
    first = sa.select(table.c.n, table.c.received).order_by(table.c.n).limit(_LOOK_AHEAD).subquery()
    old = sa.select(first.c.n).where(first.c.received < before_us).limit(most)
    statement = sa.delete(table).where(table.c.n.in_(old))
    return connection.execute(statement if which is None else statement.where(which)).rowcount


def _counted(**rows: int) -> Removed:
    return {kind: count for kind, count in rows.items() if count}
